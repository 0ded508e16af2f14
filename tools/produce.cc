// produce: stdin to a topic.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <thread>

#include "base/option_types.h"
#include "tools/ask.h"
#include "tools/deliveries.h"
#include "tools/interrupt.h"
#include "tools/line_reader.h"
#include "tools/record_format.h"

namespace strandlog::tools {
namespace {

using Clock = std::chrono::steady_clock;
using client::milliseconds;

constexpr size_t kMaxLine = 64 << 20;
constexpr uint64_t kTimedEvery = 64;
constexpr int kInputWaitMs = 100;

/// "1000/s" or "1000".
Result<double> parse_rate(std::string text) {
  if (text.ends_with("/s")) text.resize(text.size() - 2);
  const auto rate = parse_bytes(text);
  if (!rate || *rate < 1)
    return Error{Code::kInvalidArgument, "--rate is \"" + text + "\", wanted N/s, at least 1/s"};
  return static_cast<double>(*rate);
}

/// What turns one line into one record.
struct LineShape {
  client::Record base;  ///< topic, and what all records share
  std::optional<std::string> separator;
  bool json = false;
  bool tombstone = false;

  Result<client::Record> record(std::string_view line) const {
    client::Record made = base;
    if (json) {
      ASSIGN(auto parsed, record_from_json(line));
      if (parsed.key) made.key = std::move(parsed.key);
      if (parsed.partition && !made.partition) made.partition = parsed.partition;
      made.value = std::move(parsed.value);
      made.timestamp_ms = parsed.timestamp_ms;
      for (auto& header : parsed.headers) made.headers.push_back(std::move(header));
      return made;
    }
    if (separator) {
      const auto at = line.find(*separator);
      if (at != std::string_view::npos) {
        made.key = std::string(line.substr(0, at));
        line.remove_prefix(at + separator->size());
      }
    }
    if (!(tombstone && line.empty())) made.value.emplace(line);
    return made;
  }
};

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
  return config;
}

/// Feeds one producer from one descriptor.
class Feed {
 public:
  Feed(client::Producer& producer, LineShape shape, std::optional<double> rate)
      : producer_(producer), shape_(std::move(shape)), rate_(rate), begun_(Clock::now()) {}

  /// Until the input ends, Ctrl-C, or an error that the next record would meet again.
  Result<void> run_lines(int descriptor) {
    LineReader reader(descriptor, kMaxLine);
    while (!interrupted()) {
      ASSIGN(const auto next, reader.next(kInputWaitMs));
      if (next == LineReader::Next::kEnd) return {};
      if (next == LineReader::Next::kPending) continue;
      ASSIGN(auto record, shape_.record(reader.line()));
      TRY(send(std::move(record)));
    }
    return {};
  }

  /// All of the input is one record.
  Result<void> run_raw(int descriptor) {
    std::string all;
    std::string block(1 << 20, '\0');
    while (!interrupted()) {
      const ssize_t count = ::read(descriptor, block.data(), block.size());
      if (count < 0 && errno != EINTR) return Error{Code::kIo, "reading the input failed"};
      if (count == 0) break;
      if (count > 0) all.append(block, 0, static_cast<size_t>(count));
      if (all.size() > kMaxLine)
        return Error{Code::kTooLarge, "the input is longer than " + std::to_string(kMaxLine)};
    }
    if (interrupted()) return {};
    ASSIGN(auto record, shape_.record(all));
    return send(std::move(record));
  }

  uint64_t offered() const { return offered_; }
  uint64_t refused() const { return refused_; }
  Deliveries& deliveries() { return deliveries_; }
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begun_).count(); }

 private:
  Result<void> send(client::Record record) {
    pace();
    // Records without a callback cost the library nothing; the producer's totals count them.
    std::optional<Deliveries::Timed> timed;
    if (offered_++ % kTimedEvery == 0) timed = deliveries_.timed();
    const auto sent =
        producer_.send(std::move(record), timed ? std::move(timed->callback) : client::Callback{});
    if (timed) timed->restart();
    if (sent.ok()) return {};
    ++refused_;
    deliveries_.fail(sent.error());
    // Too large concerns this record alone, busy may pass; anything else meets every record.
    if (sent.error().code == client::Code::kTooLarge) return {};
    if (sent.error().code == client::Code::kBusy) return {};
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

  client::Producer& producer_;
  LineShape shape_;
  std::optional<double> rate_;
  Clock::time_point begun_;
  uint64_t offered_ = 0;
  uint64_t refused_ = 0;
  Deliveries deliveries_;
};

Json summary_of(Feed& feed, const client::Producer::Totals& totals) {
  const double seconds = feed.seconds();
  const auto latency = feed.deliveries().latency_us();
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

void print_summary(const Invocation& invocation, const Json& summary) {
  if (invocation.format == OutputFormat::kJson || invocation.format == OutputFormat::kJsonl) {
    std::fputs(json_line(summary).c_str(), stderr);
    return;
  }
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

Result<Exit> outcome(Feed& feed, const Json& summary, const Result<void>& fed) {
  if (interrupted()) return Exit::kInterrupted;
  const auto failure = feed.deliveries().first_failure();
  const bool some_failed = summary["failed"].get<uint64_t>() > 0;
  if (failure && some_failed) {
    std::fprintf(stderr, "error[%s]: the first failure: %s\n",
                 std::string(code_name(base_code(failure->code))).c_str(), failure->text.c_str());
  }
  if (failure && summary["acked"].get<uint64_t>() == 0 &&
      exit_of(failure->code) == Exit::kUnreachable)
    return Exit::kUnreachable;
  if (some_failed) return Exit::kPartial;
  if (!fed.ok()) return fed.error();
  return Exit::kDone;
}

Result<Exit> produce(Invocation& invocation) {
  ASSIGN(auto shape, shape_of(invocation));
  std::optional<double> rate;
  if (invocation.values.has("rate")) {
    ASSIGN(rate, parse_rate(invocation.values.text("rate")));
  }
  ASSIGN(auto client, invocation.connect());
  TRY(require_topic(invocation, client));
  const auto config = config_of(invocation.values);
  // The feed holds what the callbacks write to, so it must outlive the producer's last one: it is
  // closed before either goes.
  ASSIGN(auto producer, lift(client.producer(config)));
  if (isatty(STDIN_FILENO) != 0) invocation.note("one record a line; end with Ctrl-D");
  Feed feed(producer, std::move(shape), rate);
  const auto fed = invocation.values.text("format") == "raw" ? feed.run_raw(STDIN_FILENO)
                                                             : feed.run_lines(STDIN_FILENO);
  const auto totals = producer.close(interrupted() ? milliseconds{5000} : config.delivery_timeout);
  if (!totals.ok()) feed.deliveries().fail(totals.error());
  const Json summary = summary_of(feed, totals.ok() ? *totals : producer.totals());
  auto result = outcome(feed, summary, fed);
  if (!result.ok()) {
    std::fprintf(stderr, "error[%s]: %s\n", std::string(code_name(result.error().code)).c_str(),
                 result.error().text.c_str());
    result = exit_of(result.error().code);
  }
  print_summary(invocation, summary);
  return result;
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
       .handler = produce},
  };
}

}  // namespace strandlog::tools
