// Store: a disk that fills up, and one that is given room again.
#include <gtest/gtest.h>

#include "tests/store/small_disk.h"

namespace strandlog::store {
namespace {

TEST_F(SmallDisk, TakesRecordsUntilTheReserveAndNeverMore) {
  EXPECT_GT(fill(), 100);
  auto refused = room();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kDiskFull);
  EXPECT_EQ(tested_.store().figures().disk_full, 1u);
  for (int i = 0; i < 1000; ++i) tested_.poll();  // whatever is still on its way
  EXPECT_GE(disk_.free_bytes().value(), kSmallReserve);
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
  RoundNumber waits = vote_until_one_waits();
  EXPECT_EQ(owed_rounds(), 1u);
  tested_.hard_state(1, Term{++term_}, Uid{2});  // into the next one
  EXPECT_EQ(tested_.store().gathering(), waits.plus(1));
  EXPECT_EQ(room().error().code, Code::kDiskFull);
  disk_.leave_free(2u << 20);
  EXPECT_TRUE(tested_.settle());
  EXPECT_EQ(tested_.store().durable(), waits);
  round();
  EXPECT_EQ(owed_rounds(), 0u);
  EXPECT_EQ(model_of(tested_.store()), tested_.model);
  tested_.close();
  ASSERT_TRUE(tested_.open(2).ok());
  EXPECT_EQ(model_of(tested_.store()), tested_.model);
}

// As on a full disk: the process went on serving reads, and it gets some back.
TEST_F(SmallDisk, ARoundWaitsForADescriptorWhenNoFileIsLeft) {
  for (int i = 0; i < 1000; ++i) tested_.poll();
  disk_.no_descriptors = true;
  RoundNumber waits = vote_until_one_waits();
  EXPECT_EQ(owed_rounds(), 1u);
  disk_.no_descriptors = false;
  EXPECT_TRUE(tested_.settle());
  EXPECT_GE(tested_.store().durable(), waits);
  EXPECT_EQ(model_of(tested_.store()), tested_.model);
}

// Spare files are there, but each of them is shorter than it.
TEST_F(SmallDisk, AnImageLongerThanAFileWaitsAndItsRoundGoesOnWithoutIt) {
  for (uint64_t uid = 2; uid < 1500; ++uid) tested_.make(uid);
  round();
  auto images = [this] { return tested_.store().figures().checkpoints; };
  auto vote = [this] {
    tested_.hard_state(1, Term{++term_}, Uid{1});
    round();
    for (int i = 0; i < 10; ++i) tested_.poll();
  };
  while (images() == 0) vote();
  for (int i = 0; i < 40; ++i) vote();
  ASSERT_EQ(images(), 1u);
  disk_.leave_free(0);
  for (int i = 0; i < 40; ++i) {  // the next one is due after 64
    vote();
    ASSERT_EQ(owed_rounds(), 0u) << i;
  }
  EXPECT_EQ(images(), 1u);
  disk_.leave_free(2u << 20);
  for (int i = 0; i < 200; ++i) tested_.poll();
  EXPECT_EQ(images(), 2u);
  EXPECT_FALSE(tested_.failed);
  tested_.close();
  ASSERT_TRUE(tested_.open(2).ok());
  EXPECT_EQ(model_of(tested_.store()), tested_.model);
}

// In one of the two cases the file ends before a seal.
class SealOnASmallDisk : public SmallDisk, public testing::WithParamInterface<bool> {};
TEST_P(SealOnASmallDisk, WaitsForNoSpace) {
  for (int i = 0; i < 1000; ++i) tested_.poll();
  disk_.leave_free(0);
  bool waits = false;
  for (bool idle = GetParam(); !waits && term_ < 1000; idle = true) {
    tested_.hard_state(1, Term{++term_}, Uid{1});
    tested_.submit();
    for (int i = 0; i < 50; ++i) tested_.poll();
    waits = tested_.store().writing();
    for (int i = 0; i < 50 && idle && !waits; ++i) {
      tested_.poll();
      ASSERT_LE(owed_rounds(), tested_.disk().pending_count()) << "a seal waits at term " << term_;
    }
  }
  ASSERT_TRUE(waits);
  RoundNumber last = tested_.store().durable().plus(1);
  disk_.leave_free(2u << 20);
  for (int i = 0; i < 200; ++i) tested_.poll();
  EXPECT_GT(tested_.store().durable(), last) << "it is sealed once there is space";
  EXPECT_EQ(model_of(tested_.store()), tested_.model);
}
INSTANTIATE_TEST_SUITE_P(Both, SealOnASmallDisk, testing::Bool());

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
