// ProducerCore: batching, order, retries, completion.
#include "client/producer_core.h"

#include <gtest/gtest.h>

#include "tests/client/fake_world.h"

namespace strandlog::client {
namespace {

class ProducerTester {
 public:
  explicit ProducerTester(ProducerConfig config = {}, uint32_t partitions = 1,
                          ProducerPace pace = {4, 4})
      : world(partitions), accumulator(config) {
    accumulator.set_partitions("t", partitions);
    core = std::make_unique<ProducerCore>(world.core.requests(), world.core.router(), accumulator,
                                          config, 77, pace);
    world.core.add(*core);
  }

  Accumulator::Verdict send(const std::string& value, std::optional<int32_t> partition = 0) {
    Record record;
    record.topic = "t";
    record.partition = partition;
    record.value = value;
    Callback done = [this, value](Result<Ack> ack) {
      outcomes += (outcomes.empty() ? "" : " ") + value + "=" +
                  (ack.ok() ? std::to_string(ack->offset) : code_name(ack.error().code));
      if (!ack.ok()) last_error = ack.error();
    };
    Error refusal;
    auto verdict = accumulator.append(world.now, 1, record, done, refusal);
    if (verdict == Accumulator::Verdict::kRefused) last_error = refusal;
    return verdict;
  }
  /// Sends a record and closes its batch.
  void send_alone(const std::string& value, int32_t partition = 0) {
    send(value, partition);
    accumulator.close_open();
    world.settle();
  }
  void ack(const Asked& asked, uint64_t base) {
    wire::ProduceAnswer answer;
    for (const auto& item : asked.body<wire::ProduceRequest>().items) {
      answer.items.push_back({item.where, std::nullopt, Offset{base}, 1});
    }
    world.answer(asked, answer);
  }
  void fail(const Asked& asked, strandlog::Code code, uint64_t leader = 0) {
    wire::ProduceAnswer answer;
    wire::WireError error{code, "scripted", BrokerId{leader}, leader ? address_of(leader) : ""};
    for (const auto& item : asked.body<wire::ProduceRequest>().items) {
      answer.items.push_back({item.where, error, {}, 0});
    }
    world.answer(asked, answer);
  }
  static std::string values(const Asked& asked) {
    std::string out;
    for (const Bytes& blob : asked.blobs) out += (out.empty() ? "" : "|") + values_of(blob);
    return out;
  }

