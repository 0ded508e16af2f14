// The public classes over the real thread and transport, against a broker of a few lines.
#include "client/runtime.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/system_env.h"
#include "strandlog/admin.h"
#include "strandlog/consumer.h"
#include "strandlog/producer.h"
#include "tests/client/entries.h"
#include "wire/codec.h"
#include "wire/zmq_transport.h"

namespace strandlog::client {
namespace {

const GroupId kGroup{{5}};
const TopicId kTopic{{6}};

/// One broker that has any topic it is asked for, and keeps the entries of "t", partition 0, in a
/// list.
class TinyBroker {
 public:
  TinyBroker() {
    CHECK(transport_.listen(ListenerKind::kClient, "127.0.0.1:0").ok());
    address = "127.0.0.1:" + std::to_string(transport_.bound_port(ListenerKind::kClient));
    thread_ = std::thread([this] { work(); });
  }
  ~TinyBroker() {
    stopping_.store(true);
    transport_.wake();
    thread_.join();
  }
  std::string address;
  std::atomic<bool> mute{false};          ///< answers nothing
  std::atomic<bool> mute_produce{false};  ///< takes records and does not answer
  std::atomic<uint32_t> partitions{1};
  std::atomic<int> metadata_requests{0};

 private:
  void work() {
    std::vector<NetEvent> events;
    while (!stopping_.load()) {
      transport_.wait(100'000, {});
      events.clear();
      transport_.poll(events);
      for (NetEvent& event : events) {
        if (event.kind == NetEvent::Kind::kMessage) handle(event);
      }
    }
  }
  void handle(const NetEvent& event) {
    auto request = wire::decode_request(event.message.control);
    CHECK(request.ok());
    const bool produces = std::holds_alternative<wire::ProduceRequest>(request->body);
    if (mute.load() || (produces && mute_produce.load())) return;
    wire::Answer answer;
    answer.id = request->id;
    std::vector<Bytes> blobs;
    if (auto* asked = std::get_if<wire::MetadataRequest>(&request->body)) {
      answer.body = metadata(asked->topics);
    } else if (auto* produce = std::get_if<wire::ProduceRequest>(&request->body)) {
      answer.body = append(*produce, event.message.blobs);
    } else if (std::holds_alternative<wire::ListOffsetsRequest>(request->body)) {
      answer.body = wire::ListOffsetsAnswer{{{{kTopic, 0}, std::nullopt, Offset{}, Offset{end_}}}};
    } else if (auto* fetch = std::get_if<wire::FetchRequest>(&request->body)) {
      answer.body = read(fetch->items[0].from.value, blobs);
    }
    transport_.send(event.link, {wire::encode(answer), blobs});
  }
  wire::MetadataAnswer metadata(const std::vector<std::string>& names) {
    ++metadata_requests;
    wire::MetadataAnswer out;
    out.catalog_leader = BrokerId{1};
    out.brokers.push_back({{BrokerId{1}, {}, address, ""}, true});
    for (const std::string& name : names) {
      auto& topic = out.topics.emplace_back();
      topic.name = name;
      topic.id = kTopic;
      for (uint32_t p = 0; p < partitions.load(); ++p) {
        topic.partitions.push_back({p, kGroup, true, BrokerId{1}, Term{1}, {}});
      }
    }
    return out;
  }
  wire::ProduceAnswer append(const wire::ProduceRequest& request, const std::vector<Bytes>& blobs) {
    wire::ProduceAnswer out;
    out.items.push_back({request.items[0].where, std::nullopt, Offset{end_}, 0});
    for (const Bytes& blob : blobs) {
      std::vector<uint8_t> scratch;
      auto records = read_records(blob, 1 << 20, scratch);
      CHECK(records.ok());
      std::vector<std::string> values;
      for (const auto& record : *records) values.emplace_back(text_of(*record.value));
      entries_.push_back(Bytes::take(data_entry(kGroup, end_, values)));
      starts_.push_back(end_);
      end_ += values.size();
    }
    return out;
  }
  wire::FetchAnswer read(uint64_t from, std::vector<Bytes>& blobs) const {
    wire::FetchAnswer out;
    auto& item = out.items.emplace_back();
    item.where = {kTopic, 0};
    item.high_watermark = Offset{end_};
    for (size_t i = 0; i < entries_.size() && blobs.size() < 50; ++i) {
      uint64_t end = i + 1 < starts_.size() ? starts_[i + 1] : end_;
      if (end > from) blobs.push_back(entries_[i]);
    }
    item.frames = static_cast<uint32_t>(blobs.size());
    return out;
  }

  wire::ZmqTransport transport_;
  std::atomic<bool> stopping_{false};
  std::vector<Bytes> entries_;
  std::vector<uint64_t> starts_;
  uint64_t end_ = 0;
  std::thread thread_;
};

Client connect(const std::string& address) {
  ClientConfig config;
  config.servers = {address};
  auto client = Client::connect(config);
  CHECK(client.ok());
  return std::move(*client);
}

TEST(ClientRuntime, BringsRecordsThereAndBack) {
  TinyBroker broker;
  Client client = connect(broker.address);
  auto producer = client.producer({});
  ASSERT_TRUE(producer.ok());
  constexpr int kRecords = 20'000;
  std::atomic<int> acked{0};
  for (int i = 0; i < kRecords; ++i) {
    Record record;
    record.topic = "t";
    record.value = std::to_string(i);
    ASSERT_TRUE(producer
                    ->send(record,
                           [&](Result<Ack> ack) {
                             if (ack.ok() && ack->offset == acked.load()) ++acked;
                           })
                    .ok());
  }
  ASSERT_TRUE(producer->flush(milliseconds(20'000)).ok());
  EXPECT_EQ(acked.load(), kRecords);

  auto consumer = client.consumer({});
  ASSERT_TRUE(consumer.ok());
  ASSERT_TRUE(consumer->assign({{{"t", 0}, Position::at(100)}}).ok());
  int next = 100;
  while (next < kRecords) {
    auto polled = consumer->poll(1000, milliseconds(5000));
    ASSERT_TRUE(polled.ok());
    ASSERT_FALSE(polled->records.empty());
    ASSERT_TRUE(polled->events.empty());
    for (const auto& record : polled->records) {
      ASSERT_EQ(record.offset, next);
      ASSERT_EQ(record.value, std::to_string(next));
      ++next;
    }
  }
  EXPECT_EQ(*consumer->position({"t", 0}), kRecords);
  EXPECT_EQ(consumer->ends({{"t", 0}})->at({"t", 0}).end, kRecords);
}

TEST(ClientRuntime, SendsAndWaits) {
  TinyBroker broker;
  Client client = connect(broker.address);
  auto producer = client.producer({});
  Record record;
  record.topic = "t";
  record.value = "x";
  EXPECT_EQ(producer->send_sync(record)->offset, 0);
  EXPECT_EQ(producer->send_sync(record)->offset, 1);
  auto totals = producer->close(milliseconds(1000));
  EXPECT_EQ(totals->acked, 2u);
  EXPECT_EQ(producer->send(record).error().code, Code::kClosed);
}

TEST(ClientRuntime, FailsToReachAnAbsentBroker) {
  ClientConfig config;
  config.servers = {"127.0.0.1:1"};
  config.connect_timeout = milliseconds(100);
  config.request_timeout = milliseconds(200);
  auto client = Client::connect(config);
  ASSERT_TRUE(client.ok());
  auto topics = client->admin().list_topics();
  ASSERT_FALSE(topics.ok());
  EXPECT_EQ(topics.error().code, Code::kUnreachable);
  EXPECT_NE(topics.error().text.find("127.0.0.1:1"), std::string::npos);
}

TEST(ClientRuntime, WakesAPollingConsumer) {
  TinyBroker broker;
  Client client = connect(broker.address);
  auto consumer = client.consumer({});
  consumer->wake();
  auto polled = consumer->poll(1, milliseconds(60'000));
  ASSERT_TRUE(polled.ok());
  EXPECT_TRUE(polled->records.empty());
}

TEST(ClientRuntime, WakesAPollingConsumerFromAnotherThread) {
  TinyBroker broker;
  Client client = connect(broker.address);
  auto consumer = client.consumer({});
  std::thread waker([&] { consumer->wake(); });
  EXPECT_TRUE(consumer->poll(1, milliseconds(60'000))->records.empty());
  waker.join();
}

Record record_of(size_t bytes) {
  Record record;
  record.topic = "t";
  record.value = std::string(bytes, 'x');
  return record;
}

/// Counts the calls of each callback and keeps their errors' codes.
struct Completions {
  explicit Completions(size_t sends) : calls(sends) {}
  Callback callback(size_t i) {
    return [this, i](const Result<Ack>& ack) {
      ++calls[i];
      if (ack.ok()) return;
      failed_with = ack.error().code;
      if (ack.error().written == Written::kMaybe) ++maybe;
    };
  }
  bool each_once(size_t sends) const {
    for (size_t i = 0; i < calls.size(); ++i)
      if (calls[i].load() != (i < sends ? 1 : 0)) return false;
    return true;
  }
  std::vector<std::atomic<int>> calls;
  std::atomic<int> maybe{0};
  std::atomic<Code> failed_with{};
};

TEST(ClientRuntime, CompletesEverySendOnceWhenClosed) {
  TinyBroker broker;
  broker.mute_produce = true;
  Client client = connect(broker.address);
  auto producer = client.producer({});
  Completions completions(100);
  for (size_t i = 0; i < 100; ++i)
    ASSERT_TRUE(producer->send(record_of(10), completions.callback(i)).ok());

  auto totals = producer->close(milliseconds(1));

  ASSERT_TRUE(totals.ok());
  EXPECT_EQ(totals->failed, 100u);
  EXPECT_TRUE(completions.each_once(100));
  EXPECT_EQ(completions.failed_with.load(), Code::kClosed);
  EXPECT_EQ(completions.maybe.load(), 100);
  EXPECT_EQ(producer->send(record_of(1)).error().code, Code::kClosed);
  EXPECT_EQ(producer->send_sync(record_of(1)).error().code, Code::kClosed);
  EXPECT_EQ(producer->close(milliseconds(60'000))->failed, 100u);
}

TEST(ClientRuntime, CompletesEverySendBeforeTheDestructorReturns) {
  TinyBroker broker;
  Completions completions(1000);
  {
    Client client = connect(broker.address);
    auto producer = client.producer({});
    for (size_t i = 0; i < 1000; ++i)
      ASSERT_TRUE(producer->send(record_of(10), completions.callback(i)).ok());
  }
  EXPECT_TRUE(completions.each_once(1000));
  EXPECT_EQ(completions.failed_with.load(), Code{});
}

TEST(ClientRuntime, HoldsBufferMemoryAndRefusesAfterMaxBlock) {
  TinyBroker broker;
  Client client = connect(broker.address);
  // The client knows the topic from now on; max_block is for room alone then.
  ASSERT_TRUE(client.producer({})->send_sync(record_of(1)).ok());
  broker.mute_produce = true;
  ProducerConfig config;
  config.buffer_memory = 20'000;
  config.batch_size = 2'000;
  config.max_block = milliseconds(20);
  config.request_timeout = milliseconds(100);
  auto producer = client.producer(config);
  Completions completions(1000);
  size_t accepted = 0;
  Result<void> sent;
  while (accepted < 1000) {
    sent = producer->send(record_of(1000), completions.callback(accepted));
    if (!sent.ok()) break;
    ++accepted;
  }

  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().code, Code::kBusy);
  EXPECT_EQ(sent.error().retry, Retry::kSafe);
  EXPECT_NE(sent.error().text.find("buffer.memory = 20000"), std::string::npos);
  EXPECT_LE(accepted, 20u);
  EXPECT_EQ(producer->flush(milliseconds(1)).error().code, Code::kTimeout);
  broker.mute_produce = false;
  EXPECT_TRUE(producer->flush(milliseconds(60'000)).ok());
  EXPECT_TRUE(completions.each_once(accepted));
  EXPECT_TRUE(producer->send(record_of(1000)).ok());
}

TEST(ClientRuntime, TellsAWaitingSendThatTheProducerWasClosed) {
  TinyBroker broker;
  broker.mute_produce = true;
  Client client = connect(broker.address);
  ProducerConfig config;
  config.buffer_memory = 10'000;
  auto producer = client.producer(config);
  Result<void> last;
  std::atomic<int> sends{0};
  std::thread sender([&] {
    while (last.ok()) {
      last = producer->send(record_of(1000));
      ++sends;
    }
  });
  while (sends.load() < 5) std::this_thread::yield();
  (void)producer->close(milliseconds(1)).ok();
  sender.join();
  EXPECT_EQ(last.error().code, Code::kClosed);
}

TEST(ClientRuntime, AnswersAtOnceWhatACallbackMustNotWaitFor) {
  TinyBroker broker;
  Client client = connect(broker.address);
  auto producer = client.producer({});
  auto consumer = client.consumer({});
  std::vector<Code> codes;
  bool sent = false;
  ASSERT_TRUE(producer
                  ->send(record_of(1),
                         [&](const Result<Ack>&) {
                           codes.push_back(producer->send_sync(record_of(1)).error().code);
                           codes.push_back(producer->flush(milliseconds(60'000)).error().code);
                           codes.push_back(producer->close(milliseconds(60'000)).error().code);
                           codes.push_back(client.admin().list_topics().error().code);
                           codes.push_back(consumer->ends({{"t", 0}}).error().code);
                           sent = producer->send(record_of(1)).ok();
                         })
                  .ok());
  // The second flush is for what the callback sent.
  ASSERT_TRUE(producer->flush(milliseconds(60'000)).ok());
  ASSERT_TRUE(producer->flush(milliseconds(60'000)).ok());
  EXPECT_EQ(codes, std::vector<Code>(5, Code::kInvalidArgument));
  EXPECT_TRUE(sent);
  EXPECT_EQ(producer->close(milliseconds(60'000))->acked, 2u);
}

TEST(ClientRuntime, EndsEveryWaitWhenInterrupted) {
  TinyBroker broker;
  Client client = connect(broker.address);
  auto producer = client.producer({});
  auto consumer = client.consumer({});
  ASSERT_TRUE(producer->send_sync(record_of(1)).ok());
  broker.mute = true;
  ASSERT_TRUE(producer->send(record_of(1)).ok());  // for flush() to wait for
  // All wait for minutes, unless told; whether they wait yet when they are told must not matter.
  std::vector<Code> codes(5);
  std::vector<std::thread> threads;
  threads.emplace_back([&] { codes[0] = producer->send_sync(record_of(1)).error().code; });
  threads.emplace_back([&] { codes[1] = producer->flush(milliseconds(600'000)).error().code; });
  threads.emplace_back([&] { codes[2] = client.admin().list_topics().error().code; });
  threads.emplace_back([&] { codes[3] = consumer->ends({{"t", 0}}).error().code; });
  threads.emplace_back([&] {
    Record unknown = record_of(1);
    unknown.topic = "unknown";
    codes[4] = producer->send(unknown).error().code;
  });
  while (producer->totals().records < 3) std::this_thread::yield();
  client.interrupt();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(codes, std::vector<Code>(5, Code::kInterrupted));
  EXPECT_TRUE(consumer->poll(1, milliseconds(600'000))->records.empty());
  EXPECT_EQ(producer->close(milliseconds(1))->failed, 2u);
}

TEST(ClientRuntime, StillDeliversInCloseAfterAnInterrupt) {
  TinyBroker broker;
  Client client = connect(broker.address);
  auto producer = client.producer({});
  ASSERT_TRUE(producer->send_sync(record_of(1)).ok());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(producer->send(record_of(1)).ok());
  client.interrupt();
  EXPECT_EQ(producer->close(milliseconds(60'000))->acked, 101u);
}

TEST(ClientRuntime, SeeksAndKnowsItsPosition) {
  TinyBroker broker;
  Client client = connect(broker.address);
  auto producer = client.producer({});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(producer->send_sync(record_of(1)).ok());
  auto consumer = client.consumer({});
  const TopicPartition where{"t", 0};
  EXPECT_EQ(consumer->position(where).error().code, Code::kInvalidArgument);
  EXPECT_EQ(consumer->seek(where, Position::start()).error().code, Code::kInvalidArgument);
  EXPECT_EQ(consumer->assign({{{"t", 7}, Position::start()}}).error().code, Code::kNotFound);
  EXPECT_EQ(consumer->assign({{where, Position::at(-1)}}).error().code, Code::kInvalidArgument);
  ASSERT_TRUE(consumer->assign({{where, Position::end()}}).ok());
  EXPECT_EQ(*consumer->position(where), 10);
  for (int64_t offset : {3, 0, 9, 3}) {
    ASSERT_TRUE(consumer->seek(where, Position::at(offset)).ok());
    auto polled = consumer->poll(1, milliseconds(60'000));
    ASSERT_EQ(polled->records.size(), 1u);
    EXPECT_EQ(polled->records[0].offset, offset);
    EXPECT_EQ(*consumer->position(where), offset + 1);
  }
  // The broker of this test takes everything at 0.
  EXPECT_EQ(consumer->offsets({{where, Position::at_time(0)}})->at(where), 0);
  EXPECT_EQ(consumer->offsets({{where, Position::at_time(1)}})->at(where), 10);
}

TEST(ClientRuntime, FindsAPartitionThatOnlyATopicMadeAnewHas) {
  TinyBroker broker;
  Client client = connect(broker.address);
  auto producer = client.producer({});
  auto consumer = client.consumer({});
  ASSERT_TRUE(producer->send_sync(record_of(1)).ok());
  ASSERT_TRUE(consumer->assign({{{"t", 0}, Position::at(0)}}).ok());
  Record record = record_of(1);
  record.partition = 7;
  EXPECT_EQ(producer->send(record).error().code, Code::kNotFound);
  EXPECT_EQ(consumer->assign({{{"t", 7}, Position::at(0)}}).error().code, Code::kNotFound);
  broker.partitions = 8;
  EXPECT_TRUE(consumer->assign({{{"t", 7}, Position::at(0)}}).ok());
  EXPECT_TRUE(producer->send(record).ok());
}

TEST(ClientRuntime, AsksForAllThatIsAssignedAtOnce) {
  TinyBroker broker;
  Client client = connect(broker.address);
  auto consumer = client.consumer({});
  std::map<TopicPartition, Position> positions;
  for (int n = 0; n < 50; ++n) positions[{"t" + std::to_string(n), 0}] = Position::at(0);
  ASSERT_TRUE(consumer->assign(positions).ok());
  EXPECT_LE(broker.metadata_requests.load(), 2);
}

TEST(ClientRuntime, RefusesWhatIsNoAddress) {
  for (const char* address : {"", "host", "host:", ":1", "host:0", "host:65536", "host:x"}) {
    ClientConfig config;
    config.servers = {address};
    EXPECT_EQ(Client::connect(config).error().code, Code::kInvalidArgument) << address;
  }
}

}  // namespace
}  // namespace strandlog::client
