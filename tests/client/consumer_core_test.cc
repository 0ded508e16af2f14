// ConsumerCore: what is fetched from whom, how far ahead, and what errors do.
#include "client/consumer_core.h"

#include <gtest/gtest.h>

#include "tests/client/entries.h"
#include "tests/client/fake_world.h"

namespace strandlog::client {
namespace {

struct ConsumerTester : FetchSink {
  explicit ConsumerTester(ConsumerConfig config = {}, uint32_t partitions = 2)
      : world(partitions), core(world.core.requests(), world.core.router(), *this, config, 5000) {
    world.core.add(core);
  }
  void deliver(FetchedRun run) override { runs.push_back(std::move(run)); }
  void trouble(FetchTrouble trouble) override { troubles.push_back(std::move(trouble)); }

  void assign(std::map<int32_t, int64_t> offsets) {
    std::map<TopicPartition, StartAt> starts;
    for (auto [partition, offset] : offsets) starts[{"t", partition}] = {offset, 1};
    core.assign(starts);
    world.settle();
  }
  /// "partition@offset …" of a fetch.
  static std::string text(const Asked& asked) {
    std::string out;
    for (const auto& item : asked.body<wire::FetchRequest>().items) {
      out += (out.empty() ? "" : " ") + std::to_string(item.where.partition) + "@" +
             std::to_string(item.from.value);
    }
    return out;
  }
  /// Answers partition 0 with an entry at `base`, the others with nothing.
  void give(const Asked& asked, uint64_t base, const std::vector<std::string>& values) {
    wire::FetchAnswer answer;
    std::vector<Bytes> blobs;
    for (const auto& item : asked.body<wire::FetchRequest>().items) {
      auto& out = answer.items.emplace_back();
      out.where = item.where;
      if (item.where.partition != 0) continue;
      out.frames = 1;
      blobs.push_back(Bytes::take(data_entry(group_of(0), base, values)));
    }
    world.answer(asked, answer, blobs);
    world.settle();
  }
  void fail(const Asked& asked, wire::WireError error) {
    wire::FetchAnswer answer;
    for (const auto& item : asked.body<wire::FetchRequest>().items) {
      auto& out = answer.items.emplace_back();
      out.where = item.where;
      if (item.where.partition == 0) out.error = error;
    }
    world.answer(asked, answer);
    world.settle();
  }

