// produce: stdin to a topic.
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "base/option_types.h"
#include "tools/ask.h"
#include "tools/deliveries.h"
#include "tools/interrupt.h"
#include "tools/line_reader.h"
#include "tools/line_shape.h"
#include "tools/record_format.h"

namespace strandlog::tools {
namespace {

using Clock = std::chrono::steady_clock;
using client::milliseconds;

constexpr size_t kMaxLine = 64 << 20;
constexpr uint64_t kTimedEvery = 64;
constexpr int kInputWaitMs = 100;
constexpr milliseconds kFlushSlice{60000};
/// For what is still on its way after Ctrl-C.
constexpr milliseconds kClosePatience{500};

/// "1000/s" or "1000".
Result<double> parse_rate(std::string text) {
  if (text.ends_with("/s")) text.resize(text.size() - 2);
  const auto rate = parse_bytes(text);
  if (!rate || *rate < 1)
    return Error{Code::kInvalidArgument, "--rate is \"" + text + "\", wanted N/s, at least 1/s"};
  return static_cast<double>(*rate);
}

Result<LineShape> shape_of(const Invocation& invocation) {
  LineShape shape;
  const auto& values = invocation.values;
  shape.base.topic = invocation.positionals[0];
  if (values.has("key")) shape.base.key = values.text("key");
  if (values.has("partition"))
    shape.base.partition = static_cast<int32_t>(values.integer("partition"));
  for (const auto& header : values.list("header")) {
    const auto equals = header.find('=');
    if (equals == std::string::npos)
      return Error{Code::kInvalidArgument, "-H is \"" + header + "\", wanted KEY=VALUE"};
    shape.base.headers.push_back({header.substr(0, equals), header.substr(equals + 1)});
  }
  if (values.has("separator")) {
    shape.separator = unescaped(values.text("separator"));
    if (shape.separator->empty())
      return Error{Code::kInvalidArgument, "-K is empty, wanted what stands between key and value"};
  }
  shape.json = values.text("format") == "jsonl";
  shape.tombstone = values.flag("tombstone");
  return shape;
}

client::ProducerConfig config_of(const OptionValues& values) {
  client::ProducerConfig config;
  const auto& acks = values.text("acks");
  config.acks = acks == "0"   ? client::Acks::kNone
                : acks == "1" ? client::Acks::kLeader
                              : client::Acks::kAll;
  const auto& codec = values.text("compression");
  config.compression = codec == "lz4"    ? client::Compression::kLz4
                       : codec == "zstd" ? client::Compression::kZstd
                                         : client::Compression::kNone;
  config.delivery_timeout = values.duration("patience");
  config.max_block = values.duration("patience");
  return config;
}

/// Feeds one producer from one descriptor.
class Feed {
 public:
  Feed(Deliveries& deliveries, LineShape shape, std::optional<double> rate)
      : deliveries_(deliveries), shape_(std::move(shape)), rate_(rate), begun_(Clock::now()) {}

  /// Until the input ends, Ctrl-C, or an error that the next record would meet again.
  Result<void> run(client::Producer& producer, int descriptor, bool raw) {
    producer_ = &producer;
    return raw ? run_raw(descriptor) : run_lines(descriptor);
  }

  uint64_t offered() const { return offered_; }
  uint64_t refused() const { return refused_; }
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begun_).count(); }

 private:
  Result<void> run_lines(int descriptor) {
    LineReader reader(descriptor, kMaxLine);
    for (uint64_t number = 1; !interrupted() && !deliveries_.gave_up();) {
      ASSIGN(const auto next, reader.next(kInputWaitMs));
      if (next == LineReader::Next::kEnd) return {};
      if (next == LineReader::Next::kPending) continue;
      const uint64_t line = number++;
      if (shape_.json && reader.line().empty()) continue;
      auto record = shape_.record(reader.line());
      if (!record.ok())
        return Error{record.error().code,
                     "line " + std::to_string(line) + ": " + record.error().text};
      TRY(send(std::move(*record)));
    }
    return {};
  }

  /// All of the input is one record.
  Result<void> run_raw(int descriptor) {
    std::string all;
    std::string block(1 << 20, '\0');
    while (true) {
      pollfd readable{descriptor, POLLIN, 0};
      const bool ready = ::poll(&readable, 1, kInputWaitMs) > 0;
      if (interrupted()) return {};
      if (!ready) continue;
      const ssize_t count = ::read(descriptor, block.data(), block.size());
      if (count < 0 && errno != EINTR)
        return Error{Code::kIo, std::string("reading the input failed: ") + std::strerror(errno)};
      if (count == 0) break;
      if (count > 0) all.append(block, 0, static_cast<size_t>(count));
      if (all.size() > kMaxLine)
        return Error{Code::kTooLarge, "the input is longer than " + std::to_string(kMaxLine) +
                                          " bytes, the most that one record may be read from"};
    }
    ASSIGN(auto record, shape_.record(all));
    return send(std::move(record));
  }