  FakeWorld world;
  Accumulator accumulator;
  std::unique_ptr<ProducerCore> core;
  std::string outcomes;
  Error last_error;
};

ProducerConfig plain() {
  ProducerConfig config;
  config.compression = Compression::kNone;
  return config;
}

TEST(ProducerCore, CompletesEachRecordWithItsOffset) {
  ProducerTester producer(plain());
  producer.send("a");
  producer.send("b");
  producer.world.settle();

  Asked asked = producer.world.take();
  EXPECT_EQ(asked.address, address_of(1));
  EXPECT_EQ(ProducerTester::values(asked), "a,b");
  producer.ack(asked, 40);
  producer.world.settle();

  EXPECT_EQ(producer.outcomes, "a=40 b=41");
  EXPECT_EQ(producer.accumulator.totals().acked, 2u);
  EXPECT_TRUE(producer.accumulator.completed_below(UINT64_MAX));
}

TEST(ProducerCore, GathersWhileARequestIsOut) {
  ProducerTester producer(plain());
  producer.send("a");
  producer.world.settle();
  for (const char* value : {"b", "c", "d"}) {
    producer.send(value);
    producer.world.settle();
  }
  ASSERT_EQ(producer.world.inbox.size(), 1u);

  producer.ack(producer.world.take(), 0);
  producer.world.settle();

  ASSERT_EQ(producer.world.inbox.size(), 1u);
  EXPECT_EQ(ProducerTester::values(producer.world.take()), "b,c,d");
}

TEST(ProducerCore, WaitsForLinger) {
  ProducerConfig config = plain();
  config.linger = milliseconds(20);
  ProducerTester producer(config);
  producer.send("a");
  producer.world.pass_ms(19);
  EXPECT_TRUE(producer.world.inbox.empty());

  producer.world.pass_ms(1);

  EXPECT_EQ(producer.world.inbox.size(), 1u);
}

TEST(ProducerCore, PacksPartitionsOfOneLeaderIntoOneRequest) {
  ProducerTester producer(plain(), 3);
  producer.world.lead(2, 2, 1);
  for (int32_t p : {0, 1, 2}) producer.send("v" + std::to_string(p), p);
  producer.world.settle();

  ASSERT_EQ(producer.world.inbox.size(), 2u);
  EXPECT_EQ(ProducerTester::values(producer.world.take()), "v0|v1");
  EXPECT_EQ(producer.world.take().address, address_of(2));
}

TEST(ProducerCore, SplitsAtTheLargestRequest) {
  ProducerConfig config = plain();
  config.max_request_size = 300;
  ProducerTester producer(config);
  for (const char* value : {"a", "b", "c"}) {
    producer.send(std::string(100, *value));
    producer.accumulator.close_open();
  }
  producer.world.settle();

  ASSERT_EQ(producer.world.inbox.size(), 3u);
  EXPECT_EQ(producer.world.take().blobs.size(), 1u);
}

TEST(ProducerCore, SendsAgainInOrderAfterTheLinkBroke) {
  ProducerTester producer(plain());
  for (const char* value : {"a", "b", "c"}) producer.send_alone(value);
  ASSERT_EQ(producer.world.inbox.size(), 3u);
  producer.ack(producer.world.take(), 0);
  producer.world.settle();
  producer.world.inbox.clear();

  producer.world.net.absent.insert(address_of(1));
  producer.world.net.cut(address_of(1));
  producer.world.lead(0, 2, 2);
  producer.world.pass_ms(100);

  ASSERT_EQ(producer.world.inbox.size(), 1u);
  Asked again = producer.world.take();
  EXPECT_EQ(again.address, address_of(2));
  EXPECT_EQ(ProducerTester::values(again), "b|c");
  EXPECT_EQ(producer.accumulator.totals().possible_duplicates, 2u);
  producer.ack(again, 1);
  producer.world.settle();
  EXPECT_EQ(producer.outcomes, "a=0 b=1 c=2");
}

TEST(ProducerCore, WaitsForAllAnswersBeforeSendingAgain) {
  ProducerTester producer(plain());
  for (const char* value : {"a", "b", "c"}) producer.send_alone(value);
  Asked a = producer.world.take();
  Asked b = producer.world.take();
  Asked c = producer.world.take();
  producer.fail(a, strandlog::Code::kNotLeader, 2);
  producer.world.pass_ms(1000);
  producer.send_alone("d");
  EXPECT_TRUE(producer.world.inbox.empty()) << "b and c are still out";

  producer.fail(b, strandlog::Code::kStale);
  producer.world.pass_ms(1);
  EXPECT_TRUE(producer.world.inbox.empty()) << "c is still out";
  producer.fail(c, strandlog::Code::kNotLeader, 2);
  producer.world.pass_ms(1);

  ASSERT_EQ(producer.world.inbox.size(), 1u);
  Asked again = producer.world.take();
  EXPECT_EQ(again.address, address_of(2));
  EXPECT_EQ(ProducerTester::values(again), "a|b|c|d");
  // Only b was appended, perhaps: the others were clearly refused.
  EXPECT_EQ(producer.accumulator.totals().possible_duplicates, 1u);
}

TEST(ProducerCore, CompletesInOrderWhenALaterBatchWasTaken) {
  ProducerTester producer(plain());
  for (const char* value : {"a", "b", "c"}) producer.send_alone(value);
  Asked a = producer.world.take();
  Asked b = producer.world.take();
  Asked c = producer.world.take();
  producer.fail(a, strandlog::Code::kTimeout);
  producer.ack(b, 5);
  producer.fail(c, strandlog::Code::kTimeout);
  producer.world.settle();
  EXPECT_EQ(producer.outcomes, "");

  producer.world.pass_ms(100);
  Asked again = producer.world.take();
  EXPECT_EQ(ProducerTester::values(again), "a|c");
  producer.ack(again, 6);
  producer.world.settle();

  EXPECT_EQ(producer.outcomes, "a=6 b=5 c=7");
  EXPECT_EQ(producer.accumulator.totals().possible_duplicates, 2u);
}

TEST(ProducerCore, DropsTheLinkWhenARequestIsNotAnswered) {
  ProducerConfig config = plain();
  config.request_timeout = milliseconds(1000);
  ProducerTester producer(config);
  producer.send_alone("a");
  Asked silent = producer.world.take();

  producer.world.pass_ms(1200);

  Asked again = producer.world.take();
  EXPECT_NE(again.link, silent.link);
  EXPECT_EQ(producer.accumulator.totals().possible_duplicates, 1u);
  producer.ack(silent, 3);  // too late: that link is gone
  producer.world.settle();
  EXPECT_EQ(producer.outcomes, "");
  producer.ack(again, 4);
  producer.world.settle();
  EXPECT_EQ(producer.outcomes, "a=4");
}

TEST(ProducerCore, FailsAfterTheDeliveryTimeout) {
  ProducerConfig config = plain();
  config.delivery_timeout = milliseconds(700);
  ProducerTester producer(config);
  producer.world.net.absent = {address_of(1), address_of(2), address_of(3)};
  producer.send("never sent");
  producer.world.pass_ms(699);
  EXPECT_EQ(producer.outcomes, "");
  producer.world.pass_ms(1);
  EXPECT_EQ(producer.outcomes, "never sent=timeout");
  EXPECT_EQ(producer.last_error.written, Written::kNo);
}

TEST(ProducerCore, SaysMaybeWhenTheTimedOutBatchWasSent) {
  ProducerConfig config = plain();
  config.delivery_timeout = milliseconds(700);
  ProducerTester producer(config);
  producer.send_alone("a");
  producer.world.pass_ms(700);
  EXPECT_EQ(producer.outcomes, "a=timeout");
  EXPECT_EQ(producer.last_error.written, Written::kMaybe);
}

TEST(ProducerCore, FailsWhatCanNeverSucceedAndGoesOn) {
  ProducerTester producer(plain());
  producer.send_alone("a");
  producer.send_alone("b");
  producer.fail(producer.world.take(), strandlog::Code::kTooLarge);
  producer.ack(producer.world.take(), 0);
  producer.world.settle();
  EXPECT_EQ(producer.outcomes, "a=too-large b=0");
  EXPECT_EQ(producer.last_error.written, Written::kNo);
}

TEST(ProducerCore, FindsTheRefusedBatchOfAnItem) {
  ProducerTester producer(plain());
  for (const char* value : {"a", "b", "c"}) {
    producer.send(value);
    producer.accumulator.close_open();
  }
  producer.world.settle();
  producer.fail(producer.world.take(), strandlog::Code::kTooLarge);
  for (const char* value : {"a", "b", "c"}) {
    producer.world.pass_ms(100);
    ASSERT_EQ(producer.world.inbox.size(), 1u);
    Asked alone = producer.world.take();
    EXPECT_EQ(ProducerTester::values(alone), value);
    if (*value == 'b') {
      producer.fail(alone, strandlog::Code::kTooLarge);
    } else {
      producer.ack(alone, *value == 'a' ? 0 : 1);
    }
  }
  producer.world.settle();
  EXPECT_EQ(producer.outcomes, "a=0 b=too-large c=1");
}

TEST(ProducerCore, FailsTheRecordsOfADeletedTopic) {
  ProducerTester producer(plain());
  producer.send_alone("a");
  producer.world.metadata.topics.clear();
  producer.fail(producer.world.take(), strandlog::Code::kNotFound);
  producer.world.pass_ms(300);
  EXPECT_EQ(producer.outcomes, "a=not-found");
  EXPECT_EQ(producer.send("b"), Accumulator::Verdict::kUnknownTopic);
}

TEST(ProducerCore, FailsTheRecordsOfAPartitionThatTheTopicNoLongerHas) {
  ProducerTester producer(plain(), 2);
  producer.send_alone("a", 1);
  producer.world.metadata.topics[0].id = uuid_of<TopicId>(8);
  producer.world.metadata.topics[0].partitions.resize(1);
  producer.fail(producer.world.take(), strandlog::Code::kNotFound);
  producer.world.pass_ms(300);
  EXPECT_EQ(producer.outcomes, "a=not-found");
}

TEST(ProducerCore, RetriesNotFoundWhileTheTopicExists) {
  ProducerTester producer(plain());
  producer.send_alone("a");
  producer.fail(producer.world.take(), strandlog::Code::kNotFound);
  producer.world.pass_ms(300);
  EXPECT_EQ(producer.outcomes, "");
  EXPECT_EQ(producer.world.inbox.size(), 1u);
}

TEST(ProducerCore, CompletesWithoutAnAnswerWhenAcksIsNone) {
  ProducerConfig config = plain();
  config.acks = Acks::kNone;
  ProducerTester producer(config);
  producer.send_alone("a");
  EXPECT_EQ(producer.outcomes, "a=-1");
  EXPECT_EQ(producer.world.take().body<wire::ProduceRequest>().acks, 0);
}

TEST(ProducerCore, KeepsAcksNoneUntilTheTransportTakesIt) {
  ProducerConfig config = plain();
  config.acks = Acks::kNone;
  ProducerTester producer(config);
  producer.send_alone("a");
  producer.world.net.full = true;
  producer.send_alone("b");
  EXPECT_EQ(producer.outcomes, "a=-1");
  producer.world.net.full = false;
  producer.world.pass_ms(100);
  EXPECT_EQ(producer.outcomes, "a=-1 b=-1");
}

TEST(ProducerCore, CompletesEachSendOnceWhenClosed) {
  ProducerTester producer(plain());
  producer.send_alone("acked");
  producer.send_alone("sent");
  producer.send("open");
  producer.ack(producer.world.take(), 0);
  producer.world.settle();
  Asked late = producer.world.take();

  producer.core->abort();
  producer.ack(late, 1);
  producer.world.settle();

  EXPECT_EQ(producer.outcomes, "acked=0 sent=closed open=closed");
  EXPECT_EQ(producer.last_error.written, Written::kMaybe);
  EXPECT_TRUE(producer.accumulator.completed_below(UINT64_MAX));
}

TEST(ProducerCore, HoldsRequestsPerLeaderDown) {
  ProducerTester producer(plain(), 1, {2, 2});
  for (const char* value : {"a", "b", "c", "d"}) producer.send_alone(value);
  EXPECT_EQ(producer.world.inbox.size(), 2u);
  producer.ack(producer.world.take(), 0);
  producer.world.settle();
  ASSERT_EQ(producer.world.inbox.size(), 2u);
  EXPECT_EQ(ProducerTester::values(producer.world.inbox.back()), "c|d");
}

TEST(ProducerCore, SendsAllAgainFromTheFirstRefusedRequestOfAPartition) {
  ProducerTester producer(plain(), 2, {});
  for (const char* value : {"a", "b", "c"}) producer.send_alone(value);
  ASSERT_EQ(producer.world.inbox.size(), 3u) << "one partition has several requests under way";

  producer.fail(producer.world.take(), strandlog::Code::kBusy);
  producer.world.pass_ms(100);
  ASSERT_EQ(producer.world.inbox.size(), 2u) << "nothing goes out before all are answered";
  producer.fail(producer.world.take(), strandlog::Code::kBusy);
  producer.fail(producer.world.take(), strandlog::Code::kBusy);
  producer.world.pass_ms(100);

  EXPECT_EQ(ProducerTester::values(producer.world.inbox.back()), "a|b|c");
  EXPECT_EQ(producer.accumulator.totals().possible_duplicates, 0u);
}

TEST(ProducerCore, StampsBatchesWithARunningSequence) {
  ProducerTester producer(plain());
  producer.send("a");
  producer.send_alone("b");
  producer.send_alone("c");
  auto first = decode_batch_header(producer.world.take().blobs[0]);
  auto second = decode_batch_header(producer.world.take().blobs[0]);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->producer_id, 77);
  EXPECT_EQ(first->base_sequence, 0);
  EXPECT_EQ(second->base_sequence, first->record_count);
}

}  // namespace
}  // namespace strandlog::client
