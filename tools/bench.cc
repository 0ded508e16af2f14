// bench: how fast the public Producer and Consumer are against a cluster.
#include <algorithm>
#include <random>

#include "strandlog/consumer.h"
#include "tools/ask.h"
#include "tools/deliveries.h"
#include "tools/interrupt.h"

namespace strandlog::tools {
namespace {

using Clock = std::chrono::steady_clock;
using client::milliseconds;

constexpr milliseconds kWarmUp{1000};
constexpr uint64_t kTimedEvery = 8;
/// Long enough that a batch leaves because it is full, not because it waited.
constexpr milliseconds kLinger{5};

double seconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

/// Random bytes, cut at ever other places so that no two records are alike.
class Payload {
 public:
  explicit Payload(size_t size) : size_(size), pool_(size + kSpread, '\0') {
    std::mt19937_64 random(std::random_device{}());
    for (auto& byte : pool_) byte = static_cast<char>(random());
  }
  std::string next() {
    at_ = (at_ + 4099) % kSpread;
    return pool_.substr(at_, size_);
  }

 private:
  static constexpr size_t kSpread = 1 << 20;
  size_t size_;
  size_t at_ = 0;
  std::string pool_;
};

client::ProducerConfig producer_config(const OptionValues& values) {
  client::ProducerConfig config;
  config.batch_size = static_cast<uint32_t>(values.bytes("batch-bytes"));
  config.compression = client::Compression::kNone;
  config.linger = kLinger;
  config.max_in_flight_batches = static_cast<uint32_t>(values.integer("inflight"));
  config.buffer_memory = std::max<uint64_t>(
      config.buffer_memory, 2ull * config.batch_size * (config.max_in_flight_batches + 4ull));
  const auto& acks = values.text("acks");
  config.acks = acks == "1" ? client::Acks::kLeader : client::Acks::kAll;
  return config;
}

/// Totals and time at one moment.
struct Mark {
  client::Producer::Totals totals;
  Clock::time_point when;
};

Json producer_figures(const Mark& begin, const Mark& end, size_t size, const Histogram& latency) {
  const double seconds = std::max(seconds_between(begin.when, end.when), 1e-9);
  const auto acked = end.totals.acked - begin.totals.acked;
  const auto requests = end.totals.requests - begin.totals.requests;
  const auto batches = end.totals.batches - begin.totals.batches;
  const double rate = static_cast<double>(acked) / seconds;
  return {{"records_per_s", rate},
          {"mb_per_s", rate * static_cast<double>(size) / 1e6},
          {"p50_us", latency.quantile(0.5)},
          {"p99_us", latency.quantile(0.99)},
          {"p999_us", latency.quantile(0.999)},
          {"acked", acked},
          {"failed", end.totals.failed},
          {"batches_per_request",
           requests == 0 ? 0.0 : static_cast<double>(batches) / static_cast<double>(requests)}};
}

/// Sends until `until` or Ctrl-C.
Result<void> send_until(client::Producer& producer, Deliveries& deliveries, Payload& payload,
                        const std::string& topic, Clock::time_point until) {
  for (uint64_t i = 0; !interrupted() && Clock::now() < until; ++i) {
    client::Record record;
    record.topic = topic;
    record.value = payload.next();
    std::optional<Deliveries::Timed> timed;
    if (i % kTimedEvery == 0) timed = deliveries.timed();
    const auto sent =
        producer.send(std::move(record), timed ? std::move(timed->callback) : client::Callback{});
    if (!sent.ok() && sent.error().code == client::Code::kInterrupted) return {};
    if (!sent.ok()) return lifted(sent.error());
    // What counts is the way from acceptance to answer, not the wait for room before it.
    if (timed) timed->restart();
  }
  return {};
}

std::string figures_text(const Json& figures) {
  return fixed(figures["mb_per_s"].get<double>(), 1) + " MB/s, " +
         fixed(figures["records_per_s"].get<double>(), 0) + " rec/s";
}

Result<Exit> bench_produce(Invocation& invocation) {
  const auto& values = invocation.values;
  const std::string topic = values.text("topic");
  const size_t size = values.bytes("size");
  Deliveries deliveries;
  ASSIGN(auto client, invocation.connect());
  const OnInterrupt on_interrupt([&client] { client.interrupt(); });
  auto admin = client.admin();
  TRY(find_topic(invocation, admin, topic));
  ASSIGN(auto producer, lift(client.producer(producer_config(values))));
  Payload payload(size);

  TRY(send_until(producer, deliveries, payload, topic, Clock::now() + kWarmUp));
  deliveries.forget_latencies();
  const Mark begin{producer.totals(), Clock::now()};
  TRY(send_until(producer, deliveries, payload, topic, begin.when + values.duration("duration")));
  Mark end{producer.totals(), Clock::now()};
  const auto latency = deliveries.latency_us();
  const auto closed = producer.close(milliseconds{interrupted() ? 500 : 30000});
  if (closed.ok()) end.totals.failed = closed.value().failed;

  const Json figures = producer_figures(begin, end, size, latency);
  invocation.print({.document = figures,
                    .table = figures_text(figures) + ", p50 " +
                             fixed(figures["p50_us"].get<double>() / 1000, 2) + " ms, p99 " +
                             fixed(figures["p99_us"].get<double>() / 1000, 2) + " ms, p99.9 " +
                             fixed(figures["p999_us"].get<double>() / 1000, 2) + " ms, " +
                             figures["failed"].dump() + " failed\n",
                    .names = {topic}});
  if (interrupted()) return Exit::kInterrupted;
  if (const auto failure = deliveries.first_failure())
    invocation.note("first failure: " + failure->text);
  return end.totals.failed > 0 ? Exit::kPartial : Exit::kDone;
}

Result<Exit> bench_consume(Invocation& invocation) {
  const auto& values = invocation.values;
  const std::string topic = values.text("topic");
  ASSIGN(auto client, invocation.connect());
  const OnInterrupt on_interrupt([&client] { client.interrupt(); });
  auto admin = client.admin();
  ASSIGN(const auto summary, find_topic(invocation, admin, topic));
  ASSIGN(auto consumer, lift(client.consumer({})));
  std::vector<client::TopicPartition> partitions;
  for (uint32_t i = 0; i < summary.partitions; ++i)
    partitions.push_back({topic, static_cast<int32_t>(i)});
  ASSIGN(const auto ends, lift(consumer.ends(partitions)));
  std::map<client::TopicPartition, client::Position> positions;
  uint64_t left = 0;
  for (const auto& [where, range] : ends) {
    positions[where] = client::Position::at(range.start);
    left += static_cast<uint64_t>(std::max<int64_t>(range.end - range.start, 0));
  }
  TRY(lift(consumer.assign(positions)));

  const auto begin = Clock::now();
  const auto until = begin + values.duration("duration");
  uint64_t records = 0;
  uint64_t bytes = 0;
  while (records < left && !interrupted() && Clock::now() < until) {
    ASSIGN(const auto polled, lift(consumer.poll(10000, milliseconds{200})));
    for (const auto& event : polled.events) {
      if (event.kind == client::ConsumerEvent::Kind::kGap) {
        left -= std::min(left, static_cast<uint64_t>(event.next - event.offset));
      } else if (event.error.retry != client::Retry::kSafe) {
        return lifted(event.error);
      }
    }
    for (const auto& record : polled.records)
      bytes += (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
    records += polled.records.size();
  }
  const double seconds = std::max(seconds_between(begin, Clock::now()), 1e-9);
  const Json figures = {{"records_per_s", static_cast<double>(records) / seconds},
                        {"mb_per_s", static_cast<double>(bytes) / seconds / 1e6},
                        {"records", records},
                        {"bytes", bytes},
                        {"seconds", seconds}};
  invocation.print({.document = figures, .table = figures_text(figures) + "\n", .names = {topic}});
  return interrupted() ? Exit::kInterrupted : Exit::kDone;
}

}  // namespace

std::vector<Command> bench_commands() {
  const Option topic{
      .name = "topic", .flag = 't', .fallback = "bench", .help = "an existing topic"};
  return {
      {.path = "bench produce",
       .summary = "send random records without compression, after 1 s of warm-up",
       .options = {topic,
                   {.name = "size",
                    .type = OptionType::kBytes,
                    .fallback = "1024",
                    .min = 1,
                    .max = 1 << 20,
                    .help = "of one record's value"},
                   {.name = "batch-bytes",
                    .type = OptionType::kBytes,
                    .fallback = "16384",
                    .min = 128,
                    .max = 1 << 20,
                    .help = "of one batch"},
                   {.name = "inflight",
                    .type = OptionType::kInteger,
                    .fallback = "256",
                    .min = 1,
                    .max = 100000,
                    .help = "unacknowledged batches over all partitions"},
                   {.name = "duration",
                    .type = OptionType::kDuration,
                    .unit = "s",
                    .fallback = "5s",
                    .min = 1,
                    .max = 86400000,
                    .help = "of the measured part"},
                   {.name = "acks",
                    .type = OptionType::kChoice,
                    .fallback = "all",
                    .choices = {"1", "all"},
                    .help = "as for produce"}},
       .examples = {"strandlog bench produce -t bench --inflight 256 -o json"},
       .json = R"({"records_per_s","mb_per_s","p50_us","p99_us","p999_us","acked","failed",)"
               R"("batches_per_request"})",
       .exits = asking({{Exit::kNotFound, "no such topic"},
                        {Exit::kPartial, "some records were not acknowledged"}}),
       .handler = bench_produce},
      {.path = "bench consume",
       .summary = "read a topic from its start to its end as of now",
       .options = {topic,
                   {.name = "duration",
                    .type = OptionType::kDuration,
                    .unit = "s",
                    .fallback = "60s",
                    .min = 1,
                    .max = 86400000,
                    .help = "stop after so long"}},
       .examples = {"strandlog bench consume -t bench -o json"},
       .json = R"({"records_per_s","mb_per_s","records","bytes","seconds"})",
       .exits = asking({{Exit::kNotFound, "no such topic"}}),
       .handler = bench_consume},
  };
}

}  // namespace strandlog::tools
