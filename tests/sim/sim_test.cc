// A few seeds of the simulator, as part of the suite.
#include <gtest/gtest.h>

#include "tests/sim/simulation.h"

namespace strandlog::sim {
namespace {

std::string all_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "\n  " + line;
  return text;
}

TEST(Simulation, KeepsItsPromisesOverSomeSeeds) {
  uint64_t promises = 0, replicas = 0, votes = 0, ends = 0, durable_votes = 0;
  uint64_t entries = 0, catalogs = 0, resources = 0, admissions = 0, marks = 0;
  for (uint64_t seed = 1; seed <= SIM_SEEDS; ++seed) {
    Outcome outcome = simulate(draw_plan(seed));
    promises += outcome.promises_checked;
    replicas += outcome.replicas_compared;
    entries += outcome.entries_compared;
    votes += outcome.votes_seen;
    durable_votes += outcome.votes_checked;
    ends += outcome.ends_seen;
    catalogs += outcome.catalogs_compared;
    resources += outcome.resources_checked;
    admissions += outcome.admissions_checked;
    marks += outcome.marks_checked;
    EXPECT_TRUE(outcome.violations.empty()) << "seed " << seed << all_of(outcome.violations);
    EXPECT_GT(outcome.acked, 0u) << "seed " << seed;
  }
  EXPECT_GT(promises, 0u) << "nobody looks at the disks any more";
  EXPECT_GT(replicas, 0u) << "nobody compares replicas any more";
  EXPECT_GT(entries, 0u) << "replicas are compared with nothing";
  EXPECT_GT(votes, 0u) << "nobody sees the votes any more";
  EXPECT_GT(durable_votes, 0u) << "nobody looks whether votes are durable any more";
  EXPECT_GT(ends, 0u) << "nobody asks for ends any more";
  EXPECT_GT(catalogs, 0u) << "nobody compares catalogs any more";
  EXPECT_GT(resources, 0u) << "nobody asks brokers what they use any more";
  EXPECT_GT(admissions, 0u) << "nobody looks whom brokers admit any more";
  EXPECT_GT(marks, 0u) << "nobody sees what clients are told any more";
}

TEST(Simulation, GivesTheSameOutcomeForTheSameSeed) {
  uint64_t fingerprint = simulate(draw_plan(2)).fingerprint;
  EXPECT_EQ(simulate(draw_plan(2)).fingerprint, fingerprint);
  EXPECT_NE(simulate(draw_plan(3)).fingerprint, fingerprint);
}

}  // namespace
}  // namespace strandlog::sim
