// DiskPatience: lanes that answer, that answer late, and that do not.
#include "broker/disk_patience.h"

#include <gtest/gtest.h>

namespace strandlog::broker {
namespace {

constexpr int64_t kLimitMs = 1000;
constexpr int64_t kOtherMs = kLimitMs * DiskPatience::kOthersTimes;
constexpr size_t kJournal = 0, kRead = 1;

class Patience : public testing::Test {
 protected:
  /// Later by so much, and then: so many operations are open, so many have been answered.
  void after(int64_t ms, size_t lane, uint64_t open, uint64_t answered) {
    now_ = now_.plus_ms(ms);
    lanes_[lane] = {open, answered};
    patience_.look(now_, lanes_);
  }
  bool is_over_after(int64_t ms) const { return patience_.is_over(now_.plus_ms(ms)); }

  Time now_{5'000'000};
  store::DiskLanes lanes_{};
  DiskPatience patience_{kLimitMs};
};

TEST_F(Patience, EndsWithARoundThatIsNotAnswered) {
  after(0, kJournal, 1, 0);
  EXPECT_FALSE(is_over_after(kLimitMs));
  EXPECT_TRUE(is_over_after(kLimitMs + 1));
  EXPECT_EQ(patience_.owes_round_since(), now_);
}

TEST_F(Patience, LastsWhileRoundsAreAnsweredAndNewOnesGiven) {
  after(0, kJournal, 1, 0);
  after(900, kJournal, 1, 1);
  EXPECT_FALSE(is_over_after(kLimitMs));
  EXPECT_TRUE(is_over_after(kLimitMs + 1));
}

TEST_F(Patience, ReturnsWithTheAnswer) {
  after(0, kJournal, 1, 0);
  after(5'000, kJournal, 0, 1);
  EXPECT_FALSE(is_over_after(100'000));
  EXPECT_EQ(patience_.owes_round_since(), std::nullopt);
}

TEST_F(Patience, EndsWithReadsOfWhichNoneIsAnswered) {
  after(0, kRead, 3, 0);
  EXPECT_FALSE(is_over_after(kOtherMs));
  EXPECT_TRUE(is_over_after(kOtherMs + 1));
}

TEST_F(Patience, LastsWhileOneReadAfterTheOtherIsAnswered) {
  after(0, kRead, 100, 0);
  for (uint64_t answered = 1; answered < 30; ++answered) {
    after(kLimitMs, kRead, 100, answered);
    EXPECT_FALSE(is_over_after(kOtherMs));
  }
}

TEST_F(Patience, IsNotLentByOneLaneToAnother) {
  after(0, kRead, 1, 0);
  for (uint64_t round = 1; round <= 30; ++round) after(kLimitMs, kJournal, 1, round);
  EXPECT_TRUE(is_over_after(0));
}

}  // namespace
}  // namespace strandlog::broker
