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
  for (uint64_t seed = 1; seed <= SIM_SEEDS; ++seed) {
    Outcome outcome = Simulation(seed).run();
    EXPECT_TRUE(outcome.violations.empty()) << "seed " << seed << all_of(outcome.violations);
    EXPECT_GT(outcome.acked, 0u) << "seed " << seed;
  }
}

TEST(Simulation, GivesTheSameOutcomeForTheSameSeed) {
  uint64_t fingerprint = Simulation(2).run().fingerprint;
  EXPECT_EQ(Simulation(2).run().fingerprint, fingerprint);
  EXPECT_NE(Simulation(3).run().fingerprint, fingerprint);
}

}  // namespace
}  // namespace strandlog::sim
