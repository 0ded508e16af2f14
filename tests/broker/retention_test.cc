// What retention lets go of: whole pieces, the oldest first, and never what is not committed.
#include "broker/retention.h"

#include <gtest/gtest.h>

namespace strandlog::broker {
namespace {

constexpr int64_t kNow = 1'000'000;

// Pieces of 100 bytes and ten entries of one record each; piece n was appended at 1000 n.
class RetentionTest : public testing::Test {
 protected:
  RetentionTest() {
    for (uint64_t n = 1; n <= 5; ++n) add(100, static_cast<int64_t>(1000 * n), 10);
    state_.configurations.push_back({Index{0}, {}});
  }
  void add(uint64_t bytes, int64_t at_ms, uint64_t records) {
    Index last = pieces_.empty() ? Index{0} : pieces_.back().end.index;
    Offset next = pieces_.empty() ? Offset{0} : pieces_.back().end.next_offset;
    Index end = last.plus(10);
    pieces_.push_back({{end, Term{3}, next.plus(records), 7 * end.value, at_ms}, bytes});
    committed_ = end;
  }
  // The number of the piece that the log ends with after the trim; 0: none is cut off.
  uint64_t cut(RetentionRule rule, int64_t now_ms = kNow) {
    auto start = decide_trim(rule, state_, pieces_, committed_, now_ms);
    if (!start) return 0;
    for (size_t i = 0; i < pieces_.size(); ++i) {
      const store::LogPoint& end = pieces_[i].end;
      if (*start == store::LogStart{end.index, end.term, end.next_offset, end.chain}) return i + 1;
    }
    ADD_FAILURE() << "it begins at entry " << start->index.value << ", which ends no piece";
    return 0;
  }
  // An age that piece n is beyond and the next is not.
  static RetentionRule older_than(int64_t n) { return {kNow - 1000 * n - 500, -1}; }

  store::ReplicaState state_;
  std::vector<store::LogPiece> pieces_;
  Index committed_;
};

TEST_F(RetentionTest, WithoutARuleEverythingStays) { EXPECT_EQ(cut({-1, -1}), 0u); }

TEST_F(RetentionTest, PiecesGoWhoseNewestRecordIsTooOld) {
  EXPECT_EQ(cut(older_than(2)), 2u);
  EXPECT_EQ(cut(older_than(0)), 0u);
}

TEST_F(RetentionTest, ARecordGoesOneMillisecondAfterItsTime) {
  EXPECT_EQ(cut({1000, -1}, 2000), 0u);
  EXPECT_EQ(cut({1000, -1}, 2001), 1u);
}

TEST_F(RetentionTest, ALogThatIsTooOldAsAWholeIsEmptyThen) { EXPECT_EQ(cut({0, -1}), 5u); }

TEST_F(RetentionTest, PiecesGoThatTheRestIsLongEnoughWithout) {
  EXPECT_EQ(cut({-1, 300}), 2u);
  EXPECT_EQ(cut({-1, 301}), 1u);
  EXPECT_EQ(cut({-1, 500}), 0u);
}

TEST_F(RetentionTest, TheNewestPieceStaysHoweverLongItIs) { EXPECT_EQ(cut({-1, 0}), 4u); }

TEST_F(RetentionTest, EitherRuleIsEnough) {
  EXPECT_EQ(cut({kNow - 1500, 200}), 3u);
  EXPECT_EQ(cut({kNow - 4500, 400}), 4u);
}

TEST_F(RetentionTest, AYoungPieceKeepsWhatIsBehindIt) {
  pieces_[1].end.append_time_ms = kNow;
  EXPECT_EQ(cut(older_than(4)), 1u);
}

TEST_F(RetentionTest, NothingGoesThatIsNotCommitted) {
  committed_ = pieces_[2].end.index.previous();
  EXPECT_EQ(cut({0, -1}), 2u);
}

TEST_F(RetentionTest, WhatATrimLeavesIsNotTrimmedAgain) {
  store::LogPoint end = pieces_.back().end;
  state_.start = {end.index, end.term, end.next_offset, end.chain};
  pieces_.clear();
  pieces_.push_back({{end.index.plus(1), Term{3}, end.next_offset, 1, end.append_time_ms}, 96});
  committed_ = end.index.plus(1);
  EXPECT_EQ(cut({0, 0}), 0u);
}

TEST_F(RetentionTest, TheLogKeepsAStartWhoseConfigurationItKnows) {
  state_.configurations = {{Index{25}, {}}};
  EXPECT_EQ(cut(older_than(2)), 0u) << "entry 20 is followed by the oldest that is known";
  EXPECT_EQ(cut(older_than(3)), 3u);
}

TEST_F(RetentionTest, AnEmptyLogStaysAsItIs) {
  pieces_.clear();
  committed_ = Index{0};
  EXPECT_EQ(cut({0, 0}), 0u);
}

}  // namespace
}  // namespace strandlog::broker
