// Membership: who votes and who only listens, in one group.
#pragma once

#include <vector>

#include "base/ids.h"

namespace strandlog::raft {

/// A replica as the replicated configuration names it.
struct Member {
  Uid uid;
  BrokerId broker;  ///< where its messages go
  StoreId store;    ///< the only disk this uid may live on
  auto operator<=>(const Member&) const = default;
};

/// During a joint change `outgoing` holds the old voters and both majorities are needed
/// (Raft thesis 4.3); otherwise it is empty.
struct Membership {
  std::vector<Member> voters;
  std::vector<Member> outgoing;
  std::vector<Member> learners;
  Index index;  ///< of the entry that set it; 0: the initial one
  bool operator==(const Membership&) const = default;

  /// Whether it votes in either half.
  bool is_voter(Uid uid) const;
  /// The member with this uid in any role, or nullptr.
  const Member* find(Uid uid) const;
  /// Every member once, in the order voters, outgoing, learners.
  std::vector<Member> all() const;
};

}  // namespace strandlog::raft
