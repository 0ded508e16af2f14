// Checking a history against the final log; offsets give the order, so nothing has to be searched.
#include "tests/sim/history.h"

#include <algorithm>

namespace strandlog::sim {
namespace {

constexpr size_t kMostViolations = 20;

using Outcome = Sent::Outcome;

class Checker {
 public:
  explicit Checker(const History& history) : history_(history) {}
  std::vector<std::string> run() {
    for (const Sent& sent : history_.sent) by_value_[sent.value] = &sent;
    for (const auto& [partition, run] : history_.final) look_at_final(partition, run);
    check_acked();
    check_order();
    check_duplicates();
    for (const auto& [partition, runs] : history_.runs) {
      for (const Run& run : runs) check_run(partition, run);
    }
    return std::move(violations_);
  }

 private:
  void violated(const char* invariant, const std::string& text) {
    if (violations_.size() < kMostViolations) {
      violations_.push_back(std::string(invariant) + ": " + text);
    }
  }
  static std::string at(int32_t partition, int64_t offset) {
    return "partition " + std::to_string(partition) + " offset " + std::to_string(offset);
  }

  // I5 dense offsets, I6 nothing that was refused; remembers where each value is.
  void look_at_final(int32_t partition, const Run& run) {
    int64_t next = 0;
    for (const Seen& seen : run) {
      if (seen.offset != next)
        violated("I5", at(partition, seen.offset) + " follows " + std::to_string(next - 1));
      next = seen.offset + 1;
      auto sent = by_value_.find(seen.value);
      if (sent == by_value_.end() || sent->second->partition != partition) {
        violated("I6", at(partition, seen.offset) + " holds \"" + seen.value +
                           "\", which nobody sent there");
        continue;
      }
      const Sent& s = *sent->second;
      if (s.outcome == Outcome::kFailed && s.written == client::Written::kNo) {
        violated("I20", at(partition, seen.offset) + " holds \"" + seen.value +
                            "\", which failed as not written");
      }
      places_[seen.value].push_back(seen.offset);
    }
  }

  // I1 no acknowledged record is lost; I5 later sends come behind earlier acknowledgements.
  void check_acked() {
    std::map<int32_t, std::vector<const Sent*>> by_partition;
    for (const Sent& s : history_.sent) {
      bool promised = s.outcome == Outcome::kAcked && s.acks == client::Acks::kAll;
      if (!promised) continue;
      by_partition[s.partition].push_back(&s);
      auto final = history_.final.find(s.partition);
      bool there = final != history_.final.end() && s.offset >= 0 &&
                   static_cast<size_t>(s.offset) < final->second.size() &&
                   final->second[static_cast<size_t>(s.offset)].value == s.value;
      if (!there) {
        violated("I1", "\"" + s.value + "\" was acknowledged at " + at(s.partition, s.offset) +
                           " and is not there");
      }
    }
    for (auto& [partition, acked] : by_partition) check_real_time(partition, acked);
    check_ends(by_partition);
  }

  // I7: an end that a broker reports is behind everything acknowledged before it was asked for, and
  // nothing is beyond it that was never written.
  void check_ends(std::map<int32_t, std::vector<const Sent*>>& acked_by_partition) {
    std::vector<EndSeen> ends = history_.ends;
    auto by_invocation = [](const EndSeen& a, const EndSeen& b) { return a.invoked < b.invoked; };
    std::stable_sort(ends.begin(), ends.end(), by_invocation);
    std::map<int32_t, std::pair<size_t, int64_t>> passed;  // acknowledgements, highest offset
    for (auto& [partition, acked] : acked_by_partition) {
      auto by_completion = [](const Sent* a, const Sent* b) { return a->completed < b->completed; };
      std::stable_sort(acked.begin(), acked.end(), by_completion);
      passed[partition] = {0, -1};
    }
    for (const EndSeen& seen : ends) {
      auto [done, highest] = passed[seen.partition];
      const auto& acked = acked_by_partition[seen.partition];
      for (; done < acked.size() && acked[done]->completed < seen.invoked; ++done) {
        highest = std::max(highest, acked[done]->offset);
      }
      passed[seen.partition] = {done, highest};
      auto final = history_.final.find(seen.partition);
      auto size = final == history_.final.end() ? 0 : static_cast<int64_t>(final->second.size());
      if (seen.end > highest && seen.end <= size) continue;
      violated("I7", "the end of partition " + std::to_string(seen.partition) + " was said to be " +
                         std::to_string(seen.end) + ", after offset " + std::to_string(highest) +
                         " was acknowledged, and it has " + std::to_string(size) + " records");
    }
  }

