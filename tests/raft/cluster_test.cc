// Several replicas together: elections that must end, restarts at every point, storms, stalls.
#include "tests/raft/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strandlog::raft {
namespace {

using testing::IsEmpty;

ClusterOptions three(uint64_t seed = 1) {
  return {.voters = 3,
          .learners = 0,
          .seed = seed,
          .config = {.group = {}, .self = {}, .election_ticks = 10, .heartbeat_ticks = 2},
          .keep_entries = 0};
}

void run(Cluster& cluster, int ticks) {
  for (int i = 0; i < ticks; ++i) {
    cluster.tick_all();
    cluster.settle();
  }
}

/// Ticks until somebody leads; fails after `ticks`.
uint64_t elect(Cluster& cluster, int ticks = 100) {
  for (int i = 0; i < ticks && cluster.leader() == 0; ++i) run(cluster, 1);
  EXPECT_NE(cluster.leader(), 0u);
  return cluster.leader();
}

TEST(ClusterElection, HigherTermAndBetterLogStillElectSomebody) {  // case 18
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Cluster cluster(three(seed));
    const uint64_t leader = elect(cluster);
    const uint64_t behind = leader % 3 + 1;
    const uint64_t better = behind % 3 + 1;
    cluster.isolate(behind);
    for (int i = 0; i < 3; ++i) cluster.propose(leader);
    cluster.settle();
    cluster.crash(leader);
    // The one that is behind gets a higher term, as by a transfer that failed.
    cluster.raise_term(behind, Term{9});
    cluster.heal_all();
    run(cluster, 60);

    EXPECT_EQ(cluster.leader(), better) << "seed " << seed;
    EXPECT_THAT(cluster.violations(), IsEmpty());
  }
}

TEST(ClusterElection, DisconnectIsRepairedFasterThanASilence) {
  Cluster cluster(three());
  run(cluster, 40);
  const uint64_t old = cluster.leader();
  ASSERT_NE(old, 0u);

  cluster.crash(old);
  run(cluster, 8);

  EXPECT_NE(cluster.leader(), 0u);
  EXPECT_NE(cluster.leader(), old);
}

TEST(ClusterElection, SameTimeoutStormEnds) {  // case 30
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Cluster cluster(three(seed));
    for (uint64_t uid : cluster.uids()) {
      for (int i = 0; i < 25; ++i) cluster.tick(uid);  // all campaign before anything is delivered
    }
    run(cluster, 100);

    EXPECT_NE(cluster.leader(), 0u) << "seed " << seed;
    EXPECT_THAT(cluster.violations(), IsEmpty());
  }
}

// Once no election could end: candidate and voter each gave up while the vote was being written.
TEST(ClusterElection, EndsThoughAWriteTakesLongerThanASilence) {
  constexpr int kWriteTicks = 17;
  struct Round {
    size_t writes = 0;
    int ends = 0;
  };
  const GroupConfig config = {.group = {}, .self = {}, .election_ticks = 12, .heartbeat_ticks = 2};
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Cluster cluster({.seed = seed, .config = config});
    cluster.disks_stalled = true;
    std::map<uint64_t, Round> rounds;
    int ticks = 0;
    for (; ticks < 60 * kWriteTicks && cluster.leader() == 0; ++ticks) {
      cluster.tick_all();
      cluster.settle();
      for (uint64_t uid : cluster.uids()) {
        Round& round = rounds[uid];
        if (ticks < round.ends) continue;
        for (; round.writes > 0; --round.writes) cluster.write_one(uid);
        // The next round takes what gathered while this one was written.
        round = {cluster.unwritten(uid), ticks + kWriteTicks};
        if (round.writes == 0) round.ends = ticks;
      }
    }
    EXPECT_NE(cluster.leader(), 0u) << "seed " << seed << ", " << ticks << " ticks";
    EXPECT_THAT(cluster.violations(), IsEmpty());
  }
}

TEST(ClusterElection, ManyGroupsElectAtOnce) {  // case 30
  std::vector<std::unique_ptr<Cluster>> groups;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    groups.push_back(std::make_unique<Cluster>(three(seed)));
  }
  for (auto& cluster : groups) run(*cluster, 60);

  for (auto& cluster : groups) {
    EXPECT_NE(cluster->leader(), 0u);
    EXPECT_TRUE(cluster->group(1).quiet());
  }
}

TEST(ClusterElection, ClockStallOfTheLeaderDoesNotUnseatIt) {  // case 30
  Cluster cluster(three());
  const uint64_t leader = elect(cluster);
  run(cluster, 3);
  const Term term = cluster.group(leader).term();

  for (int i = 0; i < 9; ++i) cluster.tick(leader);  // several ticks in one batch
  run(cluster, 40);

  EXPECT_EQ(cluster.leader(), leader);
  EXPECT_EQ(cluster.group(leader).term(), term);
}

