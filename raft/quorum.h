// Majority and joint quorum: pure arithmetic over uids.
#pragma once

#include <functional>

#include "raft/membership.h"

namespace strandlog::raft {

enum class Vote { kPending, kWon, kLost };

/// The highest index that a quorum of both halves has reached. `match` gives a voter's index.
Index committed_index(const Membership& members, const std::function<Index(Uid)>& match);

/// Whether the votes so far decide the election. `vote` answers +1 granted, -1 refused, 0 none.
Vote vote_result(const Membership& members, const std::function<int(Uid)>& vote);

/// Whether the members for whom `active` holds are a quorum.
bool has_quorum(const Membership& members, const std::function<bool(Uid)>& active);

}  // namespace strandlog::raft
