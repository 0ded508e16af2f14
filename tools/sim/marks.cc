// The excuses, each by the name of its mark.
#include "tools/sim/marks.h"

#include <cstdio>

namespace strandlog::sim {
namespace {

using Reasons = std::map<std::string, std::string>;

// What no seed can reach yet; unit tests do.
const Reasons& excuses() {
  static const Reasons all = {
      {"raft 9: one change at a time, after a commit in the leader's term",
       "nobody asks for a change while another is under way"},
      {"raft 23: entries are trimmed before they are read",
       "a read that was begun ends, whatever is trimmed meanwhile"},
  };
  return all;
}

// What a seed in hundreds reaches, if any; with the unit test that does.
const Reasons& matters_of_luck() {
  static const Reasons all = {
      {"store: a round waits for space", "SmallDisk.ARoundWaitsForSpaceWhenNoFileIsLeft"},
      {"store: a start has no room to write the last round anew",
       "SmallDiskStart.GoesWithoutTheLastRoundWhenTheSpaceForItIsNone"},
      {"store: a torn repetition leaves the round it repeats",
       "StoreCrash.KeepsWholeRoundsWhenStartsAreCutShort"},
      {"store: a torn round is cut", "StoreDamage.OfTheLastRoundIsATornWriteAndIsCut"},
  };
  return all;
}

std::string why_not(const std::string& name) {
  auto excuse = excuses().find(name);
  if (excuse != excuses().end()) return " (" + excuse->second + ")";
  auto luck = matters_of_luck().find(name);
  return luck != matters_of_luck().end() ? " (luck; " + luck->second + ")" : "";
}

}  // namespace

std::vector<std::string> wrong_marks(const MarkHits& hits) {
  std::vector<std::string> wrong;
  for (const auto& [name, count] : hits) {
    const bool is_excused = excuses().contains(name);
    if (count == 0 && !is_excused && !matters_of_luck().contains(name)) {
      wrong.push_back("never reached: " + name);
    }
    if (count > 0 && is_excused) wrong.push_back("reached, so that it needs no excuse: " + name);
  }
  return wrong;
}

void print_marks(const MarkHits& hits) {
  size_t reached = 0;
  for (const auto& [name, count] : hits) {
    reached += count > 0 ? 1 : 0;
    if (count == 0) std::printf("  never reached: %s%s\n", name.c_str(), why_not(name).c_str());
  }
  if (!hits.empty()) std::printf("%zu of %zu marks reached\n", reached, hits.size());
}

}  // namespace strandlog::sim
