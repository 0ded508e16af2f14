// Counting a history.
#include "tests/sim/history_figures.h"

#include <algorithm>

namespace strandlog::sim {
namespace {

using Outcome = Sent::Outcome;

// The longest time without an acknowledgement, from the first send to the last outcome.
class Gap {
 public:
  void add(const Sent& sent) {
    if (times_.empty()) times_.push_back(sent.invoked.us);
    if (sent.outcome == Outcome::kAcked) times_.push_back(sent.completed.us);
    if (sent.outcome != Outcome::kOpen) last_ = std::max(last_, sent.completed.us);
  }
  int64_t longest() {
    if (times_.empty()) return 0;
    times_.push_back(std::max(last_, times_.front()));
    std::sort(times_.begin(), times_.end());
    int64_t longest = 0;
    for (size_t i = 1; i < times_.size(); ++i) {
      longest = std::max(longest, times_[i] - times_[i - 1]);
    }
    return longest;
  }

 private:
  std::vector<int64_t> times_;
  int64_t last_ = 0;
};

std::set<std::pair<uint32_t, int32_t>> unfinished(const History& history) {
  std::map<std::pair<uint32_t, int32_t>, const Sent*> last;
  for (const Sent& sent : history.sent) {
    const Sent*& known = last[{sent.client, sent.where.partition}];
    if (known == nullptr || known->invoked.us <= sent.invoked.us) known = &sent;
  }
  std::set<std::pair<uint32_t, int32_t>> found;
  for (const auto& [who, sent] : last) {
    if (sent->outcome != Outcome::kAcked) found.insert(who);
  }
  return found;
}

// Runs that begin anywhere may miss what is before them, so they stand for nothing here.
int64_t reached(const History& history, const Place& where) {
  int64_t farthest = -1;
  auto runs = history.runs.find(where);
  if (runs == history.runs.end()) return farthest;
  for (const Run& run : runs->second) {
    if (!run.from_start) continue;
    for (const Seen& seen : run.seen) farthest = std::max(farthest, seen.record ? seen.offset : -1);
  }
  return farthest;
}

std::map<int32_t, uint64_t> unread(const History& history) {
  std::map<int32_t, uint64_t> found;
  for (const auto& [where, log] : history.final) {
    int64_t seen = reached(history, where);
    auto behind = std::count_if(log.begin(), log.end(),
                                [seen](const Seen& record) { return record.offset > seen; });
    if (behind > 0) found[where.partition] = static_cast<uint64_t>(behind);
  }
  return found;
}

}  // namespace

Figures figures_of(const History& history) {
  Figures figures;
  Gap all;
  std::map<int32_t, Gap> by_partition;
  for (const Sent& sent : history.sent) {
    ++figures.sent;
    figures.acked += sent.outcome == Outcome::kAcked ? 1 : 0;
    figures.failed += sent.outcome == Outcome::kFailed ? 1 : 0;
    figures.open += sent.outcome == Outcome::kOpen ? 1 : 0;
    all.add(sent);
    by_partition[sent.where.partition].add(sent);
  }
  figures.gap_us = all.longest();
  for (auto& [partition, gap] : by_partition) figures.gaps_us[partition] = gap.longest();
  for (const auto& [client, count] : history.possible_duplicates) {
    figures.possible_duplicates += count;
  }
  for (const auto& [where, runs] : history.runs) {
    for (const Run& run : runs) figures.seen += run.seen.size();
  }
  for (const auto& [where, log] : history.final) figures.final += log.size();
  figures.ends = history.ends.size();
  figures.unfinished = unfinished(history);
  figures.unread = unread(history);
  return figures;
}

}  // namespace strandlog::sim
