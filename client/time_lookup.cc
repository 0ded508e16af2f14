// Time lookup: the first offset of partitions at or after a moment, by halving.
#include "client/time_lookup.h"

#include <algorithm>
#include <set>

#include "base/entry.h"
#include "client/error.h"
#include "client/leader_plan.h"
#include "client/offset_lookup.h"

namespace strandlog::client {
namespace {

constexpr size_t kMaxItems = 1024;
constexpr uint32_t kAnswerBytes = 8u << 20;
// A leader sends a whole batch whatever is asked for.
constexpr uint32_t kItemBytes = 1;
constexpr int64_t kAttemptMs = 2000;

// The data batch that holds `offset`; nothing when the run does not reach it.
Result<std::optional<EntryHeader>> batch_at(const std::vector<Bytes>& frames, const GroupId& group,
                                            int64_t offset) {
  for (const Bytes& frame : frames) {
    ByteView rest = frame;
    while (!rest.empty()) {
      auto header = decode_entry_header(rest, group);
      if (!header.ok()) return public_error(header.error());
      if (header->body_bytes > rest.size() - kEntryHeaderBytes) {
        return public_error(strandlog::Code::kCorruption, "an entry is cut short");
      }
      if (static_cast<int64_t>(header->next_offset().value) > offset) {
        return std::optional<EntryHeader>(*header);
      }
      rest = rest.subspan(kEntryHeaderBytes + header->body_bytes);
    }
  }
  return std::optional<EntryHeader>();
}

class TimeLookup {
 public:
  TimeLookup(Port& port, int64_t timeout_ms)
      : port_(port), deadline_(port.now().plus_ms(timeout_ms)) {}

  Result<std::map<TopicPartition, int64_t>> run(const std::map<TopicPartition, int64_t>& times) {
    std::vector<TopicPartition> partitions;
    for (const auto& [where, ms] : times) partitions.push_back(where);
    auto ends = look_up_ends(port_, partitions, left_ms());
    if (!ends.ok()) return ends.error();
    for (const auto& [where, ms] : times) {
      const Ends& range = ends->at(where);
      narrow(where, open_[where] = {ms, range.start, range.end});
    }
    Backoff backoff;
    while (!open_.empty()) {
      if (auto failed = round(); failed) return *failed;
      if (progressed_) {
        backoff.reset();
        continue;
      }
      if (left_ms() <= 0) return last_error_;
      port_.pause(std::min(backoff.next_ms(), left_ms()));
    }
    return std::move(found_);
  }

 private:
  // The offset lies in [low, high].
  struct Range {
    int64_t ms = 0, low = 0, high = 0;
    int64_t middle() const { return low + (high - low) / 2; }
  };

  int64_t left_ms() const { return (deadline_.us - port_.now().us) / 1000; }

  void narrow(const TopicPartition& where, const Range& range) {
    if (range.low < range.high) return;
    found_[where] = range.low;
    open_.erase(where);
  }

  std::optional<Error> round() {
    progressed_ = false;
    std::set<TopicPartition> wanted;
    for (const auto& [where, range] : open_) wanted.insert(where);
    if (plan_.by_address.empty()) {
      auto plan = plan_by_leader(port_, wanted, left_ms());
      if (!plan.ok()) return plan.error();
      plan_ = std::move(*plan);
      if (plan_.leaderless) last_error_ = *plan_.leaderless;
    }
    for (auto& [address, led] : plan_.by_address) {
      std::erase_if(led, [&](const auto& one) { return !open_.contains(one.second.where); });
      if (led.empty()) continue;
      if (auto failed = ask(address, led); failed) return failed;
    }
    if (!progressed_) plan_ = {};  // leaders may have changed
    return std::nullopt;
  }

  std::optional<Error> ask(const std::string& address,
                           const std::map<wire::TopicPartition, LedPartition>& led) {
    wire::FetchRequest request;
    request.max_wait_ms = 0;
    request.max_bytes = kAnswerBytes;
    for (const auto& [wire_where, one] : led) {
      if (request.items.size() >= kMaxItems) break;
      auto from = Offset{static_cast<uint64_t>(open_.at(one.where).middle())};
      request.items.push_back({wire_where, from, kItemBytes});
    }
    Reply reply =
        port_.call(address, std::move(request), std::clamp<int64_t>(left_ms(), 1, kAttemptMs));
    auto answer = body_of<wire::FetchAnswer>(reply, address);
    if (!answer.ok()) {
      last_error_ = answer.error();
      if (last_error_.retry == Retry::kSafe) return std::nullopt;
      return last_error_;
    }
    size_t frame = 0;
    for (const auto& item : answer->items) {
      if (item.frames > reply.blobs.size() - frame) break;
      auto begin = reply.blobs.begin() + static_cast<ptrdiff_t>(frame);
      std::vector<Bytes> frames(begin, begin + item.frames);
      frame += item.frames;
      auto one = led.find(item.where);
      if (one == led.end() || !open_.contains(one->second.where)) continue;
      if (auto failed = learn(one->second, item, frames, address); failed) return failed;
    }
    return std::nullopt;
  }

  std::optional<Error> learn(const LedPartition& led, const wire::FetchAnswer::Item& item,
                             const std::vector<Bytes>& frames, const std::string& address) {
    Range& range = open_.at(led.where);
    if (item.error) {
      last_error_ = public_error(*item.error, address);
      if (item.error->code == strandlog::Code::kExpired) {
        // The log's start has moved past the middle since its ends were asked for.
        auto start = static_cast<int64_t>(item.log_start.value);
        if (start <= range.low) return last_error_;
        range.low = std::min(start, range.high);
        progressed_ = true;
        narrow(led.where, range);
        return std::nullopt;
      }
      if (may_pass_elsewhere(item.error->code)) return std::nullopt;
      return last_error_;
    }
    auto batch = batch_at(frames, led.group, range.middle());
    if (!batch.ok()) return batch.error();
    if (!*batch) return std::nullopt;  // not committed there yet, or no room in this answer
    if ((*batch)->append_time_ms >= range.ms) {
      range.high = std::max(range.low, static_cast<int64_t>((*batch)->base_offset.value));
    } else {
      range.low = std::min(range.high, static_cast<int64_t>((*batch)->next_offset().value));
    }
    progressed_ = true;
    narrow(led.where, range);
    return std::nullopt;
  }

  Port& port_;
  Time deadline_;
  LeaderPlan plan_;
  std::map<TopicPartition, Range> open_;
  std::map<TopicPartition, int64_t> found_;
  bool progressed_ = false;
  Error last_error_{Code::kTimeout, Retry::kSafe, Written::kNo, "no leader answered in time"};
};

}  // namespace

Result<std::map<TopicPartition, int64_t>> look_up_times(
    Port& port, const std::map<TopicPartition, int64_t>& times, int64_t timeout_ms) {
  return TimeLookup(port, timeout_ms).run(times);
}

}  // namespace strandlog::client