  Result<void> send(client::Record record) {
    pace();
    if (interrupted()) return {};
    std::optional<Deliveries::Timed> timed;
    if (offered_++ % kTimedEvery == 0) timed = deliveries_.timed();
    const auto sent = producer_->send(std::move(record),
                                      timed ? std::move(timed->callback) : deliveries_.untimed());
    if (timed) timed->restart();
    if (sent.ok()) return {};
    ++refused_;
    if (sent.error().code == client::Code::kInterrupted) return {};
    deliveries_.fail(sent.error());
    // Too large concerns this record alone; anything else meets every record.
    if (sent.error().code == client::Code::kTooLarge) return {};
    return lifted(sent.error());
  }

  void pace() {
    if (!rate_) return;
    const auto due =
        begun_ + std::chrono::duration_cast<Clock::duration>(
                     std::chrono::duration<double>(static_cast<double>(offered_) / *rate_));
    while (!interrupted() && Clock::now() < due)
      std::this_thread::sleep_until(std::min(due, Clock::now() + milliseconds{kInputWaitMs}));
  }

  client::Producer* producer_ = nullptr;
  Deliveries& deliveries_;
  LineShape shape_;
  std::optional<double> rate_;
  Clock::time_point begun_;
  uint64_t offered_ = 0;
  uint64_t refused_ = 0;
};

Json summary_of(const Feed& feed, const Deliveries& deliveries,
                const client::Producer::Totals& totals) {
  const double seconds = feed.seconds();
  const auto latency = deliveries.latency_us();
  return {{"records", feed.offered()},
          {"acked", totals.acked},
          {"failed", totals.failed + feed.refused()},
          {"possible_duplicates", totals.possible_duplicates},
          {"bytes", totals.bytes},
          {"seconds", seconds},
          {"records_per_s", seconds > 0 ? static_cast<double>(totals.acked) / seconds : 0.0},
          {"p50_us", latency.quantile(0.5)},
          {"p99_us", latency.quantile(0.99)}};
}

void print_summary(const Invocation& invocation, const Json& summary, bool begun) {
  if (invocation.format == OutputFormat::kJson || invocation.format == OutputFormat::kJsonl) {
    std::fputs(json_line(summary).c_str(), stderr);
    return;
  }
  if (!begun) return;
  std::string text = std::to_string(summary["acked"].get<uint64_t>()) + " records, " +
                     human_bytes(summary["bytes"].get<uint64_t>()) + ", " +
                     fixed(summary["seconds"].get<double>(), 2) + " s, " +
                     fixed(summary["records_per_s"].get<double>(), 0) + " rec/s, p99 ack " +
                     fixed(summary["p99_us"].get<double>() / 1000, 1) + " ms, " +
                     std::to_string(summary["failed"].get<uint64_t>()) + " failed";
  if (const auto again = summary["possible_duplicates"].get<uint64_t>(); again > 0)
    text += ", " + std::to_string(again) + " possible duplicates";
  invocation.note(text);
}

Result<void> require_topic(const Invocation& invocation, client::Client& client) {
  auto admin = client.admin();
  auto topic = find_topic(invocation, admin, invocation.positionals[0]);
  if (!topic.ok() && topic.error().code == Code::kNotFound && invocation.values.flag("create")) {
    client::TopicSpec spec;
    spec.name = invocation.positionals[0];
    auto created = lift(admin.create_topic(spec));
    // Somebody else may have been quicker.
    if (!created.ok() && created.error().code != Code::kConflict)
      return explained(invocation, created.error());
    topic = find_topic(invocation, admin, invocation.positionals[0]);
  }
  if (!topic.ok()) return topic.error();
  if (!invocation.values.has("partition")) return {};
  if (invocation.values.integer("partition") < topic->partitions) return {};
  return Error{Code::kNotFound, "topic \"" + topic->name + "\" has no partition " +
                                    invocation.values.text("partition") + ", the last is " +
                                    std::to_string(topic->partitions - 1)};
}

/// What the command leaves with, after its errors were printed.
Exit outcome(const Deliveries& deliveries, const Json& summary, const Result<void>& fed) {
  if (interrupted()) return Exit::kInterrupted;
  const auto failure = deliveries.first_failure();
  const uint64_t acked = summary["acked"].get<uint64_t>();
  const uint64_t failed = summary["failed"].get<uint64_t>();
  if (failed > 0 && failure) print_error(lifted(*failure), "the first failure: ");
  const bool same = failure && !fed.ok() && failure->text == fed.error().text;
  if (!fed.ok() && !same) print_error(fed.error());
  if (acked > 0 && (failed > 0 || !fed.ok())) return Exit::kPartial;
  if (!fed.ok()) return exit_of(fed.error().code);
  if (failed == 0) return Exit::kDone;
  const bool unreachable = failure && exit_of(failure->code) == Exit::kUnreachable;
  return unreachable ? Exit::kUnreachable : Exit::kPartial;
}

