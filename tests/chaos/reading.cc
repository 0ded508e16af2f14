// What a consumer is given that is no record goes into its run, too, where the checker objects to
// it.
#include "tests/chaos/reading.h"

#include <chrono>

#include "base/system_env.h"
#include "strandlog/consumer.h"

namespace strandlog::chaos {
namespace {

using client::milliseconds;
using client::Position;
using client::TopicPartition;
using Steady = std::chrono::steady_clock;

constexpr milliseconds kPause{100}, kRunLasts{10'000};
constexpr milliseconds kPatience{60'000};  // without anything new

Error error_of(const client::Error& error) { return {static_cast<Code>(error.code), error.text}; }

client::ClientConfig config_of(const Load& load, const std::string& name) {
  client::ClientConfig config;
  config.servers = load.servers;
  config.client_id = name;
  return config;
}

std::vector<TopicPartition> all_of(const Load& load) {
  std::vector<TopicPartition> all;
  for (int32_t p = 0; p < load.partitions; ++p) all.push_back({load.topic, p});
  return all;
}

Error stuck(const std::string& name, const TopicPartition& where, int64_t next, int64_t end) {
  return {Code::kTimeout, name + ": partition " + std::to_string(where.partition) +
                              " was read up to " + std::to_string(next) + " of " +
                              std::to_string(end) + " and no further for 60 s"};
}

class Run {
 public:
  Run(const Load& load, client::Consumer& consumer, sim::HistoryWriter& history, bool final)
      : load_(load), consumer_(consumer), history_(history), final_(final) {}

  // While brokers are away this may have to be tried again.
  client::Result<void> begin(bool from_start) {
    std::map<TopicPartition, Position> positions;
    for (const TopicPartition& where : all_of(load_)) {
      positions[where] = from_start ? Position::start() : Position::end();
    }
    auto assigned = consumer_.assign(positions);
    if (!assigned.ok()) return assigned;
    for (const auto& [where, at] : positions) {
      if (final_) {
        history_.begin_final(where.partition);
      } else {
        history_.begin_run(where.partition, from_start);
      }
    }
    return {};
  }

  // How many records came.
  client::Result<size_t> poll() {
    auto polled = consumer_.poll(5000, kPause);
    if (!polled.ok()) return polled.error();
    for (const client::ConsumedRecord& record : polled->records) {
      history_.seen(record.where.partition,
                    {record.offset, record.value.value_or("(no-value)"), true});
    }
    for (const client::ConsumerEvent& event : polled->events) {
      history_.seen(event.where.partition,
                    {event.offset,
                     std::string("(event:") + client::code_name(event.error.code) + ")", false});
    }
    return polled->records.size();
  }

 private:
  const Load& load_;
  client::Consumer& consumer_;
  sim::HistoryWriter& history_;
  const bool final_;
};

// Until it works or the load is over.
template <class Attempt>
void persist(const Load& load, const Attempt& attempt) {
  while (!load.stop && !attempt().ok()) std::this_thread::sleep_for(kPause);
}

// Tried again until the patience is over.
template <class Attempt>
auto insist(const Attempt& attempt) {
  auto give_up = Steady::now() + kPatience;
  auto result = attempt();
  while (!result.ok() && Steady::now() < give_up) {
    std::this_thread::sleep_for(kPause);
    result = attempt();
  }
  return result;
}

// Reads on up to the ends as they are now.
Result<void> catch_up(const Load& load, const std::string& name, client::Consumer& consumer,
                      Run& run) {
  auto ends = insist([&] { return consumer.ends(all_of(load)); });
  if (!ends.ok()) return error_of(ends.error());
  for (const auto& [where, range] : *ends) {
    auto give_up = Steady::now() + kPatience;
    while (true) {
      auto next = consumer.position(where);
      if (!next.ok()) return error_of(next.error());
      if (*next >= range.end) break;
      if (Steady::now() >= give_up) return stuck(name, where, *next, range.end);
      auto came = run.poll();
      if (!came.ok()) return error_of(came.error());
      if (*came > 0) give_up = Steady::now() + kPatience;
    }
  }
  return {};
}

}  // namespace

Result<void> follow(const Load& load, uint32_t number, bool anew) {
  std::string name = "follower-" + std::to_string(number);
  ASSIGN(auto history, sim::HistoryWriter::create(load.directory + "/" + name + ".history"));
  auto connected = client::Client::connect(config_of(load, name));
  if (!connected.ok()) return error_of(connected.error());
  auto consumer = connected->consumer({});
  if (!consumer.ok()) return error_of(consumer.error());
  Run run(load, *consumer, history, false);
  persist(load, [&] { return run.begin(true); });
  auto began = Steady::now();
  while (!load.stop) {
    if (anew && Steady::now() - began > kRunLasts) {
      persist(load, [&] { return run.begin(false); });
      began = Steady::now();
    }
    auto came = run.poll();
    if (!came.ok()) return error_of(came.error());
  }
  TRY(catch_up(load, name, *consumer, run));
  return history.close();
}

Result<void> ask_ends(const Load& load, uint32_t number) {
  std::string name = "ends-" + std::to_string(number);
  ASSIGN(auto history, sim::HistoryWriter::create(load.directory + "/" + name + ".history"));
  auto connected = client::Client::connect(config_of(load, name));
  if (!connected.ok()) return error_of(connected.error());
  auto consumer = connected->consumer({});
  if (!consumer.ok()) return error_of(consumer.error());
  while (!load.stop) {
    for (const TopicPartition& where : all_of(load)) {
      Time invoked = SystemClock().now();
      auto ends = consumer->ends({where});
      if (ends.ok()) history.end({where, invoked, ends->at(where).end});
    }
    std::this_thread::sleep_for(kPause);
  }
  return history.close();
}

Result<void> read_everything(const Load& load) {
  ASSIGN(auto history, sim::HistoryWriter::create(load.directory + "/final.history"));
  auto connected = client::Client::connect(config_of(load, "reader"));
  if (!connected.ok()) return error_of(connected.error());
  auto consumer = connected->consumer({});
  if (!consumer.ok()) return error_of(consumer.error());
  Run run(load, *consumer, history, true);
  auto begun = insist([&] { return run.begin(true); });
  if (!begun.ok()) return error_of(begun.error());
  TRY(catch_up(load, "reader", *consumer, run));
  return history.close();
}

}  // namespace strandlog::chaos
