// Accumulator: partitioning, batch limits and bounds.
#include "client/accumulator.h"

#include <gtest/gtest.h>

namespace strandlog::client {
namespace {

using Verdict = Accumulator::Verdict;

class AccumulatorTester {
 public:
  explicit AccumulatorTester(ProducerConfig config = {}, uint32_t partitions = 3)
      : accumulator(config) {
    accumulator.set_partitions("t", partitions);
  }
  Verdict add(Record record) {
    record.topic = record.topic.empty() ? "t" : record.topic;
    Callback none;
    return accumulator.append(Time{1}, 1, record, none, refusal);
  }
  Verdict add(const std::string& value) {
    Record record;
    record.value = value;
    return add(std::move(record));
  }
  std::vector<GatheredBatch> take(bool open) {
    std::vector<GatheredBatch> out;
    accumulator.collect([&](const GatheredBatch&) { return open; }, out);
    return out;
  }
  void complete(const GatheredBatch& batch) {
    Settled settled;
    settled.batches = {batch.id};
    settled.memory_bytes = batch.memory_bytes;
    accumulator.settle(std::move(settled));
  }

  Accumulator accumulator;
  Error refusal;
};

TEST(Accumulator, TakesTheNamedPartition) {
  AccumulatorTester tester;
  Record record;
  record.partition = 2;
  tester.add(record);
  EXPECT_EQ(tester.take(true).at(0).where.partition, 2);
}

TEST(Accumulator, RefusesAPartitionThatCannotExist) {
  AccumulatorTester tester;
  Record record;
  record.partition = -1;
  EXPECT_EQ(tester.add(record), Verdict::kRefused);
  EXPECT_EQ(tester.refusal.code, Code::kNotFound);
}

TEST(Accumulator, AsksForAPartitionThatItDoesNotKnow) {
  AccumulatorTester tester;
  Record record;
  record.partition = 3;
  EXPECT_EQ(tester.add(record), Verdict::kUnknownPartition);
  EXPECT_EQ(tester.refusal.code, Code::kNotFound);
  tester.accumulator.set_partitions("t", 4);
  EXPECT_EQ(tester.add(record), Verdict::kOpenedOrClosed);
}

TEST(Accumulator, HashesTheKey) {
  AccumulatorTester tester;
  Record record;
  record.key = "foobar";
  tester.add(record);
  EXPECT_EQ(tester.take(true).at(0).where.partition, (-790332482 & 0x7fffffff) % 3);
}

TEST(Accumulator, ChangesThePartitionWithEachBatchWithoutAKey) {
  ProducerConfig config;
  config.batch_size = 300;
  AccumulatorTester tester(config);
  for (int i = 0; i < 8; ++i) tester.add(std::string(100, 'x'));
  std::vector<int32_t> partitions;
  for (const auto& batch : tester.take(true)) {
    EXPECT_EQ(batch.builder.record_count(), 2);
    partitions.push_back(batch.where.partition);
  }
  EXPECT_EQ(partitions, (std::vector<int32_t>{0, 1, 2, 0}));
}

TEST(Accumulator, AsksForAnUnknownTopic) {
  AccumulatorTester tester;
  Record record;
  record.topic = "other";
  EXPECT_EQ(tester.add(record), Verdict::kUnknownTopic);
}

TEST(Accumulator, RefusesARecordOverTheLimit) {
  ProducerConfig config;
  config.max_message_bytes = 1000;
  AccumulatorTester tester(config);
  EXPECT_EQ(tester.add(std::string(1000, 'x')), Verdict::kRefused);
  EXPECT_EQ(tester.refusal.code, Code::kTooLarge);
  EXPECT_EQ(tester.add(std::string(900, 'x')), Verdict::kOpenedOrClosed);
}

TEST(Accumulator, GivesARecordOverTheBatchSizeItsOwnBatch) {
  ProducerConfig config;
  config.batch_size = 200;
  AccumulatorTester tester(config);
  tester.add("small");
  tester.add(std::string(1000, 'x'));
  EXPECT_EQ(tester.take(false).size(), 2u);
}

TEST(Accumulator, IsFullAtTheBufferBoundUntilCompletion) {
  ProducerConfig config;
  config.buffer_memory = 2000;
  AccumulatorTester tester(config, 1);
  EXPECT_EQ(tester.add(std::string(900, 'x')), Verdict::kOpenedOrClosed);
  EXPECT_EQ(tester.add(std::string(900, 'y')), Verdict::kGathered);
  EXPECT_EQ(tester.add(std::string(900, 'z')), Verdict::kFull);
  auto taken = tester.take(false);
  ASSERT_EQ(taken.size(), 1u) << "what is open must not wait for linger while senders wait";
  EXPECT_EQ(tester.add(std::string(900, 'z')), Verdict::kFull) << "taken is not completed";

  tester.complete(taken[0]);

  EXPECT_EQ(tester.add(std::string(900, 'z')), Verdict::kOpenedOrClosed);
}

TEST(Accumulator, HoldsTheNumberOfBatches) {
  ProducerConfig config;
  config.batch_size = 300;
  config.max_in_flight_batches = 2;
  AccumulatorTester tester(config);
  int accepted = 0;
  while (tester.add(std::string(100, 'x')) != Verdict::kFull) ++accepted;
  EXPECT_EQ(accepted, 4);
  auto taken = tester.take(true);
  EXPECT_EQ(taken.size(), 2u);
  EXPECT_EQ(tester.add("x"), Verdict::kFull);

  tester.complete(taken[0]);

  EXPECT_EQ(tester.add("x"), Verdict::kOpenedOrClosed);
}

TEST(Accumulator, KeepsTheOrderOfOnePartition) {
  ProducerConfig config;
  config.batch_size = 300;
  AccumulatorTester tester(config, 1);
  for (int i = 0; i < 5; ++i) tester.add(std::string(100, 'x'));
  auto taken = tester.take(true);
  ASSERT_EQ(taken.size(), 3u);
  EXPECT_LT(taken[0].id, taken[1].id);
  EXPECT_LT(taken[1].id, taken[2].id);
}

TEST(Accumulator, KnowsWhatWasCompleted) {
  AccumulatorTester tester;
  tester.add("a");
  uint64_t after = tester.accumulator.next_batch_id();
  auto taken = tester.take(true);
  EXPECT_FALSE(tester.accumulator.completed_below(after));
  tester.add("b");
  tester.complete(taken[0]);
  EXPECT_TRUE(tester.accumulator.completed_below(after));
}

}  // namespace
}  // namespace strandlog::client
