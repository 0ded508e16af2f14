// Quorum arithmetic against an obvious version: try every set of voters.
#include "raft/quorum.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/raft/group_tester.h"

namespace strandlog::raft {
namespace {

bool is_majority(const std::vector<Member>& voters, const std::map<Uid, int>& has) {
  size_t count = 0;
  for (const Member& voter : voters) count += has.at(voter.uid) > 0 ? 1 : 0;
  return 2 * count > voters.size();
}

bool obvious_quorum(const Membership& members, const std::map<Uid, int>& has) {
  return is_majority(members.voters, has) &&
         (members.outgoing.empty() || is_majority(members.outgoing, has));
}

/// The highest index so that those who reached it are a quorum.
Index obvious_committed(const Membership& members, const std::map<Uid, int>& match) {
  Index best;
  for (const auto& [candidate_uid, candidate] : match) {
    std::map<Uid, int> reached;
    for (const auto& [uid, index] : match) reached[uid] = index >= candidate ? 1 : 0;
    if (obvious_quorum(members, reached)) {
      best = std::max(best, Index{static_cast<uint64_t>(candidate)});
    }
  }
  return best;
}

Vote obvious_result(const Membership& members, const std::map<Uid, int>& votes) {
  std::map<Uid, int> best_case = votes;
  for (auto& [uid, vote] : best_case) vote = vote == 0 ? 1 : vote;
  if (obvious_quorum(members, votes)) return Vote::kWon;
  return obvious_quorum(members, best_case) ? Vote::kPending : Vote::kLost;
}

Membership random_members(std::mt19937_64& random) {
  std::vector<uint64_t> voters;
  std::vector<uint64_t> outgoing;
  std::vector<uint64_t> learners;
  for (uint64_t uid = 1; uid <= 7; ++uid) {
    if (random() % 2 == 0) voters.push_back(uid);
    if (random() % 3 == 0) outgoing.push_back(uid);
    if (random() % 4 == 0) learners.push_back(uid);
  }
  if (voters.empty()) voters.push_back(1);
  if (random() % 2 == 0) outgoing.clear();
  return members_of(voters, learners, outgoing);
}

TEST(Quorum, AgreesWithTheObviousVersionOnRandomMemberships) {
  std::mt19937_64 random(42);
  for (int round = 0; round < 20000; ++round) {
    const Membership members = random_members(random);
    std::map<Uid, int> match;
    std::map<Uid, int> votes;
    for (uint64_t uid = 1; uid <= 7; ++uid) {
      match[Uid{uid}] = static_cast<int>(random() % 6);
      votes[Uid{uid}] = static_cast<int>(random() % 3) - 1;
    }
    ASSERT_EQ(committed_index(members,
                              [&](Uid uid) { return Index{static_cast<uint64_t>(match.at(uid))}; }),
              obvious_committed(members, match));
    ASSERT_EQ(vote_result(members, [&](Uid uid) { return votes.at(uid); }),
              obvious_result(members, votes));
    ASSERT_EQ(has_quorum(members, [&](Uid uid) { return votes.at(uid) > 0; }),
              obvious_quorum(members, votes));
  }
}

TEST(Quorum, NeedsBothHalvesOfAJointMembership) {
  const Membership members = members_of({1, 2, 3}, {}, {3, 4, 5});

  EXPECT_FALSE(has_quorum(members, [](Uid uid) { return uid.value <= 3; }));
  EXPECT_TRUE(has_quorum(members, [](Uid uid) { return uid.value >= 2 && uid.value <= 4; }));
}

TEST(Quorum, CountsNoLearner) {
  const Membership members = members_of({1, 2, 3}, {4, 5});

  EXPECT_FALSE(has_quorum(members, [](Uid uid) { return uid.value >= 3; }));
}

TEST(Membership, NamesEveryMemberOnceInAJointChange) {
  const Membership members = members_of({1, 2}, {4}, {2, 3});

  ASSERT_EQ(members.all().size(), 4u);
  EXPECT_TRUE(members.is_voter(Uid{3}));
  EXPECT_FALSE(members.is_voter(Uid{4}));
  ASSERT_NE(members.find(Uid{4}), nullptr);
  EXPECT_EQ(members.find(Uid{4})->broker, BrokerId{4});
  EXPECT_EQ(members.find(Uid{9}), nullptr);
}

}  // namespace
}  // namespace strandlog::raft
