// Offset lookup: rounds of metadata and questions until nothing is open.
#include "client/offset_lookup.h"

#include <algorithm>
#include <set>

#include "client/error.h"
#include "client/leader_plan.h"

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
    while (!open_.empty()) {
      auto plan = plan_by_leader(port_, open_, left_ms());
      if (!plan.ok()) return plan.error();
      if (plan->leaderless) last_error_ = *plan->leaderless;
      for (const auto& [address, asked] : plan->by_address) {
        if (auto failed = ask(address, asked); failed) return *failed;
      }
      if (open_.empty()) break;
      if (left_ms() <= 0) return last_error_;
      port_.pause(std::min(backoff.next_ms(), left_ms()));
    }
    return std::move(ends_);
  }

 private:
  int64_t left_ms() const { return (deadline_.us - port_.now().us) / 1000; }

  // An error that cannot pass by itself.
  std::optional<Error> ask(const std::string& address,
                           const std::map<wire::TopicPartition, LedPartition>& asked) {
    for (auto next = asked.begin(); next != asked.end();) {
      wire::ListOffsetsRequest request;
      while (next != asked.end() && request.items.size() < kMaxItems) {
        request.items.push_back((next++)->first);
      }
      if (auto failed = ask(address, asked, std::move(request)); failed) return failed;
    }
    return std::nullopt;
  }

  std::optional<Error> ask(const std::string& address,
                           const std::map<wire::TopicPartition, LedPartition>& asked,
                           wire::ListOffsetsRequest request) {
    int64_t timeout_ms = std::clamp<int64_t>(left_ms(), 1, kAttemptMs);
    auto answer = body_of<wire::ListOffsetsAnswer>(
        port_.call(address, std::move(request), timeout_ms), address);
    if (!answer.ok()) {
      last_error_ = answer.error();
      if (last_error_.retry == Retry::kSafe) return std::nullopt;
      return last_error_;
    }
    for (const auto& item : answer->items) {
      auto led = asked.find(item.where);
      if (led == asked.end()) continue;
      if (!item.error) {
        ends_[led->second.where] = {static_cast<int64_t>(item.start.value),
                                    static_cast<int64_t>(item.end.value)};
        open_.erase(led->second.where);
        continue;
      }
      last_error_ = public_error(*item.error, address);
      if (!may_pass_elsewhere(item.error->code)) return last_error_;
    }
    return std::nullopt;
  }

  // Longer than an election and a quorum read, shorter than a patient caller's timeout.
  static constexpr int64_t kAttemptMs = 2000;
  // Of one request: brokers refuse more than 4096.
  static constexpr size_t kMaxItems = 1024;

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
