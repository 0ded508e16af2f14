// Fence: what follows a refused batch waits for it.
#include "broker/fence.h"

#include <gtest/gtest.h>

#include "base/record_batch.h"

namespace strandlog::broker {
namespace {

const wire::TopicPartition kHere{{}, 3};
constexpr Time kNow{1'000'000};

TEST(Fence, RefusesWhatFollowsARefusedBatchUntilThatComesAgain) {
  Fence fence;
  fence.close(kHere, {7, 10}, kNow);

  EXPECT_FALSE(fence.admits(kHere, {7, 20}, kNow));
  EXPECT_TRUE(fence.admits(kHere, {7, 10}, kNow));
  EXPECT_TRUE(fence.admits(kHere, {7, 20}, kNow));
}

TEST(Fence, IsOpenedByAnEarlierBatchToo) {
  Fence fence;
  fence.close(kHere, {7, 10}, kNow);

  EXPECT_TRUE(fence.admits(kHere, {7, 5}, kNow));
  EXPECT_TRUE(fence.admits(kHere, {7, 20}, kNow));
}

TEST(Fence, KeepsTheFirstOfSeveralRefusedBatches) {
  Fence fence;
  fence.close(kHere, {7, 10}, kNow);
  fence.close(kHere, {7, 20}, kNow);
  fence.close(kHere, {7, 5}, kNow);

  EXPECT_FALSE(fence.admits(kHere, {7, 10}, kNow));
  EXPECT_TRUE(fence.admits(kHere, {7, 5}, kNow));
}

TEST(Fence, ConcernsOnePartitionAndOneProducer) {
  Fence fence;
  fence.close(kHere, {7, 10}, kNow);

  EXPECT_TRUE(fence.admits({{}, 4}, {7, 20}, kNow));
  EXPECT_TRUE(fence.admits(kHere, {8, 20}, kNow));
}

TEST(Fence, OpensByItselfForAProducerThatGaveTheBatchUp) {
  Fence fence;
  fence.close(kHere, {7, 10}, kNow);

  EXPECT_FALSE(fence.admits(kHere, {7, 11}, kNow.plus_ms(9'999)));
  EXPECT_TRUE(fence.admits(kHere, {7, 11}, kNow.plus_ms(10'000)));
}

TEST(Fence, ComparesAcrossTheWrapOfSequences) {
  Fence fence;
  fence.close(kHere, {7, 0x7ffffff0}, kNow);

  EXPECT_FALSE(fence.admits(kHere, {7, 4}, kNow));
}

TEST(Fence, NeverHoldsBackAnUnknownProducer) {
  Fence fence;
  fence.close(kHere, {-1, 10}, kNow);

  EXPECT_TRUE(fence.admits(kHere, {-1, 20}, kNow));
}

TEST(Fence, IsBoundedInSize) {
  Fence fence;
  for (int64_t producer = 0; producer < 20'000; ++producer) fence.close(kHere, {producer, 1}, kNow);

  EXPECT_LE(fence.size(), 10'000u);
}

TEST(Fence, ReadsTheSenderFromABatchsHeader) {
  BatchBuilder builder;
  ASSERT_TRUE(builder.add(RecordView{.value = view_of("x")}).ok());
  auto batch =
      builder.build(Codec::kNone, {.id = 0x4000000000000123, .epoch = 0, .base_sequence = 77});

  Sender sender = sender_of(*batch);

  EXPECT_EQ(sender.producer, 0x4000000000000123);
  EXPECT_EQ(sender.sequence, 77);
  EXPECT_EQ(sender_of(ByteView(*batch).first(60)).producer, -1);
}

}  // namespace
}  // namespace strandlog::broker
