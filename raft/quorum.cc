// Majority and joint quorum (Raft thesis 4.3): a joint decision is the weaker of both halves.
#include "raft/quorum.h"

#include <algorithm>

#include "base/mutant.h"

namespace strandlog::raft {
namespace {

// A half without voters decides nothing and must not hold the other one back.
constexpr Index kNoLimit{~uint64_t{0}};

size_t majority_of(const std::vector<Member>& voters) {
  if (is_mutant(Mutant::kHalfIsMajority)) return std::max<size_t>(1, voters.size() / 2);
  return voters.size() / 2 + 1;
}

Index committed_in(const std::vector<Member>& voters, const std::function<Index(Uid)>& match) {
  if (voters.empty()) return kNoLimit;
  std::vector<Index> reached;
  reached.reserve(voters.size());
  for (const Member& voter : voters) reached.push_back(match(voter.uid));
  std::sort(reached.begin(), reached.end(), std::greater<>());
  return reached[majority_of(voters) - 1];
}

Vote result_in(const std::vector<Member>& voters, const std::function<int(Uid)>& vote) {
  size_t granted = 0;
  size_t refused = 0;
  for (const Member& voter : voters) {
    int answer = vote(voter.uid);
    if (answer > 0) ++granted;
    if (answer < 0) ++refused;
  }
  if (granted >= majority_of(voters)) return Vote::kWon;
  if (voters.size() - refused < majority_of(voters)) return Vote::kLost;
  return Vote::kPending;
}

bool quorum_in(const std::vector<Member>& voters, const std::function<bool(Uid)>& active) {
  auto count = std::count_if(voters.begin(), voters.end(),
                             [&](const Member& voter) { return active(voter.uid); });
  return static_cast<size_t>(count) >= majority_of(voters);
}

}  // namespace

Index committed_index(const Membership& members, const std::function<Index(Uid)>& match) {
  if (members.voters.empty()) return Index{};
  return std::min(committed_in(members.voters, match), committed_in(members.outgoing, match));
}

Vote vote_result(const Membership& members, const std::function<int(Uid)>& vote) {
  Vote incoming = result_in(members.voters, vote);
  if (members.outgoing.empty()) return incoming;
  Vote outgoing = result_in(members.outgoing, vote);
  if (incoming == Vote::kLost || outgoing == Vote::kLost) return Vote::kLost;
  return incoming == Vote::kWon ? outgoing : Vote::kPending;
}

bool has_quorum(const Membership& members, const std::function<bool(Uid)>& active) {
  return quorum_in(members.voters, active) &&
         (members.outgoing.empty() || quorum_in(members.outgoing, active));
}

}  // namespace strandlog::raft
