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
  Print other = known_.try_emplace({one.replica.group, print.index}, print).first->second;
  if (other != print) {
    violated("I15: " + broker + " holds another entry " + where() + " than another broker");
  }
  Time now{print.index, one.entry.header.append_time_ms};
  auto [last, is_first] = last_.try_emplace(one.replica.uid, now);
  if (!is_first && now.ms < last->second.ms) {
    violated("I21: " + broker + " holds entry " + where() + " of time " + std::to_string(now.ms) +
             " behind entry " + std::to_string(last->second.index.value) + " of time " +
             std::to_string(last->second.ms));
  }
  last->second = now;
}

}  // namespace strandlog::sim