  void check_real_time(int32_t partition, std::vector<const Sent*>& acked) {
    std::vector<const Sent*> completed = acked;
    auto by_completion = [](const Sent* a, const Sent* b) { return a->completed < b->completed; };
    std::stable_sort(completed.begin(), completed.end(), by_completion);
    size_t done = 0;
    int64_t highest = -1;
    for (const Sent* s : acked) {  // by invocation
      for (; done < completed.size() && completed[done]->completed < s->invoked; ++done) {
        highest = std::max(highest, completed[done]->offset);
      }
      if (s->offset <= highest) {
        violated("I5", "\"" + s->value + "\" was sent after " + at(partition, highest) +
                           " was acknowledged and got " + std::to_string(s->offset));
      }
    }
  }

  // I3: of one client and partition, first occurrences in the order of sending.
  void check_order() {
    std::map<std::pair<uint32_t, int32_t>, int64_t> last;
    for (const Sent& s : history_.sent) {
      auto place = places_.find(s.value);
      if (place == places_.end()) continue;
      auto [before, fresh] = last.try_emplace({s.client, s.partition}, -1);
      if (place->second.front() <= before->second) {
        violated("I3", "\"" + s.value + "\" at " + at(s.partition, place->second.front()) +
                           " was sent after what is at " + std::to_string(before->second));
      }
      before->second = std::max(before->second, place->second.front());
    }
  }

  // I2, as far as is promised without idempotence: no more than the producer says.
  void check_duplicates() {
    std::map<uint32_t, uint64_t> twice;
    for (const auto& [value, offsets] : places_) {
      twice[by_value_.at(value)->client] += offsets.size() - 1;
    }
    for (const auto& [client, count] : twice) {
      auto said = history_.possible_duplicates.find(client);
      uint64_t most = said == history_.possible_duplicates.end() ? 0 : said->second;
      if (count > most) {
        violated("I2", "client " + std::to_string(client) + " has " + std::to_string(count) +
                           " records twice and spoke of " + std::to_string(most));
      }
    }
  }

  // I4 one value per offset; I6 only what was committed; I8 without a gap.
  void check_run(int32_t partition, const Run& run) {
    auto final = history_.final.find(partition);
    int64_t next = run.empty() ? 0 : run.front().offset;
    for (const Seen& seen : run) {
      if (seen.offset != next) {
        violated("I8",
                 at(partition, seen.offset) + " was delivered after " + std::to_string(next - 1));
      }
      next = seen.offset + 1;
      bool same = final != history_.final.end() && seen.offset >= 0 &&
                  static_cast<size_t>(seen.offset) < final->second.size() &&
                  final->second[static_cast<size_t>(seen.offset)].value == seen.value;
      if (!same) {
        violated("I4", at(partition, seen.offset) + " was read as \"" + seen.value +
                           "\" and is something else in the end");
      }
    }
  }

  const History& history_;
  std::map<std::string, const Sent*> by_value_;
  std::map<std::string, std::vector<int64_t>> places_;
  std::vector<std::string> violations_;
};

}  // namespace

std::vector<std::string> check(const History& history) { return Checker(history).run(); }

}  // namespace strandlog::sim
