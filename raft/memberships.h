// Memberships: the configurations of one log; the newest is in force from its append on.
#pragma once

#include <vector>

#include "raft/membership.h"

namespace strandlog::raft {

/// Raft thesis 4.1: a server uses the latest configuration in its log, committed or not, and falls
/// back to the one before when that entry is overwritten. At most one configuration of a log is not
/// committed, so the last two are enough. Used by one thread.
class Memberships {
 public:
  /// `kept`: at least one, ascending by index; the first needs no entry in the log.
  explicit Memberships(std::vector<Membership> kept);

  const Membership& current() const { return kept_.back(); }
  /// An entry at `next.index`, above all before.
  void append(Membership next);
  /// The entries from `from` on are gone, and what they set.
  void truncate(Index from);
  /// The whole log was replaced by a state with this configuration.
  void reset(Membership only);
  /// Whether they are in order and none lies above the log's `last` entry.
  bool is_sound(Index last) const;

 private:
  std::vector<Membership> kept_;
};

}  // namespace strandlog::raft
