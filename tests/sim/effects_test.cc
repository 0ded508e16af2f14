// What a run says of faults that did nothing.
#include "tests/sim/effects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strandlog::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Effects, AKindThatWasDrawnAndDidNothingIsNamed) {
  EXPECT_THAT(without_effect({{"kill", 0}}, {}), ElementsAre(HasSubstr("kind kill")));
  EXPECT_THAT(without_effect({{"kill", 1}}, {}), IsEmpty());
}

TEST(Effects, AnEffectThatNoStrikeHadIsNamed) {
  EXPECT_THAT(without_effect({{"reset", 9}}, {{"late", 0}}), ElementsAre(HasSubstr("\"late\"")));
  EXPECT_THAT(without_effect({{"reset", 9}}, {}), ElementsAre(HasSubstr("\"late\"")));
  EXPECT_THAT(without_effect({{"reset", 9}}, {{"late", 1}}), IsEmpty());
}

TEST(Effects, NothingIsExpectedOfAKindThatWasNotDrawn) {
  EXPECT_THAT(without_effect({}, {{"late", 0}}), IsEmpty());
}

// A kind without an entry is counted where it strikes: its strike looks whether it came about.
TEST(Effects, EachIsCountedInAClusterOfAnyState) {
  SimCluster cluster(1, {});
  for (const auto& [name, count] : count_effects(cluster)) EXPECT_EQ(count, 0u) << name;
}

}  // namespace
}  // namespace strandlog::sim
