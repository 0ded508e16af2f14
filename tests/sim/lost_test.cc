// What cannot be read in the end: whether it is lost or only out of reach.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/story.h"

namespace strandlog::sim {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> of_three_are_wiped(size_t brokers) {
  Story story;
  story.send(0, 20);
  for (size_t n = 1; n <= brokers; ++n) story.cluster.broker(n).wipe();
  return story.end(false);
}

TEST(Lost, WhatNoDiskHoldsIsLost) {
  EXPECT_THAT(of_three_are_wiped(3), Contains(StartsWith("I1: ")));
}

TEST(Lost, WhatOneDiskHoldsIsOutOfReach) {
  auto violations = of_three_are_wiped(2);
  EXPECT_THAT(violations, Contains(StartsWith("I24: no ends")));
  EXPECT_THAT(violations, Each(Not(StartsWith("I1: "))));
}

}  // namespace
}  // namespace strandlog::sim
