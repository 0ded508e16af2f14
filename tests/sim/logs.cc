// An entry beside its like on another broker, and beside the one before it.
#include "tests/sim/logs.h"

#include "base/crc32c.h"

namespace strandlog::sim {
namespace {

constexpr size_t kMostViolations = 20;

}  // namespace

Print print_of(const EntryView& entry) {
  return {entry.header.index, entry.header.term, crc32c(entry.whole)};
}

void Logs::violated(const std::string& what) {
  if (violations_.size() < kMostViolations) violations_.push_back(what);
}

void Logs::saw(const std::string& broker, const store::InspectedEntry& one) {
  Print print = print_of(one.entry);
  auto where = [&] {
    return std::to_string(print.index.value) + " of " + one.replica.topic_name + "/" +
           std::to_string(one.replica.partition);
  };
  auto [other, is_new] = known_.try_emplace({one.replica.group, print.index}, print);
  compared_ += is_new ? 0 : 1;
  if (other->second != print) {
    violated("I15: " + broker + " holds another entry " + where() + " than another broker");
  }
  Latest now{print.index, one.entry.header.append_time_ms, 1};
  auto [last, is_first] = last_.try_emplace(one.replica.uid, now);
  if (!is_first && now.ms < last->second.ms) {
    violated("I21: " + broker + " holds entry " + where() + " of time " + std::to_string(now.ms) +
             " behind entry " + std::to_string(last->second.index.value) + " of time " +
             std::to_string(last->second.ms));
  }
  if (!is_first) now.entries += last->second.entries;
  last->second = now;
}

uint64_t Logs::entries_of(Uid uid) const {
  auto found = last_.find(uid);
  return found == last_.end() ? 0 : found->second.entries;
}

}  // namespace strandlog::sim