/// Everything that can wait, so that whatever it waited for a summary can follow.
Result<void> run(const Invocation& invocation, client::Client& client, Deliveries& deliveries,
                 Feed& feed, client::Producer::Totals& totals) {
  TRY(require_topic(invocation, client));
  const auto config = config_of(invocation.values);
  ASSIGN(auto producer, lift(client.producer(config)));
  if (isatty(STDIN_FILENO) != 0) invocation.note("one record a line; end with Ctrl-D");
  const bool raw = invocation.values.text("format") == "raw";
  const auto fed = feed.run(producer, STDIN_FILENO, raw);
  // In slices, because Ctrl-C may come while it waits; close() itself waits whatever happens.
  while (!interrupted() && !deliveries.gave_up()) {
    const auto flushed = producer.flush(kFlushSlice);
    if (flushed.ok() || flushed.error().code != client::Code::kTimeout) break;
  }
  const auto closed = producer.close(kClosePatience);
  totals = closed.ok() ? *closed : producer.totals();
  return fed;
}

Result<Exit> produce(Invocation& invocation) {
  ASSIGN(auto shape, shape_of(invocation));
  std::optional<double> rate;
  if (invocation.values.has("rate")) {
    ASSIGN(rate, parse_rate(invocation.values.text("rate")));
  }
  Deliveries deliveries;
  ASSIGN(auto client, invocation.connect());
  const OnInterrupt on_interrupt([&client] { client.interrupt(); });
  Feed feed(deliveries, std::move(shape), rate);
  client::Producer::Totals totals;
  const auto fed = run(invocation, client, deliveries, feed, totals);
  const Json summary = summary_of(feed, deliveries, totals);
  const Exit exit = outcome(deliveries, summary, fed);
  print_summary(invocation, summary, fed.ok() || interrupted() || feed.offered() > 0);
  return exit;
}

}  // namespace

std::vector<Command> produce_commands() {
  return {
      {.path = "produce",
       .summary = "send the lines of stdin to a topic, a record each",
       .options = {{.name = "key", .flag = 'k', .help = "key of every record"},
                   {.name = "separator",
                    .flag = 'K',
                    .unit = "SEP",
                    .help = "what stands before SEP in a line is its key (\\t: a tab)"},
                   {.name = "header",
                    .flag = 'H',
                    .type = OptionType::kRepeated,
                    .unit = "KEY=VALUE",
                    .help = "header of every record; may be repeated"},
                   {.name = "partition",
                    .flag = 'p',
                    .type = OptionType::kInteger,
                    .min = 0,
                    .max = 1000000,
                    .help = "this partition, not one chosen by key"},
                   {.name = "compression",
                    .flag = 'z',
                    .type = OptionType::kChoice,
                    .fallback = "lz4",
                    .choices = {"none", "lz4", "zstd"},
                    .help = "codec of the batches"},
                   {.name = "acks",
                    .type = OptionType::kChoice,
                    .fallback = "all",
                    .choices = {"0", "1", "all"},
                    .help =
                        "durable where before it counts: nowhere, on the leader, on a majority"},
                   {.name = "format",
                    .type = OptionType::kChoice,
                    .fallback = "lines",
                    .choices = {"lines", "raw", "jsonl"},
                    .help = "a record per line, one of all input, or a JSON object per line"},
                   {.name = "rate", .unit = "N/s", .help = "at most so many records a second"},
                   {.name = "patience",
                    .type = OptionType::kDuration,
                    .unit = "s",
                    .fallback = "120s",
                    .min = 1,
                    .max = 86400000,
                    .help = "give up when a record is not acknowledged after so long"},
                   {.name = "create",
                    .type = OptionType::kBool,
                    .help = "create the topic if it does not exist"},
                   {.name = "tombstone",
                    .type = OptionType::kBool,
                    .help = "an empty value is sent as no value"}},
       .positionals = {{.name = "TOPIC", .help = "where the records go"}},
       .examples = {"strandlog produce orders --create < orders.txt",
                    "printf 'k1:v1\\n' | strandlog produce orders -K : -o json"},
       .json = R"(the last line of stderr: {"records","acked","failed","possible_duplicates",)"
               R"("bytes","seconds","records_per_s","p50_us","p99_us"})",
       .exits = asking(
           {{Exit::kNotFound, "no such topic or partition"},
            {Exit::kUnreachable, "no broker reached, or no record acknowledged within --patience"},
            {Exit::kPartial, "some records were not acknowledged"},
            {Exit::kInterrupted, "interrupted, after its summary"}}),
       .handler = produce},
  };
}

}  // namespace strandlog::tools
