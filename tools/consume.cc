// consume, cat, tail: records of a topic to stdout.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "strandlog/consumer.h"
#include "tools/ask.h"
#include "tools/interrupt.h"
#include "tools/position.h"
#include "tools/record_format.h"
#include "tools/time_text.h"

namespace strandlog::tools {
namespace {

using client::ConsumedRecord;
using client::Ends;
using client::milliseconds;
using client::Position;
using client::TopicPartition;

constexpr size_t kPollRecords = 5000;
constexpr milliseconds kPollWait{200};
constexpr size_t kMostNamed = 5;  // partitions in one message

using Kind = PositionText::Kind;

std::string name_of(const TopicPartition& where) {
  return where.topic + "/" + std::to_string(where.partition);
}

struct Reading {
  PositionText from;
  std::optional<PositionText> to;
  std::optional<uint64_t> count;
  std::chrono::milliseconds patience{30000};
};

Result<std::vector<TopicPartition>> chosen_partitions(const Invocation& invocation,
                                                      const client::TopicSummary& topic) {
  std::vector<TopicPartition> chosen;
  for (const auto& text : invocation.values.list("partition")) {
    int32_t number = -1;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || number < 0)
      return Error{Code::kInvalidArgument, "-p is \"" + text + "\", wanted numbers with commas"};
    if (static_cast<uint32_t>(number) >= topic.partitions) {
      return Error{Code::kNotFound, "topic \"" + topic.name + "\" has no partition " + text +
                                        ", the last is " + std::to_string(topic.partitions - 1)};
    }
    chosen.push_back({topic.name, number});
  }
  if (!chosen.empty()) return chosen;
  if (invocation.values.has("partition"))
    return Error{Code::kInvalidArgument, "-p names no partition"};
  for (uint32_t i = 0; i < topic.partitions; ++i)
    chosen.push_back({topic.name, static_cast<int32_t>(i)});
  return chosen;
}

/// Writes one record the way the user asked for.
void write_record(Out& out, const Invocation& invocation, const ConsumedRecord& record,
                  bool first) {
  if (!invocation.format_given || invocation.format == OutputFormat::kTable) {
    if (record.value) out.write(*record.value);
    out.write("\n");
  } else if (invocation.format == OutputFormat::kNames) {
    out.write(record.where.topic + "/" + std::to_string(record.where.partition) + "/" +
              std::to_string(record.offset) + "\n");
  } else if (invocation.format == OutputFormat::kJson) {
    out.write((first ? "[" : ",\n") + record_json(record));
  } else {
    out.write(record_json(record) + "\n");
  }
}

/// One run of a consumer: where each partition ends, and what has been written.
class Reader {
 public:
  Reader(Invocation& invocation, client::Consumer& consumer, Reading reading)
      : invocation_(invocation), consumer_(consumer), reading_(std::move(reading)) {}

  Result<Exit> run(const std::vector<TopicPartition>& partitions) {
    TRY(begin(partitions));
    const bool array = invocation_.format_given && invocation_.format == OutputFormat::kJson;
    auto read = read_all();
    if (array) invocation_.out->write(written_ == 0 ? "[]\n" : "]\n");
    invocation_.out->flush();
    if (!read.ok()) return read.error();
    if (interrupted()) return Exit::kInterrupted;
    return worst_;
  }

 private:
  Result<void> begin(const std::vector<TopicPartition>& partitions) {
    const bool plain = reading_.from.kind == Kind::kStart || reading_.from.kind == Kind::kEnd;
    if (plain && !reading_.to) {
      const bool at_start = reading_.from.kind == Kind::kStart;
      std::map<TopicPartition, Position> positions;
      for (const auto& where : partitions)
        positions[where] = at_start ? Position::start() : Position::end();
      return lift(consumer_.assign(positions));
    }
    ASSIGN(const auto ends, lift(consumer_.ends(partitions)));
    ASSIGN(const auto from, resolved("--from", reading_.from, ends));
    std::map<TopicPartition, int64_t> to;
    if (reading_.to) {
      ASSIGN(to, resolved("--to", *reading_.to, ends));
    }
    std::map<TopicPartition, Position> positions;
    for (const auto& [where, offset] : from) {
      if (invocation_.verbose)
        invocation_.note(name_of(where) + ": from " + std::to_string(offset) +
                         (reading_.to ? " to " + std::to_string(to[where]) : ""));
      if (reading_.to && offset >= to[where]) continue;
      if (reading_.to) bounds_[where] = to[where];
      positions[where] = Position::at(offset);
    }
    if (positions.empty()) {
      finished_ = true;
      return {};
    }
    return lift(consumer_.assign(positions));
  }

