// Figures of a history: how much was answered, and how long nothing was.
#pragma once

#include <map>
#include <set>
#include <utility>

#include "tests/sim/history.h"

namespace strandlog::sim {

struct Figures {
  uint64_t sent = 0, acked = 0, failed = 0, open = 0;
  uint64_t possible_duplicates = 0;    ///< as the producers count them
  uint64_t seen = 0;                   ///< by consumers while faults came and went
  uint64_t ends = 0;                   ///< that brokers reported meanwhile
  uint64_t final = 0;                  ///< records after everything was healed
  int64_t gap_us = 0;                  ///< the longest time without an acknowledgement, and each
  std::map<int32_t, int64_t> gaps_us;  ///< partition's own
  /// Client and partition, where the last of its records there was not acknowledged.
  std::set<std::pair<uint32_t, int32_t>> unfinished;
  /// By partition, if any: records of the final log behind all that runs from the start have seen.
  std::map<int32_t, uint64_t> unread;
};

Figures figures_of(const History& history);

}  // namespace strandlog::sim
