// What a run is told to have left out.
#include "tools/sim/marks.h"

#include <gmock/gmock.h>

namespace strandlog::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kExcused = "raft 23: entries are trimmed before they are read";

TEST(Marks, AreReachedOrExcused) {
  EXPECT_THAT(wrong_marks({}), IsEmpty()) << "a build without any";
  EXPECT_THAT(wrong_marks({{"raft 1: x", 7}, {kExcused, 0}}), IsEmpty());
  EXPECT_THAT(wrong_marks({{"raft 1: x", 0}, {kExcused, 0}}),
              ElementsAre(HasSubstr("never reached: raft 1: x")));
}

TEST(Marks, AreNotExcusedWhenTheyAreReached) {
  EXPECT_THAT(wrong_marks({{"raft 1: x", 7}, {kExcused, 1}}), ElementsAre(HasSubstr(kExcused)));
}

TEST(Marks, ThatNeedLuckAreNeitherAskedForNorExcused) {
  for (uint64_t hits : {0, 1}) {
    EXPECT_THAT(wrong_marks({{"store: a torn round is cut", hits}}), IsEmpty());
  }
}

}  // namespace
}  // namespace strandlog::sim
