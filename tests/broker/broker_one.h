// BrokerOne: broker 1 of three in a test that speaks for the others, its disk and its clients.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/context.h"
#include "tests/broker/sent_transport.h"
#include "tests/dice.h"
#include "tests/store/fake_disk.h"

namespace strandlog::broker {

inline StoreId store_of(uint64_t broker) {
  StoreId id;
  id.bytes[0] = static_cast<uint8_t>(broker);
  return id;
}

/// Has replica 1 of a group of three; brokers 2 and 3 are heard from and say what a test says.
class BrokerOne : public testing::Test {
 protected:
  static constexpr Uid kShared{1};

  explicit BrokerOne(store::StoreOptions options = {}) : store_(opened(options)) {
    for (uint64_t peer : {2, 3}) {
      std::string address = "127.0.0.1:";
      address += std::to_string(7500 + peer);
      peers_.meet({BrokerId{peer}, store_of(peer), "", address});
      wire::PeerMessage hello;
      hello.cluster = cluster_;
      hello.from = BrokerId{peer};
      hello.store = store_of(peer);
      hello.boot_id = BootId{peer};
      hello.to_boot = BootId{100};
      std::string why;
      peers_.judge(hello, cluster_, why);
    }
    spec_ = make(kShared, {1, 2, 3});
  }
  /// Replica `uid` of a group of its own, on these brokers.
  store::ReplicaSpec make(Uid uid, const std::vector<uint64_t>& brokers) {
    wire::Configuration members;
    for (uint64_t n : brokers) {
      members.voters.push_back({uid.plus(n - 1), BrokerId{n}, store_of(n)});
    }
    store::ReplicaSpec spec{uid, {}, {}, std::string(1, 't'), 0, 0};
    spec.group.bytes[0] = static_cast<uint8_t>(8 + uid.value);
    spec.topic.bytes[0] = 1;
    store_->make(spec, wire::encode(members));
    replicas_.open(uid, true);
    write();
    return spec;
  }
  Replica& replica() { return *replicas_.find(kShared); }
  /// The catalog has topic "t" with a partition of each group.
  void create_topic(const std::vector<GroupId>& groups) {
    CatalogState state;
    CatalogTopic topic;
    topic.id = spec_.topic;
    topic.name = spec_.topic_name;
    for (const GroupId& group : groups) {
      topic.partitions.push_back({group, topic.partitions.size() + 1, {}, {}, true});
    }
    state.topics[topic.id] = topic;
    state.applied = Index{1};
    catalog_ = *Catalog::from(std::move(state));
  }
  wire::TopicPartition partition(uint32_t number) const { return {spec_.topic, number}; }

  /// One round to the disk and back.
  void write() {
    if (store_->dirty()) store_->submit();
    for (int i = 0; i < 100 && store_->writing(); ++i) poll();
  }
  void poll() {
    std::vector<store::StoreEvent> events;
    store_->poll(events);
    for (const auto& event : events) {
      if (const auto* durable = std::get_if<store::RoundDurable>(&event)) {
        replicas_.on_durable(*durable);
      } else if (const auto* read = std::get_if<store::ReadDone>(&event)) {
        reads_.push_back(*read);
      }
    }
  }
  /// What went to the peers since the last call.
  std::vector<wire::RaftMessage> sent() {
    peers_.flush(Time{0}, 1'000'000, {});
    std::vector<wire::RaftMessage> out;
    for (const auto& [link, message] : std::exchange(transport_.sent, {})) {
      out.insert(out.end(), message.raft.begin(), message.raft.end());
    }
    return out;
  }
  void receive(wire::RaftMessage message, uint64_t from, const std::vector<Bytes>& frames = {}) {
    message.group = spec_.group;
    message.from = Uid{from};
    message.to = kShared;
    replicas_.receive(BrokerId{from}, message, frames);
  }
  void settle() {
    for (const ReplicaEvent& event : replicas_.settle()) events_.push_back(event);
  }
  void tick() {
    for (uint64_t peer : {2, 3}) replicas_.heard(BrokerId{peer}, BootId{peer}, 0);
    replicas_.tick();
    settle();
    write();
    settle();
  }
  /// Ticks and grants until it leads; what it sent in that very turn is still to be read.
  void elect() {
    for (int i = 0; i < 1000 && !replica().leads(); ++i) {
      tick();
      for (const wire::RaftMessage& asked : sent()) {
        if (asked.kind != wire::RaftMessage::Kind::kVoteRequest || asked.to != Uid{2}) continue;
        wire::RaftMessage answer;
        answer.kind = wire::RaftMessage::Kind::kVoteAnswer;
        answer.term = asked.term;
        answer.pre = asked.pre;
        answer.granted = true;
        receive(answer, 2);
        settle();
      }
    }
    ASSERT_TRUE(replica().leads());
  }
  /// All is written here, and replica 2 has what it was sent: it is committed, reads are confirmed.
  void follow() {
    settle();
    write();
    for (int i = 0; i < 3; ++i) {
      settle();
      answer_for_2(sent());
    }
    settle();
  }
  /// Replica 2 has what it was sent.
  void answer_for_2(const std::vector<wire::RaftMessage>& sent) {
    for (const wire::RaftMessage& append : sent) {
      if (append.kind != wire::RaftMessage::Kind::kAppend || append.to != Uid{2}) continue;
      wire::RaftMessage answer;
      answer.kind = wire::RaftMessage::Kind::kAppendAnswer;
      answer.term = append.term;
      answer.accepted = true;
      answer.match = append.last;
      answer.read_round = append.read_round;
      receive(answer, 2);
    }
  }
  bool happened(ReplicaEvent::Kind kind) const {
    return std::any_of(events_.begin(), events_.end(),
                       [&](const ReplicaEvent& event) { return event.kind == kind; });
  }
  /// Where a client's request is answered: into transport_.answers.
  static ReplyTo client(uint64_t request) { return {LinkId{1'000'000}, request, {}}; }
  std::vector<wire::Answer> answers() { return std::exchange(transport_.answers, {}); }

  store::FakeDisk disk_;
  Dice dice_{1};
  BrokerConfig config_ = [] {
    BrokerConfig config;
    config.uncommitted_bytes_group = 1000;
    return config;
  }();
  ClusterId cluster_{{1}};
  SentTransport transport_;
  Self self_{{BrokerId{1}, store_of(1), "127.0.0.1:7400", "127.0.0.1:7500"},
             BootEpoch{1},
             BootId{100},
             RoundNumber{1}};
  Peers peers_{self_, transport_};
  std::unique_ptr<store::Store> store_;
  store::ReplicaSpec spec_;  ///< of replica 1
  std::vector<ReplicaEvent> events_;
  std::vector<store::ReadDone> reads_;
  Replicas replicas_{config_, *store_, peers_, dice_};
  Catalog catalog_;
  Leaders leaders_;
  Metrics metrics_;
  Context context_{config_,  self_,    *store_, transport_, dice_, replicas_, catalog_,
                   leaders_, metrics_, {},      0,          {},    {},        {}};

 private:
  std::unique_ptr<store::Store> opened(const store::StoreOptions& options) {
    auto store = store::Store::open(options, disk_, dice_, store_of(1));
    CHECK(store.ok());
    return std::move(*store);
  }
};

}  // namespace strandlog::broker
