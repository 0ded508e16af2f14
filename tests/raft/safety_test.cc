// Raft's safety properties over many seeds of loss, reordering, crashes and cuts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/raft/cluster.h"

namespace strandlog::raft {
namespace {

GroupConfig small_config() {
  return {.group = {},
          .self = {},
          .election_ticks = 10,
          .heartbeat_ticks = 2,
          .window_bytes = 1500,
          .max_append_bytes = 500};
}

std::vector<uint64_t> uids_of(const std::vector<Member>& members) {
  std::vector<uint64_t> uids;
  for (const Member& member : members) uids.push_back(member.uid.value);
  return uids;
}

/// Somebody comes to listen, goes, or takes the place of a voter; a learner may become one.
void change_members(Cluster& cluster, uint64_t leader) {
  const Membership& now = cluster.group(leader).membership();
  std::vector<uint64_t> voters = uids_of(now.voters);
  std::vector<uint64_t> learners = uids_of(now.learners);
  const std::vector<uint64_t> all = cluster.uids();
  const uint64_t uid = all[cluster.random(all.size())];
  const bool votes = std::erase(voters, uid) > 0;
  const bool listens = std::erase(learners, uid) > 0;
  if (listens && cluster.random(4) != 0) voters.push_back(uid);
  if (listens && cluster.random(2) == 0) voters.erase(voters.begin());
  if (!votes && !listens) learners.push_back(uid);
  if (votes && voters.size() < 2) return;
  (void)cluster.change(leader, voters, learners).ok();
}

/// `violence` (0 to 3) weighs crashes, cuts and steps down against ordinary work.
void one_random_act(Cluster& cluster, uint64_t violence, uint64_t& next_read) {
  const std::vector<uint64_t> uids = cluster.uids();
  const uint64_t uid = uids[cluster.random(uids.size())];
  const uint64_t other = uids[cluster.random(uids.size())];
  const uint64_t leader = cluster.leader() != 0 ? cluster.leader() : uid;
  if (cluster.has_spares() && cluster.leader() != 0 && cluster.random(30) == 0) {
    return change_members(cluster, leader);
  }
  const uint64_t act = cluster.random(1000 + 10 * violence);
  if (act < 520) {
    cluster.deliver_one();
  } else if (act < 780) {
    cluster.write_one(uid);
  } else if (act < 860) {
    cluster.tick(uid);
  } else if (act < 940) {
    cluster.propose(cluster.random(10) == 0 ? uid : leader);
  } else if (act < 960) {
    cluster.read(cluster.random(10) == 0 ? uid : leader, ++next_read);
  } else if (act < 985) {
    cluster.restart(uid);
  } else if (act < 990) {
    cluster.heal(uid, other);
  } else if (act < 997) {
    cluster.heal_all();
  } else if (act < 1000) {
    cluster.transfer(leader, other);
  } else if (act % 10 < 4) {
    cluster.crash(cluster.random(2) == 0 ? uid : leader);
  } else if (act % 10 < 9) {
    cluster.cut(cluster.random(2) == 0 ? uid : leader, other);
  } else {
    cluster.step_down(leader);
  }
}

/// Ends all faults; then within a bounded time there must be a leader that commits.
void expect_recovery(Cluster& cluster, uint64_t seed) {
  cluster.faults = {};
  cluster.heal_all();
  for (uint64_t uid : cluster.uids()) cluster.restart(uid);
  bool is_done = false;
  for (int i = 0; i < 400 && !is_done; ++i) {
    cluster.settle();
    cluster.tick_all();
    const uint64_t leader = cluster.leader();
    if (i > 100 && leader != 0) {
      const Index before = cluster.committed();
      cluster.propose(leader);
      cluster.settle();
      is_done = cluster.committed() > before;
    }
  }
  ASSERT_TRUE(is_done) << "no progress after healing, seed " << seed;
  for (int i = 0; i < 40; ++i) {
    cluster.settle();
    cluster.tick_all();
  }
  cluster.settle();
  const std::vector<Member> members = cluster.group(cluster.leader()).membership().all();
  for (uint64_t uid : uids_of(members)) {
    EXPECT_EQ(cluster.group(uid).commit(), cluster.committed()) << "seed " << seed;
    EXPECT_EQ(cluster.group(uid).durable(), cluster.committed()) << "seed " << seed;
    EXPECT_TRUE(cluster.group(uid).quiet()) << "seed " << seed << " replica " << uid;
  }
}

void run_seed(ClusterOptions options, uint64_t seed) {
  options.seed = seed;
  options.config = small_config();
  Cluster cluster(options);
  cluster.faults = {.drop_percent = static_cast<int>(cluster.random(15)),
                    .duplicate_percent = static_cast<int>(cluster.random(15)),
                    .reorder = cluster.random(2) == 0};
  const uint64_t violence = cluster.random(4);
  uint64_t next_read = 0;
  for (int i = 0; i < 3000 && cluster.violations().empty(); ++i) {
    one_random_act(cluster, violence, next_read);
    if (i % 500 == 0) cluster.check_log_matching();
  }
  cluster.check_log_matching();
  ASSERT_THAT(cluster.violations(), testing::IsEmpty()) << "seed " << seed;
  expect_recovery(cluster, seed);
  ASSERT_THAT(cluster.violations(), testing::IsEmpty()) << "seed " << seed;
}

TEST(GroupSafety, HoldsForThreeVotersOverManySeeds) {
  for (uint64_t seed = 1; seed <= 120 && !HasFailure(); ++seed) {
    run_seed({.voters = 3, .learners = 0, .spares = 0, .seed = 0, .config = {}, .keep_entries = 0},
             seed);
  }
}

TEST(GroupSafety, HoldsForFiveVotersAndALearnerOverManySeeds) {
  for (uint64_t seed = 1001; seed <= 1040 && !HasFailure(); ++seed) {
    run_seed({.voters = 5, .learners = 1, .spares = 0, .seed = 0, .config = {}, .keep_entries = 0},
             seed);
  }
}

TEST(GroupSafety, HoldsWithTrimmedLogsAndSnapshotsOverManySeeds) {  // cases 21 to 23, 28, 29
  for (uint64_t seed = 2001; seed <= 2080 && !HasFailure(); ++seed) {
    run_seed({.voters = 3, .learners = 1, .spares = 0, .seed = 0, .config = {}, .keep_entries = 4},
             seed);
  }
}

TEST(GroupSafety, HoldsWhileMembersChangeOverManySeeds) {  // cases 8 to 13
  for (uint64_t seed = 4001; seed <= 4200 && !HasFailure(); ++seed) {
    run_seed({.voters = 1 + seed % 4,
              .learners = 0,
              .spares = 3,
              .seed = 0,
              .config = {},
              .keep_entries = seed % 3 == 0 ? 4u : 0u},
             seed);
  }
}

TEST(GroupSafety, HoldsForOneVoterOverManySeeds) {  // case 24
  for (uint64_t seed = 3001; seed <= 3020 && !HasFailure(); ++seed) {
    run_seed({.voters = 1, .learners = 1, .spares = 0, .seed = 0, .config = {}, .keep_entries = 0},
             seed);
  }
}

}  // namespace
}  // namespace strandlog::raft
