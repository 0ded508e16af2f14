// Store: a disk that fills up, and one that is given room again.
#include <gtest/gtest.h>

#include "tests/store/store_model.h"

namespace strandlog::store {
namespace {

constexpr uint64_t kReserve = 1u << 20;

StoreOptions small() {
  StoreOptions options;
  options.journal_file_bytes = 128u << 10;
  options.journal_max_bytes = 2u << 20;
  options.segment_bytes = 256u << 10;
  options.tail_cache_bytes = 512u << 10;
  options.reserve_bytes = kReserve;
  return options;
}

class SmallDisk : public testing::Test {
 protected:
  SmallDisk() : tested_(disk_, small()) {
    disk_.set_capacity(6u << 20);
    EXPECT_TRUE(tested_.open(1).ok());
    tested_.make(1);
    round();
  }
  void round() {
    tested_.submit();
    EXPECT_TRUE(tested_.settle());
  }
  Result<void> room() { return tested_.store().room_for(10'000); }
  /// Appends while there is room; returns how many entries it took.
  int fill() {
    int taken = 0;
    for (int waits = 0; waits < 1000;) {
      auto answer = room();
      if (answer.ok()) {
        tested_.append(1, Term{1}, 10'000 - kEntryHeaderBytes);
        ++taken;
        if (tested_.store().full() || taken % 7 == 0) round();
        waits = 0;
        continue;
      }
      // The journal alone may be full for a while; a full disk stays so.
      waits = answer.error().code == Code::kDiskFull ? waits + 10 : waits + 1;
      if (tested_.store().dirty()) round();
      tested_.poll();
    }
    EXPECT_FALSE(tested_.failed);
    return taken;
  }

  FakeDisk disk_;
  ModelledStore tested_;
};

TEST_F(SmallDisk, TakesRecordsUntilTheReserveAndNeverMore) {
  EXPECT_GT(fill(), 100);
  auto refused = room();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kDiskFull);
  EXPECT_EQ(tested_.store().figures().disk_full, 1u);
  for (int i = 0; i < 1000; ++i) tested_.poll();  // whatever is still on its way
  EXPECT_GE(disk_.free_bytes().value(), kReserve);
}

TEST_F(SmallDisk, VotesAndReadsGoOnWhenItIsFull) {
  fill();
  for (uint64_t term = 2; term < 60; ++term) {
    tested_.hard_state(1, Term{term}, Uid{1});
    round();
  }
  EXPECT_FALSE(tested_.failed);
  EXPECT_EQ(model_of(tested_.store()), tested_.model);
}

TEST_F(SmallDisk, TakesRecordsAgainOnceThereIsRoom) {
  int before = fill();
  disk_.set_capacity(8u << 20);
  for (int i = 0; i < 64 && !room().ok(); ++i) tested_.poll();
  EXPECT_TRUE(room().ok());
  EXPECT_GT(fill(), before / 4);
  EXPECT_EQ(model_of(tested_.store()), tested_.model);
}

TEST_F(SmallDisk, SurvivesOthersTakingTheReserveAway) {
  for (int i = 0; i < 200; ++i) {
    tested_.append(1, Term{1}, 5000);
    if (i % 7 == 0) round();
  }
  round();
  disk_.set_capacity((6u << 20) - disk_.free_bytes().value());  // not a byte is left
  for (int i = 0; i < 64; ++i) tested_.poll();
  EXPECT_EQ(room().error().code, Code::kDiskFull);
  for (uint64_t term = 2; term < 40; ++term) {
    tested_.hard_state(1, Term{term}, Uid{1});
    round();
  }
  for (int i = 0; i < 500; ++i) tested_.poll();
  EXPECT_FALSE(tested_.failed);
  EXPECT_EQ(model_of(tested_.store()), tested_.model);
  disk_.set_capacity(64u << 20);
  for (int i = 0; i < 200; ++i) tested_.poll();
  EXPECT_TRUE(room().ok());
}

TEST(StoreReading, AnAnswerIsFewPiecesHoweverTheEntriesLie) {
  FakeDisk disk;
  ModelledStore tested(disk, {});
  ASSERT_TRUE(tested.open(1).ok());
  tested.make(1);
  tested.make(2);
  for (int i = 0; i < 3000; ++i) tested.append(1 + static_cast<uint64_t>(i % 2), Term{1}, 50);
  ReadResult result;
  auto ready = tested.store().read({Uid{1}, Index{1}, Index{5000}}, 1, result);
  ASSERT_TRUE(ready.ok() && *ready);
  EXPECT_EQ(result.last, Index{1500});
  EXPECT_LE(result.pieces.size(), kMaxReadPieces);
  EXPECT_EQ(read_all(tested.store(), tested.store().replicas().at(Uid{1}))->size(), result.bytes);
}

}  // namespace
}  // namespace strandlog::store