  /// An offset that a partition does not have is an error before anything is read. `--to` may lie
  /// ahead of the end: then the read waits for it.
  Result<std::map<TopicPartition, int64_t>> resolved(const std::string& option,
                                                     const PositionText& position,
                                                     const std::map<TopicPartition, Ends>& ends) {
    std::map<TopicPartition, int64_t> offsets;
    if (position.kind == Kind::kTime) {
      invocation_.note(option + " is " + rfc3339(position.count));
      std::map<TopicPartition, Position> times;
      for (const auto& [where, range] : ends) times[where] = Position::at_time(position.count);
      ASSIGN(offsets, lift(consumer_.offsets(times)));
      for (auto& [where, offset] : offsets) offset = std::min(offset, ends.at(where).end);
      return offsets;
    }
    std::string outside;
    size_t count = 0;
    for (const auto& [where, range] : ends) {
      offsets[where] = position.resolve(range);
      const bool ahead = offsets[where] > range.end && option == "--from";
      if (!ahead && offsets[where] >= range.start) continue;
      if (++count > kMostNamed) continue;
      outside += (outside.empty() ? "" : ", ") + name_of(where) + " has " +
                 std::to_string(range.start) + " to " + std::to_string(range.end);
    }
    if (outside.empty()) return offsets;
    if (count > kMostNamed) outside += " and " + std::to_string(count - kMostNamed) + " more";
    return Error{Code::kOutOfRange,
                 option + ": offset " + std::to_string(position.count) +
                     " is out of range: " + outside +
                     "\n  choose partitions: -p N,…      stay inside: +N (after the start)"
                     ", -N (before the end)"};
  }

  Result<void> read_all() {
    auto last_progress = std::chrono::steady_clock::now();
    milliseconds wait{0};
    while (!finished_ && !interrupted() && !invocation_.out->stopped()) {
      if (reading_.count && written_ >= *reading_.count) return {};
      ASSIGN(const auto polled, lift(consumer_.poll(kPollRecords, wait)));
      for (const auto& record : polled.records) take(record);
      for (const auto& event : polled.events) TRY(take(event));
      if (!polled.records.empty() || !polled.events.empty()) TRY(drop_finished());
      const auto now = std::chrono::steady_clock::now();
      if (!polled.records.empty()) {
        last_progress = now;
        wait = milliseconds{0};
        continue;
      }
      // Nothing at hand: let the reader see what there is, then wait.
      invocation_.out->flush();
      invocation_.out->look();
      TRY(drop_finished());
      wait = kPollWait;
      if (reading_.to && !finished_ && now - last_progress > reading_.patience) return stalled();
    }
    return {};
  }

  Error stalled() const {
    const auto& [where, bound] = *bounds_.begin();
    const auto position = consumer_.position(where);
    std::string text = "no record for " + std::to_string(reading_.patience.count() / 1000) +
                       " s: " + name_of(where) + " is at " +
                       (position.ok() ? std::to_string(*position) : "?") + " of " +
                       std::to_string(bound);
    if (!last_warning_.empty()) text += "; last: " + last_warning_;
    return Error{Code::kTimeout, text + "\n  see: strandlog topic describe " + where.topic};
  }

  void take(const ConsumedRecord& record) {
    if (reading_.count && written_ >= *reading_.count) return;
    if (reading_.to) {
      const auto bound = bounds_.find(record.where);
      if (bound == bounds_.end()) return;
      if (record.offset >= bound->second) {
        passed_bound_ = true;
        bounds_.erase(bound);
        return;
      }
    }
    write_record(*invocation_.out, invocation_, record, written_ == 0);
    ++written_;
  }

  Result<void> take(const client::ConsumerEvent& event) {
    const std::string where = name_of(event.where);
    if (event.kind == client::ConsumerEvent::Kind::kGap) {
      invocation_.note("gap: " + where + " offsets " + std::to_string(event.offset) + " to " +
                       std::to_string(event.next) + " cannot be read: " + event.error.text);
      const Exit exit = exit_of(event.error.code);
      if (worst_ != Exit::kCorruption)
        worst_ = exit == Exit::kCorruption ? Exit::kCorruption : Exit::kPartial;
      return {};
    }
    if (event.error.retry != client::Retry::kSafe) return lifted(event.error);
    if (event.error.text != last_warning_) invocation_.note("waiting: " + event.error.text);
    last_warning_ = event.error.text;
    return {};
  }

  /// Ends partitions whose position reached the bound; once a partition sends records beyond its
  /// bound, only the unfinished ones stay assigned.
  Result<void> drop_finished() {
    if (!reading_.to) return {};
    std::map<TopicPartition, Position> left;
    for (auto bound = bounds_.begin(); bound != bounds_.end();) {
      ASSIGN(const int64_t position, lift(consumer_.position(bound->first)));
      if (position >= bound->second) {
        bound = bounds_.erase(bound);
        continue;
      }
      left[bound->first] = Position::at(position);
      ++bound;
    }
    finished_ = bounds_.empty();
    if (finished_ || !passed_bound_) return {};
    passed_bound_ = false;
    return lift(consumer_.assign(left));
  }

