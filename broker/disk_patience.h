// DiskPatience: for how long the disk has owed an answer, and when that is too long to lead.
#pragma once

#include <array>
#include <optional>

#include "base/env.h"
#include "store/store.h"

namespace strandlog::broker {

/// A leader needs its disk: what it cannot write or read, nobody is told, and another broker's disk
/// may do better. One thread.
class DiskPatience {
 public:
  /// Reads and what goes on behind an acknowledgement may take so many times longer than a round.
  static constexpr int64_t kOthersTimes = 10;

  explicit DiskPatience(int64_t stall_ms) : stall_ms_(stall_ms) {}

  /// Sees what the disk has been given and has answered by now: after each.
  void look(Time now, const store::DiskLanes& lanes);
  /// One lane has had something to answer for longer than its limit, and has answered nothing.
  bool is_over(Time now) const;
  /// Since when the disk owes the round it was given; none without one.
  std::optional<Time> owes_round_since() const;

 private:
  struct Lane {
    std::optional<Time> owes_since;
    uint64_t answered = 0;
  };
  int64_t stall_ms_;
  std::array<Lane, DiskOp::kLanes> lanes_;
};

}  // namespace strandlog::broker
