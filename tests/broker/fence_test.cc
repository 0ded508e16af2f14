// Fence: what was sent behind a refused request does not overtake it.
#include "broker/fence.h"

#include <gtest/gtest.h>

#include "base/record_batch.h"

namespace strandlog::broker {
namespace {

const wire::TopicPartition kHere{{}, 3};
constexpr Time kNow{1'000'000};

TEST(Fence, RefusesTheRestOfAnAttemptThatWasRefused) {
  Fence fence;
  EXPECT_TRUE(fence.admits(kHere, {7, 0}, kNow));
  fence.close(kHere, {7, 0}, kNow);

  EXPECT_FALSE(fence.admits(kHere, {7, 0}, kNow));
  EXPECT_TRUE(fence.admits(kHere, {7, 1}, kNow));
  EXPECT_TRUE(fence.admits(kHere, {7, 1}, kNow)) << "all of the next attempt";
}

TEST(Fence, RefusesAnOldAttemptOnceALaterOneWasHeardOf) {
  Fence fence;
  EXPECT_TRUE(fence.admits(kHere, {7, 2}, kNow));

  EXPECT_FALSE(fence.admits(kHere, {7, 1}, kNow)) << "it waited in the socket of an old connection";
  EXPECT_FALSE(fence.admits(kHere, {7, 0}, kNow));
}

TEST(Fence, StaysAsHighAsItEverWas) {
  Fence fence;
  fence.close(kHere, {7, 5}, kNow);
  fence.close(kHere, {7, 3}, kNow);

  EXPECT_FALSE(fence.admits(kHere, {7, 5}, kNow));
  EXPECT_TRUE(fence.admits(kHere, {7, 6}, kNow));
}

TEST(Fence, ConcernsOnePartitionAndOneProducer) {
  Fence fence;
  fence.close(kHere, {7, 0}, kNow);

  EXPECT_TRUE(fence.admits({{}, 4}, {7, 0}, kNow));
  EXPECT_TRUE(fence.admits(kHere, {8, 0}, kNow));
}

TEST(Fence, DoesNotOpenByWaitingForAsLongAsARequestMayLive) {
  Fence fence;
  fence.close(kHere, {7, 0}, kNow);

  EXPECT_FALSE(fence.admits(kHere, {7, 0}, kNow.plus_ms(300'000)));
}

TEST(Fence, LetsUnknownProducersPass) {
  Fence fence;
  fence.close(kHere, {-1, 0}, kNow);

  EXPECT_TRUE(fence.admits(kHere, {-1, 0}, kNow));
  EXPECT_EQ(fence.size(), 0u);
}

TEST(Fence, RemembersABoundedNumberOfProducers) {
  Fence fence;
  for (int64_t producer = 0; producer < 30'000; ++producer) fence.close(kHere, {producer, 0}, kNow);

  EXPECT_LE(fence.size(), 10'000u);
}

TEST(Fence, ReadsTheProducerFromTheBatchHeader) {
  BatchBuilder builder;
  ASSERT_TRUE(builder.add({}).ok());
  auto batch = builder.build(Codec::kNone, {77, 0, 5});
  ASSERT_TRUE(batch.ok());

  EXPECT_EQ(producer_of(*batch), 77);
  EXPECT_EQ(producer_of(ByteView(*batch).first(60)), -1);
}

}  // namespace
}  // namespace strandlog::broker
