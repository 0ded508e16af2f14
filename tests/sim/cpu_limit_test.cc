// What ends a process that computes for ever.
#include "tools/sim/cpu_limit.h"

#include <gtest/gtest.h>

#include <csignal>
#include <ctime>

namespace strandlog::sim {
namespace {

using std::chrono::seconds;

int64_t computed_s() { return std::clock() / CLOCKS_PER_SEC; }

TEST(CpuLimitDeathTest, EndsAProcessThatComputesForEver) {
  auto for_ever = [] {
    limit_cpu(seconds{0});
    for (;;) computed_s();
  };
  EXPECT_EXIT(for_ever(), testing::KilledBySignal(SIGXCPU), "");
}

TEST(CpuLimitDeathTest, CountsFromWhatWasComputedBefore) {
  auto seed_by_seed = [] {
    for (int64_t s = computed_s() + 1, last = s + 3; s < last; ++s) {
      limit_cpu(seconds{1});
      while (computed_s() < s) continue;
    }
    std::_Exit(0);
  };
  EXPECT_EXIT(seed_by_seed(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace strandlog::sim