  FakeWorld world;
  ConsumerCore core;
  std::vector<FetchedRun> runs;
  std::vector<FetchTrouble> troubles;
};

TEST(ConsumerCore, AsksALeaderForAllItsPartitionsAtOnce) {
  ConsumerTester consumer;
  consumer.assign({{0, 10}, {1, 20}});
  ASSERT_EQ(consumer.world.inbox.size(), 1u);
  Asked asked = consumer.world.take();
  EXPECT_EQ(ConsumerTester::text(asked), "0@10 1@20");
  EXPECT_EQ(asked.body<wire::FetchRequest>().max_wait_ms, 500u);
}

TEST(ConsumerCore, FetchesOnBehindWhatItGot) {
  ConsumerTester consumer;
  consumer.assign({{0, 0}});
  consumer.give(consumer.world.take(), 0, {"a", "b"});
  ASSERT_EQ(consumer.runs.size(), 1u);
  EXPECT_EQ(ConsumerTester::text(consumer.world.take()), "0@2");
}

TEST(ConsumerCore, StopsFetchingAheadAtItsBound) {
  ConsumerConfig config;
  config.fetch_max_bytes = 1000;
  ConsumerTester consumer(config);
  consumer.assign({{0, 0}});
  consumer.give(consumer.world.take(), 0, {std::string(800, 'a')});
  ASSERT_EQ(consumer.world.inbox.size(), 1u);
  consumer.give(consumer.world.take(), 1, {std::string(800, 'b')});
  EXPECT_TRUE(consumer.world.inbox.empty());

  consumer.core.release({"t", 0}, 1, consumer.runs[0].bytes);
  consumer.world.settle();

  EXPECT_EQ(ConsumerTester::text(consumer.world.take()), "0@2");
}

TEST(ConsumerCore, ReportsOutOfRangeOnceAndWaitsForASeek) {
  ConsumerTester consumer;
  consumer.assign({{0, 99}});
  consumer.fail(consumer.world.take(), {strandlog::Code::kOutOfRange, "above the end", {}, ""});
  consumer.world.pass_ms(5000);
  ASSERT_EQ(consumer.troubles.size(), 1u);
  EXPECT_EQ(consumer.troubles[0].error.code, Code::kOutOfRange);
  EXPECT_EQ(consumer.troubles[0].offset, 99);
  EXPECT_TRUE(consumer.world.inbox.empty());

  consumer.core.seek({"t", 0}, {3, 2});
  consumer.world.settle();

  EXPECT_EQ(ConsumerTester::text(consumer.world.take()), "0@3");
}

TEST(ConsumerCore, GoesOnAtTheStartBehindWhatHasExpired) {
  ConsumerTester consumer;
  consumer.assign({{0, 5}});
  Asked asked = consumer.world.take();
  wire::FetchAnswer answer;
  auto& item = answer.items.emplace_back();
  item.where = asked.body<wire::FetchRequest>().items[0].where;
  item.error = wire::WireError{strandlog::Code::kExpired, "below the start", {}, ""};
  item.log_start = Offset{100};
  consumer.world.answer(asked, answer);
  consumer.world.settle();

  ASSERT_EQ(consumer.runs.size(), 1u);
  ASSERT_TRUE(consumer.runs[0].missing.has_value());
  EXPECT_EQ(consumer.runs[0].missing->next, 100);
  EXPECT_EQ(consumer.runs[0].missing->why.code, Code::kExpired);
  EXPECT_TRUE(consumer.troubles.empty());
  EXPECT_EQ(ConsumerTester::text(consumer.world.take()), "0@100");
}

TEST(ConsumerCore, GoesToTheNewLeaderSilently) {
  ConsumerTester consumer;
  consumer.assign({{0, 4}});
  consumer.fail(consumer.world.take(),
                {strandlog::Code::kNotLeader, "", BrokerId{2}, address_of(2)});
  consumer.world.pass_ms(1);
  Asked asked = consumer.world.take();
  EXPECT_EQ(asked.address, address_of(2));
  EXPECT_EQ(ConsumerTester::text(asked), "0@4");
  EXPECT_TRUE(consumer.troubles.empty());
}

TEST(ConsumerCore, FindsTheNewLeaderAfterTheLinkBroke) {
  ConsumerTester consumer;
  consumer.assign({{0, 4}});
  consumer.world.take();
  consumer.world.net.absent.insert(address_of(1));
  consumer.world.net.cut(address_of(1));
  consumer.world.lead(0, 3, 2);
  consumer.world.pass_ms(200);
  ASSERT_EQ(consumer.world.inbox.size(), 1u);
  EXPECT_EQ(consumer.world.take().address, address_of(3));
}

// Seed 2719: an answer of the leader before this one took the reader back.
TEST(ConsumerCore, WhatAnEarlierLeaderAnswersLateCountsNoMore) {
  for (bool fails : {false, true}) {
    ConsumerTester consumer;
    consumer.assign({{0, 0}});
    Asked late = consumer.world.take();
    consumer.world.lead(0, 3, 2);
    consumer.world.core.router().learn(
        "t", 0, {strandlog::Code::kNotLeader, "", BrokerId{3}, address_of(3)});
    consumer.world.pass_ms(1);
    Asked asked = consumer.world.take();
    ASSERT_EQ(asked.address, address_of(3));
    consumer.give(asked, 0, {"a", "b"});
    ASSERT_EQ(ConsumerTester::text(consumer.world.take()), "0@2");

    if (fails) {
      consumer.fail(late, {strandlog::Code::kOutOfRange, "above the end", {}, ""});
    } else {
      consumer.give(late, 0, {"a"});
    }

    EXPECT_EQ(consumer.runs.size(), 1u);
    EXPECT_TRUE(consumer.troubles.empty());
  }
}

TEST(ConsumerCore, RetriesWhatPasses) {
  ConsumerTester consumer;
  consumer.assign({{0, 4}});
  for (auto code : {strandlog::Code::kNoLeader, strandlog::Code::kTimeout, strandlog::Code::kBusy,
                    strandlog::Code::kFaulty, strandlog::Code::kNotFound}) {
    consumer.fail(consumer.world.take(), {code, "", {}, ""});
    consumer.world.pass_ms(600);
    ASSERT_EQ(consumer.world.inbox.size(), 1u);
  }
  EXPECT_TRUE(consumer.troubles.empty());
}

TEST(ConsumerCore, ForgetsWhatWasAskedBeforeASeek) {
  ConsumerTester consumer;
  consumer.assign({{0, 0}});
  Asked old = consumer.world.take();
  consumer.core.seek({"t", 0}, {50, 2});
  consumer.world.settle();
  EXPECT_EQ(ConsumerTester::text(consumer.world.take()), "0@50");
  consumer.give(old, 0, {"a"});
  EXPECT_TRUE(consumer.runs.empty());
}

TEST(ConsumerCore, TriesAgainAfterBytesThatAreNoEntries) {
  ConsumerTester consumer;
  consumer.assign({{0, 0}});
  Asked asked = consumer.world.take();
  wire::FetchAnswer answer;
  answer.items.push_back({{kTopic, 0}, std::nullopt, {}, {}, {}, 1});
  consumer.world.answer(asked, answer, {Bytes::copy("garbage")});
  consumer.world.settle();
  ASSERT_EQ(consumer.troubles.size(), 1u);
  EXPECT_EQ(consumer.troubles[0].error.code, Code::kCorruption);
  consumer.world.pass_ms(100);
  EXPECT_EQ(ConsumerTester::text(consumer.world.take()), "0@0");
}

TEST(ConsumerCore, ReportsADeletedTopic) {
  ConsumerTester consumer;
  consumer.assign({{0, 0}});
  consumer.world.metadata.topics.clear();
  consumer.fail(consumer.world.take(), {strandlog::Code::kNotFound, "", {}, ""});
  consumer.world.pass_ms(1000);
  ASSERT_EQ(consumer.troubles.size(), 1u);
  EXPECT_EQ(consumer.troubles[0].error.code, Code::kNotFound);
}

TEST(ConsumerCore, DeliversNothingAfterItsTrouble) {
  ConsumerTester consumer;
  consumer.assign({{0, 0}});
  Asked under_way = consumer.world.take();
  consumer.world.metadata.topics.clear();
  consumer.world.core.router().want("t");
  consumer.world.pass_ms(100);
  ASSERT_EQ(consumer.troubles.size(), 1u);
  consumer.give(under_way, 0, {"a"});
  EXPECT_TRUE(consumer.runs.empty());
}

TEST(ConsumerCore, ReportsAPartitionThatTheTopicNoLongerHas) {
  ConsumerTester consumer;
  consumer.assign({{1, 0}});
  consumer.world.take();
  consumer.world.metadata.topics[0].id = uuid_of<TopicId>(8);
  consumer.world.metadata.topics[0].partitions.resize(1);
  consumer.world.net.cut(address_of(1));
  consumer.world.pass_ms(5000);
  ASSERT_EQ(consumer.troubles.size(), 1u);
  EXPECT_EQ(consumer.troubles[0].error.code, Code::kNotFound);
  EXPECT_EQ(consumer.troubles[0].error.text, "topic \"t\" has 1 partitions, no 1");
}

}  // namespace
}  // namespace strandlog::client
