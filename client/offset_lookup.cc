// Offset lookup: rounds of metadata and questions until nothing is open.
#include "client/offset_lookup.h"

#include <algorithm>
#include <set>

#include "client/error.h"

namespace strandlog::client {
namespace {

class EndsLookup {
 public:
  EndsLookup(Port& port, const std::vector<TopicPartition>& partitions, int64_t timeout_ms)
      : port_(port),
        deadline_(port.now().plus_ms(timeout_ms)),
        open_(partitions.begin(), partitions.end()) {}

  Result<std::map<TopicPartition, Ends>> run() {
    Backoff backoff;
    while (true) {
      auto plan = by_leader();
      if (!plan.ok()) return plan.error();
      for (const auto& [address, asked] : plan.value()) {
        if (auto failed = ask(address, asked); failed) return *failed;
      }
      if (open_.empty()) return std::move(ends_);
      if (left_ms() <= 0) return last_error_;
      port_.pause(std::min(backoff.next_ms(), left_ms()));
    }
  }

 private:
  using Asked = std::map<wire::TopicPartition, TopicPartition>;

  int64_t left_ms() const { return (deadline_.us - port_.now().us) / 1000; }

  Result<std::map<std::string, Asked>> by_leader() {
    wire::MetadataRequest request;
    std::set<std::string> names;
    for (const TopicPartition& where : open_) names.insert(where.topic);
    request.topics.assign(names.begin(), names.end());
    auto metadata = body_of<wire::MetadataAnswer>(
        port_.ask_any(std::move(request), std::max<int64_t>(left_ms(), 1), 0));
    if (!metadata.ok()) return metadata.error();
    std::map<BrokerId, std::string> addresses;
    for (const auto& broker : metadata->brokers) {
      addresses[broker.address.broker] = broker.address.client_address;
    }
    std::map<std::string, Asked> plan;
    for (const TopicPartition& where : open_) {
      auto topic = std::find_if(metadata->topics.begin(), metadata->topics.end(),
                                [&](const auto& one) { return one.name == where.topic; });
      if (topic == metadata->topics.end() || topic->error) {
        return public_error(strandlog::Code::kNotFound,
                            "topic \"" + where.topic + "\" does not exist");
      }
      auto number = static_cast<size_t>(where.partition);
      if (where.partition < 0 || number >= topic->partitions.size()) {
        return public_error(strandlog::Code::kNotFound,
                            "topic \"" + where.topic + "\" has " +
                                std::to_string(topic->partitions.size()) + " partitions, no " +
                                std::to_string(where.partition));
      }
      auto leader = addresses.find(topic->partitions[number].leader);
      if (leader == addresses.end()) {
        last_error_ = public_error(
            strandlog::Code::kNoLeader,
            where.topic + "/" + std::to_string(where.partition) + " has no leader now");
        continue;
      }
      plan[leader->second][{topic->id, static_cast<uint32_t>(number)}] = where;
    }
    return plan;
  }

  // An error that cannot pass by itself.
  std::optional<Error> ask(const std::string& address, const Asked& asked) {
    wire::ListOffsetsRequest request;
    for (const auto& [wire_where, where] : asked) request.items.push_back(wire_where);
    int64_t timeout_ms = std::clamp<int64_t>(left_ms(), 1, kAttemptMs);
    auto answer = body_of<wire::ListOffsetsAnswer>(
        port_.call(address, std::move(request), timeout_ms), address);
    if (!answer.ok()) {
      last_error_ = answer.error();
      if (last_error_.retry == Retry::kSafe) return std::nullopt;
      return last_error_;
    }
    for (const auto& item : answer->items) {
      auto where = asked.find(item.where);
      if (where == asked.end()) continue;
      if (!item.error) {
        ends_[where->second] = {static_cast<int64_t>(item.start.value),
                                static_cast<int64_t>(item.end.value)};
        open_.erase(where->second);
        continue;
      }
      last_error_ = public_error(*item.error, address);
      bool passes = is_retriable(item.error->code) ||
                    item.error->code == strandlog::Code::kNotFound ||
                    item.error->code == strandlog::Code::kFaulty;
      if (!passes) return last_error_;
    }
    return std::nullopt;
  }

  // Longer than an election and a quorum read, shorter than a patient caller's timeout.
  static constexpr int64_t kAttemptMs = 2000;

  Port& port_;
  Time deadline_;
  std::set<TopicPartition> open_;
  std::map<TopicPartition, Ends> ends_;
  Error last_error_{Code::kTimeout, Retry::kSafe, Written::kNo, "no leader answered in time"};
};

}  // namespace

Result<std::map<TopicPartition, Ends>> look_up_ends(Port& port,
                                                    const std::vector<TopicPartition>& partitions,
                                                    int64_t timeout_ms) {
  return EndsLookup(port, partitions, timeout_ms).run();
}

}  // namespace strandlog::client