  Invocation& invocation_;
  client::Consumer& consumer_;
  Reading reading_;
  std::map<TopicPartition, int64_t> bounds_;  ///< unfinished partitions of a bounded read
  bool finished_ = false;
  bool passed_bound_ = false;
  uint64_t written_ = 0;
  std::string last_warning_;
  Exit worst_ = Exit::kDone;
};

Result<Exit> read_topic(Invocation& invocation, const Reading& reading) {
  ASSIGN(auto client, invocation.connect());
  const OnInterrupt on_interrupt([&client] { client.interrupt(); });
  auto admin = client.admin();
  ASSIGN(const auto topic, find_topic(invocation, admin, invocation.positionals[0]));
  ASSIGN(const auto partitions, chosen_partitions(invocation, topic));
  ASSIGN(auto consumer, lift(client.consumer({})));
  auto result = Reader(invocation, consumer, reading).run(partitions);
  if (!result.ok()) return explained(invocation, result.error());
  return result;
}

Result<Reading> common(const Invocation& invocation) {
  Reading reading;
  if (invocation.values.has("count"))
    reading.count = static_cast<uint64_t>(invocation.values.integer("count"));
  reading.patience = invocation.values.duration("patience");
  return reading;
}

Result<Exit> consume(Invocation& invocation) {
  ASSIGN(auto reading, common(invocation));
  const int64_t now_ms = wall_now_ms();
  ASSIGN(reading.from, parse_position(invocation.values.text("from"), now_ms));
  if (invocation.values.has("to")) {
    ASSIGN(reading.to, parse_position(invocation.values.text("to"), now_ms));
  }
  return read_topic(invocation, reading);
}

Result<Exit> cat(Invocation& invocation) {
  ASSIGN(auto reading, common(invocation));
  reading.to = PositionText{PositionText::Kind::kEnd, 0};
  return read_topic(invocation, reading);
}

Result<Exit> tail(Invocation& invocation) {
  Reading reading;
  reading.from = {PositionText::Kind::kBeforeEnd, invocation.values.integer("lines")};
  if (!invocation.values.flag("follow")) reading.to = PositionText{PositionText::Kind::kEnd, 0};
  return read_topic(invocation, reading);
}

ExitMeanings reading_exits() {
  return asking({{Exit::kNotFound, "no such topic or partition, or an offset out of range"},
                 {Exit::kUnreachable,
                  "no broker reached, or the end not reached and no record within --patience"},
                 {Exit::kPartial, "some records cannot be read"},
                 {Exit::kCorruption, "some records cannot be read: they are damaged"}});
}

OptionTable reading_options() {
  return {{.name = "partition",
           .flag = 'p',
           .type = OptionType::kList,
           .help = "these partitions alone, with commas between"},
          {.name = "count",
           .flag = 'n',
           .type = OptionType::kInteger,
           .min = 0,
           .help = "stop after so many records"},
          {.name = "patience",
           .type = OptionType::kDuration,
           .unit = "s",
           .fallback = "30s",
           .min = 1,
           .max = 86400000,
           .help = "a read with an end gives up after so long without a record"}};
}

}  // namespace

std::vector<Command> consume_commands() {
  const Positional topic{.name = "TOPIC", .help = "what to read"};
  const std::string json =
      R"([{"topic","partition","offset","timestamp","key","value","headers":[{"key","value"}]},…],)"
      R"( one a line with jsonl; bytes that are not UTF-8 as base64 with "encoding":"base64")";
  OptionTable consume_options = {
      {.name = "from",
       .unit = "POS",
       .fallback = "start",
       .help = "where to begin: start, end, N (offset), +N (after the start), -N (before the end), "
               "@TIME (2026-05-04T10:11:12Z, seconds since 1970, or @-15m: when the log took it)"},
      {.name = "to",
       .unit = "POS",
       .help = "where to end (that record is not read), as of now; without it the read goes on for "
               "ever"}};
  for (auto& option : reading_options()) consume_options.push_back(option);
  return {
      {.path = "consume",
       .summary = "print the records of a topic, a value a line",
       .options = consume_options,
       .positionals = {topic},
       .examples = {"strandlog consume orders --from start --to end",
                    "strandlog consume orders --from -100 -p 0,2 -o jsonl",
                    "strandlog consume orders --from @-15m --to end"},
       .json = json,
       .exits = reading_exits(),
       .handler = consume},
      {.path = "cat",
       .summary = "print a topic from start to end",
       .options = reading_options(),
       .positionals = {topic},
       .examples = {"strandlog cat orders | wc -l"},
       .json = json,
       .exits = reading_exits(),
       .handler = cat},
      {.path = "tail",
       .summary = "print the last records of each partition, then follow",
       .options = {{.name = "lines",
                    .flag = 'n',
                    .type = OptionType::kInteger,
                    .fallback = "10",
                    .min = 0,
                    .help = "so many of each partition first"},
                   {.name = "partition",
                    .flag = 'p',
                    .type = OptionType::kList,
                    .help = "these partitions alone, with commas between"},
                   {.name = "follow",
                    .type = OptionType::kBool,
                    .fallback = "true",
                    .help = "go on with what arrives (--follow=false ends)"}},
       .positionals = {topic},
       .examples = {"strandlog tail orders", "strandlog tail orders -n 100 --follow=false"},
       .json = json,
       .exits = reading_exits(),
       .handler = tail},
  };
}

}  // namespace strandlog::tools
