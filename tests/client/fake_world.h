// FakeWorld: the client core over a transport made of lists, with time that the test moves.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/entry.h"
#include "base/record_batch.h"
#include "client/core.h"
#include "wire/codec.h"

namespace strandlog::client {

/// A request that reached a broker.
struct Asked {
  LinkId link;
  std::string address;
  wire::Request request;
  std::vector<Bytes> blobs;
  template <class Body>
  const Body& body() const {
    return std::get<Body>(request.body);
  }
};

class FakeTransport : public Transport {
 public:
  strandlog::Result<void> listen(ListenerKind, const std::string&) override { return {}; }
  LinkId connect(const std::string& address) override {
    LinkId link{++last_link_};
    open_[link] = address;
    connects.push_back(address);
    if (!absent.contains(address)) events.push_back(event(NetEvent::Kind::kUp, link));
    return link;
  }
  void close(LinkId link) override { open_.erase(link); }
  bool send(LinkId link, Message message) override {
    auto open = open_.find(link);
    if (open == open_.end() || full) return false;
    auto request = wire::decode_request(message.control);
    CHECK(request.ok());
    asked.push_back({link, open->second, std::move(*request), std::move(message.blobs)});
    return true;
  }
  void poll(std::vector<NetEvent>&) override {}

  /// Breaks every link to the broker.
  void cut(const std::string& address) {
    for (const auto& [link, to] : open_) {
      if (to == address) events.push_back(event(NetEvent::Kind::kDown, link));
    }
  }
  static NetEvent event(NetEvent::Kind kind, LinkId link) {
    NetEvent out;
    out.kind = kind;
    out.link = link;
    return out;
  }

  std::set<std::string> absent;
  std::vector<std::string> connects;
  std::deque<NetEvent> events;
  std::deque<Asked> asked;
  bool full = false;

 private:
  uint64_t last_link_ = 0;
  std::map<LinkId, std::string> open_;
};

inline std::string address_of(uint64_t broker) { return "b" + std::to_string(broker) + ":1"; }

template <class Uuid>
Uuid uuid_of(uint8_t n) {
  Uuid out;
  out.bytes[0] = n;
  return out;
}
inline const TopicId kTopic = uuid_of<TopicId>(7);
inline GroupId group_of(uint32_t partition) {
  return uuid_of<GroupId>(static_cast<uint8_t>(100 + partition));
}

/// Three brokers b1:1 to b3:1 and one topic "t"; answers metadata by itself.
class FakeWorld {
 public:
  explicit FakeWorld(uint32_t partitions = 1,
                     std::vector<std::string> servers = {address_of(1), address_of(2)})
      : core(net, {std::move(servers), "test", 5000}) {
    metadata.cluster = uuid_of<ClusterId>(9);
    metadata.catalog_leader = BrokerId{1};
    for (uint64_t i = 1; i <= 3; ++i) {
      metadata.brokers.push_back(
          {{BrokerId{i}, uuid_of<StoreId>(static_cast<uint8_t>(i)), address_of(i), ""}, true});
    }
    wire::MetadataAnswer::Topic topic;
    topic.name = "t";
    topic.id = kTopic;
    for (uint32_t p = 0; p < partitions; ++p) {
      topic.partitions.push_back({p, group_of(p), true, BrokerId{1}, Term{1}, {}});
    }
    metadata.topics.push_back(topic);
  }

  /// Runs the core until nothing moves; requests other than metadata gather in `inbox`.
  void settle() {
    do {
      while (!net.events.empty()) {
        NetEvent event = std::move(net.events.front());
        net.events.pop_front();
        core.handle(now, std::move(event));
      }
      core.turn(now);
      while (!net.asked.empty()) {
        Asked asked = std::move(net.asked.front());
        net.asked.pop_front();
        const auto* wanted = std::get_if<wire::MetadataRequest>(&asked.request.body);
        if (wanted == nullptr) {
          inbox.push_back(std::move(asked));
          continue;
        }
        ++metadata_requests;
        most_topics_asked = std::max(most_topics_asked, wanted->topics.size());
        metadata_from.insert(asked.address);
        if (mute_metadata) {
          muted.push_back(std::move(asked));
        } else {
          answer(asked, metadata_for(*wanted));
        }
      }
    } while (!net.events.empty() || core.next_deadline() <= now);
  }
  /// Moves time, stopping wherever the core wants a turn.
  void pass_ms(int64_t ms) {
    Time end = now.plus_ms(ms);
    settle();
    while (now < end) {
      now = std::min(end, std::max(core.next_deadline(), Time{now.us + 1}));
      settle();
    }
  }
  Asked take() {
    CHECK(!inbox.empty());
    Asked asked = std::move(inbox.front());
    inbox.pop_front();
    return asked;
  }

  void answer(const Asked& asked, wire::AnswerBody body, std::vector<Bytes> blobs = {}) {
    wire::Answer answer;
    answer.id = asked.request.id;
    answer.body = std::move(body);
    push(asked.link, answer, std::move(blobs));
  }
  void refuse(const Asked& asked, wire::WireError error) {
    wire::Answer answer;
    answer.id = asked.request.id;
    answer.error = std::move(error);
    push(asked.link, answer, {});
  }
  void lead(uint32_t partition, uint64_t broker, uint64_t term) {
    metadata.topics[0].partitions[partition].leader = BrokerId{broker};
    metadata.topics[0].partitions[partition].term = Term{term};
  }

  FakeTransport net;
  Core core;
  Time now{1'000'000};
  wire::MetadataAnswer metadata;
  bool mute_metadata = false;
  std::vector<Asked> muted;  ///< the requests for it that were not answered
  wire::WireError why_missing{strandlog::Code::kNotFound, "no such topic", {}, {}};
  int metadata_requests = 0;
  size_t most_topics_asked = 0;
  std::set<std::string> metadata_from;
  std::deque<Asked> inbox;

 private:
  wire::MetadataAnswer metadata_for(const wire::MetadataRequest& request) const {
    wire::MetadataAnswer out = metadata;
    out.topics.clear();
    for (const std::string& name : request.topics) {
      bool found = false;
      for (const auto& topic : metadata.topics) {
        if (topic.name != name) continue;
        out.topics.push_back(topic);
        found = true;
      }
      if (found) continue;
      wire::MetadataAnswer::Topic missing;
      missing.name = name;
      missing.error = why_missing;
      out.topics.push_back(missing);
    }
    return out;
  }
  void push(LinkId link, const wire::Answer& answer, std::vector<Bytes> blobs) {
    NetEvent event = FakeTransport::event(NetEvent::Kind::kMessage, link);
    event.message = {wire::encode(answer), std::move(blobs)};
    net.events.push_back(std::move(event));
  }
};

/// The values of a batch's records, joined by commas.
inline std::string values_of(ByteView batch) {
  std::vector<uint8_t> scratch;
  auto records = read_records(batch, 1 << 20, scratch);
  CHECK(records.ok());
  std::string out;
  for (const RecordView& record : *records) {
    out += (out.empty() ? "" : ",") + std::string(text_of(record.value.value_or(ByteView{})));
  }
  return out;
}

}  // namespace strandlog::client
