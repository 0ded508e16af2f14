// Store: starts on a full disk.
#include <gtest/gtest.h>

#include <algorithm>

#include "store/segment_format.h"
#include "tests/store/small_disk.h"

namespace strandlog::store {
namespace {

// Of a process that was killed; what it still had to write finds no room either.
class SmallDiskStart : public SmallDisk {
 protected:
  explicit SmallDiskStart(const StoreOptions& options = small()) : SmallDisk(options) {}
  void kill() {
    disk_.hold();
    tested_.close();
    disk_.end_process(++starts_);
  }
  /// No space is left, nor a file of the journal but the one in use; the last round is long.
  void fill_and_kill() {
    for (int i = 0; i < 1000; ++i) tested_.poll();
    disk_.hold(DiskOp::Lane::kBackground);
    disk_.leave_free(0);
    for (int spares = 0; spares < 3; ++spares) {
      for (int i = 0; i < 10; ++i) tested_.append(1, Term{1}, 10'000);
      round();
    }
    kill();
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
  fill_and_kill();
  disk_.put("journal/00000000.jnl", std::vector<uint8_t>(120u << 10));
  disk_.leave_free(0);
  ASSERT_NO_FATAL_FAILURE(start());
  vote();
  EXPECT_FALSE(tested_.failed);
}

// Others may take it between the question and the allocation, too.
TEST_F(SmallDiskStart, GoesWithoutTheLastRoundWhenTheSpaceForItIsNone) {
  fill_and_kill();
  disk_.leave_free(0);
  disk_.said_to_be_free = 1u << 20;
  for (int i = 0; i < 3; ++i) {
    ASSERT_NO_FATAL_FAILURE(start()) << i;
    kill();
  }
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
  EXPECT_GE(disk_.free_bytes().value(), kSmallReserve);
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

class ShortSegmentsStart : public SmallDiskStart {
 protected:
  ShortSegmentsStart() : SmallDiskStart(short_segments()) {}
  static StoreOptions short_segments() {
    StoreOptions options = small();
    options.segment_bytes = 2 * kSegmentHeaderBytes;
    return options;
  }
};

// Each entry of 10 000 bytes gets a segment of its own then, of 16 384.
TEST_F(ShortSegmentsStart, KeepsInMemoryWhatFitsTheDiskWithoutItsHeadersAlone) {
  fill_the_journal(70);
  disk_.leave_free(900'000);
  kill();
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_GT(tested_.store().figures().tail_cache_bytes, short_segments().tail_cache_bytes);
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

}  // namespace
}  // namespace strandlog::store