TEST(ClusterElection, ClockStallOfAFollowerDisturbsNobody) {  // cases 16, 30
  Cluster cluster(three());
  const uint64_t leader = elect(cluster);
  run(cluster, 3);
  const Term term = cluster.group(leader).term();

  for (int i = 0; i < 50; ++i) cluster.tick(leader % 3 + 1);
  run(cluster, 40);

  EXPECT_EQ(cluster.leader(), leader);
  EXPECT_EQ(cluster.group(leader).term(), term);
}

TEST(ClusterElection, IsolatedReplicaReturnsWithoutAnElection) {  // cases 16, 17
  Cluster cluster(three());
  const uint64_t leader = elect(cluster);
  const uint64_t lonely = leader % 3 + 1;
  cluster.isolate(lonely);
  run(cluster, 100);
  const Term term = cluster.group(leader).term();
  cluster.heal_all();
  run(cluster, 100);

  EXPECT_EQ(cluster.leader(), leader);
  EXPECT_EQ(cluster.group(leader).term(), term);
  EXPECT_EQ(cluster.group(lonely).leader(), Uid{leader});
}

TEST(ClusterElection, StuckCandidateWithAHigherTermIsFreed) {  // case 16
  Cluster cluster(three());
  const uint64_t leader = elect(cluster);
  run(cluster, 20);
  const uint64_t stuck = leader % 3 + 1;
  cluster.raise_term(stuck, Term{50});
  run(cluster, 100);

  ASSERT_NE(cluster.leader(), 0u);
  EXPECT_GT(cluster.group(stuck).term(), Term{50});
  for (uint64_t uid : cluster.uids())
    EXPECT_EQ(cluster.group(uid).leader().value, cluster.leader());
}

TEST(ClusterTransfer, MovesLeadershipWithoutATimeout) {  // case 14
  Cluster cluster(three());
  const uint64_t leader = elect(cluster);
  run(cluster, 20);
  const uint64_t target = leader % 3 + 1;

  cluster.transfer(leader, target);
  cluster.settle();

  EXPECT_EQ(cluster.leader(), target);
}

TEST(ClusterDurability, RestartBetweenAnyTwoWritesLosesNothingCommitted) {  // cases 28, 29
  for (int writes = 0; writes <= 8; ++writes) {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      Cluster cluster(three(seed));
      const uint64_t leader = elect(cluster);
      const uint64_t victim = seed % 2 == 0 ? leader : leader % 3 + 1;
      cluster.disks_stalled = true;
      for (int i = 0; i < 4; ++i) cluster.propose(leader);
      cluster.settle();
      for (int i = 0; i < writes; ++i) {
        cluster.write_one(1 + cluster.random(3));
        cluster.settle();
      }
      cluster.crash(victim);
      cluster.restart(victim);
      cluster.disks_stalled = false;
      run(cluster, 60);

      EXPECT_THAT(cluster.violations(), IsEmpty()) << "seed " << seed << " writes " << writes;
      EXPECT_NE(cluster.leader(), 0u);
    }
  }
}

TEST(ClusterDurability, RestartOfAllRelearnsTheCommit) {  // case 28
  Cluster cluster(three());
  const uint64_t leader = elect(cluster);
  for (int i = 0; i < 5; ++i) cluster.propose(leader);
  cluster.settle();
  const Index before = cluster.committed();
  for (uint64_t uid : cluster.uids()) cluster.crash(uid);
  for (uint64_t uid : cluster.uids()) cluster.restart(uid);
  for (uint64_t uid : cluster.uids()) EXPECT_EQ(cluster.group(uid).commit(), Index{0});
  run(cluster, 60);

  for (uint64_t uid : cluster.uids()) EXPECT_GT(cluster.group(uid).commit(), before);
  EXPECT_THAT(cluster.violations(), IsEmpty());
}

TEST(ClusterDurability, TwentyQuickRestartsLeaveAWorkingGroup) {
  Cluster cluster(three());
  elect(cluster);
  for (int i = 0; i < 20; ++i) {
    if (cluster.leader() != 0) cluster.propose(cluster.leader());
    cluster.crash(1);
    cluster.restart(1);
    run(cluster, 1);
  }
  run(cluster, 60);
  const Index before = cluster.committed();
  ASSERT_NE(cluster.leader(), 0u);
  ASSERT_TRUE(cluster.propose(cluster.leader()));
  cluster.settle();

  EXPECT_GT(cluster.committed(), before);
  EXPECT_THAT(cluster.violations(), IsEmpty());
}

TEST(ClusterQuiet, AllFallSilentAndNothingIsSent) {
  Cluster cluster(three());
  run(cluster, 60);
  for (uint64_t uid : cluster.uids()) EXPECT_TRUE(cluster.group(uid).quiet());

  for (int i = 0; i < 300; ++i) cluster.tick_all();

  EXPECT_EQ(cluster.packets(), 0u);
  EXPECT_NE(cluster.leader(), 0u);
}

}  // namespace
}  // namespace strandlog::raft
