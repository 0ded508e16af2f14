// Silence: when a group stops talking, and everything that ends it.
#include <gtest/gtest.h>

#include "tests/raft/group_tester.h"

namespace strandlog::raft {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

/// A leader of three whose followers know all; the lines of the tick that made it quiet.
Lines make_quiet(GroupTester& group) {
  group.elect();
  for (int i = 0; i < 20 && !group.group.quiet(); ++i) {
    group.accept(2, 1, 1);
    if (!group.liveness.dead.contains(3)) group.accept(3, 1, 1);
    group.tick();
  }
  EXPECT_TRUE(group.group.quiet());
  return describe(group.out);
}

TEST(GroupQuiet, LeaderAnnouncesSilenceAndKeepsIt) {
  GroupTester group({});
  EXPECT_THAT(make_quiet(group),
              testing::IsSupersetOf({"1->2 t1 append prev=1/1 last=1 commit=1 quiet",
                                     "1->3 t1 append prev=1/1 last=1 commit=1 quiet"}));

  EXPECT_THAT(group.tick(200), IsEmpty());
  EXPECT_EQ(group.group.role(), Role::kLeader);
}

TEST(GroupQuiet, FollowerWaitsWhileTheSessionStands) {
  GroupTester group({.log = {1}});
  group.receive(2, 1, append_of(1, 1, {}, 1, 0, true));

  EXPECT_THAT(group.tick(200), IsEmpty());
  EXPECT_TRUE(group.group.quiet());
  group.liveness.dead = {2};
  group.tick(3);
  EXPECT_EQ(group.group.role(), Role::kPreCandidate);
}

TEST(GroupQuiet, SessionEndShortensTheElectionDelayByJitter) {
  std::set<int> delays;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    GroupTester group({.log = {1}, .seed = seed});
    group.receive(2, 1, append_of(1, 1, {}, 1, 0, true));
    group.group.peer_down(BrokerId{2});
    int delay = 0;
    while (group.group.role() == Role::kFollower) {
      group.tick();
      ++delay;
    }
    delays.insert(delay);
  }
  EXPECT_EQ(delays, (std::set<int>{1, 2}));  // a quarter of 10 ticks
}

TEST(GroupQuiet, LeaseEndsWithTheSession) {
  GroupTester group({.log = {1}});
  group.receive(2, 1, append_of(1, 1, {}, 1, 0, true));
  group.tick(100);
  EXPECT_THAT(group.receive(3, 2, vote_request(1, 1, true)),
              ElementsAre("1->3 t1 pre-vote refused"));

  group.group.peer_down(BrokerId{2});
  EXPECT_THAT(group.receive(3, 2, vote_request(1, 1, true)),
              ElementsAre("1->3 t2 pre-vote granted"));
}

TEST(GroupQuiet, ProposalEndsIt) {
  GroupTester group({});
  make_quiet(group);

  ASSERT_TRUE(group.group.propose().ok());

  EXPECT_FALSE(group.group.quiet());
  EXPECT_THAT(group.take(), Contains("send ->2 t1 prev=1/1 last=2 commit=1"));
}

TEST(GroupQuiet, ReadSessionChangesAndWakeEndIt) {
  const std::vector<std::function<void(Group&)>> causes = {
      [](Group& group) { group.read_index(1); },
      [](Group& group) { group.peer_down(BrokerId{3}); },
      [](Group& group) { group.peer_up(BrokerId{3}, true); },
      [](Group& group) { group.wake(); },
      [](Group& group) { group.step_down(); },
      [](Group& group) { (void)group.transfer_to(Uid{2}).ok(); },
  };
  for (const auto& cause : causes) {
    GroupTester group({});
    make_quiet(group);
    cause(group.group);
    EXPECT_FALSE(group.group.quiet());
    EXPECT_THAT(group.take(), testing::Not(IsEmpty()));
  }
}

TEST(GroupQuiet, SessionOfAStrangerDoesNotEndIt) {
  GroupTester group({});
  make_quiet(group);

  group.group.peer_down(BrokerId{9});
  group.group.peer_up(BrokerId{9}, true);

  EXPECT_TRUE(group.group.quiet());
  EXPECT_THAT(group.take(), IsEmpty());
}

TEST(GroupQuiet, VoteRequestIsAnsweredByAHeartbeatAtOnce) {  // cases 16, 26
  for (const bool pre : {true, false}) {
    GroupTester group({});
    make_quiet(group);

    EXPECT_THAT(group.receive(3, 2, vote_request(1, 1, pre)),
                Contains("1->3 t1 append prev=1/1 last=1 commit=1"));
    EXPECT_EQ(group.group.role(), Role::kLeader);
    EXPECT_FALSE(group.group.quiet());
  }
}

TEST(GroupQuiet, AbsentBrokerDoesNotKeepItAwakeAndIsProbedWhenItReturns) {
  GroupTester group({});
  group.liveness.dead = {3};
  make_quiet(group);
  EXPECT_THAT(group.tick(100), IsEmpty());

  group.liveness.dead = {};
  group.group.peer_up(BrokerId{3}, true);

  EXPECT_THAT(group.take(), Contains("send ->3 t1 prev=0/0 last=1 commit=1"));
}

TEST(GroupQuiet, LeaderCountsSessionsForItsQuorum) {  // case 15
  GroupTester group({});
  make_quiet(group);

  group.liveness.dead = {2};
  group.tick(40);
  EXPECT_EQ(group.group.role(), Role::kLeader);
  group.liveness.dead = {2, 3};
  group.tick(10);
  EXPECT_EQ(group.group.role(), Role::kFollower);
}

TEST(GroupQuiet, WokenFollowerCountsAFullTimeout) {
  GroupTester group({.log = {1}});
  group.receive(2, 1, append_of(1, 1, {}, 1, 0, true));
  group.group.wake();

  group.tick(9);
  EXPECT_EQ(group.group.role(), Role::kFollower);
  group.tick(11);
  EXPECT_EQ(group.group.role(), Role::kPreCandidate);
}

TEST(GroupQuiet, RestartedLeaderIsNotWaitedFor) {
  GroupTester group({.log = {1}});
  group.receive(2, 1, append_of(1, 1, {}, 1, 0, true));

  group.group.peer_up(BrokerId{2}, true);
  group.tick(3);

  EXPECT_EQ(group.group.role(), Role::kPreCandidate);
}

}  // namespace
}  // namespace strandlog::raft
