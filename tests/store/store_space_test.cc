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

// Three files in all, of 30 votes each; an image is due after 64 votes.
TEST_F(SmallDisk, AnImageWaitsForAFileWhileVotesGoOn) {
  for (int i = 0; i < 1000; ++i) tested_.poll();
  disk_.leave_free(0);
  for (uint64_t term = 2; term < 80; ++term) {
    tested_.hard_state(1, Term{term}, Uid{1});
    round();
    for (int i = 0; i < 10; ++i) tested_.poll();
    ASSERT_FALSE(tested_.failed) << term;
  }
  EXPECT_EQ(tested_.store().figures().checkpoints, 0u);
  disk_.leave_free(2u << 20);
  for (int i = 0; i < 100; ++i) tested_.poll();
  EXPECT_EQ(tested_.store().figures().checkpoints, 1u);
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

// Once it stopped the process.
TEST_F(SmallDisk, ARoundWaitsForSpaceWhenNoFileIsLeft) {
  for (int i = 0; i < 1000; ++i) tested_.poll();
  disk_.leave_free(0);
  const uint64_t journal = static_cast<size_t>(DiskOp::Lane::kJournal);
  uint64_t term = 1;
  while (!tested_.store().writing() && term < 1000) {
    tested_.hard_state(1, Term{++term}, Uid{1});
    tested_.submit();
    for (int i = 0; i < 50; ++i) tested_.poll();
  }
  ASSERT_TRUE(tested_.store().writing());
  EXPECT_EQ(tested_.store().disk_lanes()[journal].open, 1u);
  RoundNumber waits = tested_.store().durable().plus(1);
  tested_.hard_state(1, Term{++term}, Uid{2});  // into the next one
  EXPECT_EQ(tested_.store().gathering(), waits.plus(1));
  EXPECT_EQ(room().error().code, Code::kDiskFull);
  disk_.leave_free(2u << 20);
  EXPECT_TRUE(tested_.settle());
  EXPECT_EQ(tested_.store().durable(), waits);
  round();
  EXPECT_EQ(tested_.store().disk_lanes()[journal].open, 0u);
  EXPECT_EQ(model_of(tested_.store()), tested_.model);
  tested_.close();
  ASSERT_TRUE(tested_.open(2).ok());
  EXPECT_EQ(model_of(tested_.store()), tested_.model);
}

TEST_F(SmallDisk, WhatIsPutInBehindAWaitingRoundIsOneTermAndVotePerReplica) {
  disk_.hold();
  tested_.hard_state(1, Term{2}, Uid{1});
  tested_.submit();
  for (uint64_t i = 0; i < 20'000; ++i) tested_.hard_state(1, Term{3 + i / 1000}, Uid{2});
  EXPECT_FALSE(tested_.store().full());
  tested_.append(1, Term{22}, 100);
  tested_.hard_state(1, Term{23}, Uid{1});
  disk_.release();
  EXPECT_TRUE(tested_.settle());
  round();
  tested_.close();
  ASSERT_TRUE(tested_.open(2).ok());
  EXPECT_EQ(model_of(tested_.store()), tested_.model);
}

// Of a process that was killed; what it still had to write finds no room either.
class SmallDiskStart : public SmallDisk {
 protected:
  void kill() {
    disk_.hold();
    tested_.close();
    disk_.end_process(++starts_);
  }
  void start() {
    auto opened = tested_.open(++starts_);
    ASSERT_TRUE(opened.ok()) << opened.error().text;
    EXPECT_EQ(model_of(tested_.store()), tested_.model);
  }
  void vote() {
    tested_.hard_state(1, Term{++starts_}, Uid{1});
    round();
  }
  /// Appends what the journal's files have room for, and no segment gets any of it.
  void fill_the_journal(int entries) {
    for (int i = 0; i < 1000; ++i) tested_.poll();
    disk_.hold(DiskOp::Lane::kBackground);
    for (int i = 0; i < entries; ++i) {
      tested_.append(1, Term{1}, 10'000);
      if (i % 7 == 6) round();
    }
    if (tested_.store().dirty()) round();
  }
  size_t journal_files() {
    auto names = disk_.list("journal").value();
    return static_cast<size_t>(std::count_if(names.begin(), names.end(), [&](const auto& name) {
      return !disk_.bytes_of("journal/" + name).empty();
    }));
  }
  /// With nothing in between: whatever the last round is, each of them repeats it.
  void start_often(int times) {
    for (int i = 0; i < times; ++i) {
      kill();
      ASSERT_NO_FATAL_FAILURE(start()) << i;
    }
  }
  /// Rounds until one of them carries an image, which is the last one then.
  void end_with_an_image() {
    uint64_t before = tested_.store().figures().checkpoints;
    while (tested_.store().figures().checkpoints == before) {
      vote();
      for (int i = 0; i < 10; ++i) tested_.poll();
    }
  }
  uint64_t starts_ = 1;
};

TEST_F(SmallDiskStart, TakesNoFileToRepeatAnImage) {
  end_with_an_image();
  start_often(1);
  for (int i = 0; i < 20; ++i) tested_.poll();  // spare files are made
  size_t files = journal_files();
  start_often(20);
  EXPECT_EQ(journal_files(), files);
  disk_.leave_free(0);
  start_often(5);
  for (int i = 0; i < 60; ++i) vote();  // into the file that waits for them
  EXPECT_FALSE(tested_.failed);
}

// Long enough for the last round, but not finished: it is dropped.
TEST_F(SmallDiskStart, DoesNotCountOnAFileThatWasBeingMade) {
  for (int i = 0; i < 1000; ++i) tested_.poll();
  disk_.hold(DiskOp::Lane::kBackground);
  disk_.leave_free(0);
  for (int spares = 0; spares < 3; ++spares) {
    for (int i = 0; i < 10; ++i) tested_.append(1, Term{1}, 10'000);
    round();
  }
  kill();
  disk_.put("journal/00000000.jnl", std::vector<uint8_t>(120u << 10));
  disk_.leave_free(0);
  ASSERT_NO_FATAL_FAILURE(start());
  vote();
  EXPECT_FALSE(tested_.failed);
}

TEST_F(SmallDiskStart, GivesBackTheFilesOfImagesThatItRepeats) {
  for (uint64_t uid = 2; uid < 300; ++uid) tested_.make(uid);
  round();
  end_with_an_image();
  start_often(30);
  EXPECT_LE(tested_.store().figures().journal_bytes, small().journal_max_bytes / 2);
  vote();
  EXPECT_FALSE(tested_.failed);
}

TEST_F(SmallDiskStart, WhatAnImageCoversIsUsedAgainByAStartOnAFullDisk) {
  fill();
  for (int i = 0; i < 60; ++i) {
    kill();
    ASSERT_NO_FATAL_FAILURE(start()) << i;
    ASSERT_EQ(room().error().code, Code::kDiskFull);
    vote();
    for (int polls = 0; polls < 100; ++polls) tested_.poll();
    ASSERT_FALSE(tested_.failed) << i;
  }
  EXPECT_LE(tested_.store().figures().journal_bytes, small().journal_max_bytes);
  EXPECT_GE(disk_.free_bytes().value(), kReserve);
}

TEST_F(SmallDiskStart, NeedsNothingWhenOthersTookTheReserveAway) {
  fill();
  disk_.leave_free(0);
  for (int i = 0; i < 8; ++i) {
    kill();
    ASSERT_NO_FATAL_FAILURE(start()) << i;
    vote();
    ASSERT_FALSE(tested_.failed) << i;
  }
  disk_.set_capacity(8u << 20);
  for (int i = 0; i < 200; ++i) tested_.poll();
  EXPECT_TRUE(room().ok());
  EXPECT_GT(fill(), 10);
  EXPECT_EQ(model_of(tested_.store()), tested_.model);
}

TEST_F(SmallDiskStart, KeepsInMemoryWhatAFullDiskCannotTake) {
  fill_the_journal(70);
  disk_.leave_free(0);
  kill();
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_GT(tested_.store().figures().tail_cache_bytes, small().tail_cache_bytes);
  vote();
  disk_.set_capacity(64u << 20);
  for (int i = 0; i < 500; ++i) tested_.poll();
  EXPECT_LE(tested_.store().figures().tail_cache_bytes, small().tail_cache_bytes);
  EXPECT_TRUE(room().ok());
  kill();
  ASSERT_NO_FATAL_FAILURE(start());
}

TEST_F(SmallDiskStart, AFileThatWasBeingMadeIsNoSpareFile) {
  for (int i = 0; i < 1000; ++i) tested_.poll();
  size_t made = journal_files();
  disk_.put("journal/00000000.jnl", {});  // before all others, in every order
  disk_.leave_free(0);
  kill();
  ASSERT_NO_FATAL_FAILURE(start());
  for (int i = 0; i < 40; ++i) {  // the file in use ends
    vote();
    ASSERT_FALSE(tested_.failed) << i;
  }
  EXPECT_EQ(journal_files(), made);
  EXPECT_FALSE(disk_.exists("journal/00000000.jnl"));
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
