// A cluster's birth, its faults' end, and what is read at last.
#include "tests/sim/cluster.h"

#include <algorithm>
#include <cstdio>

#include "base/log.h"
#include "client/founding.h"
#include "client/offset_lookup.h"

namespace strandlog::sim {
namespace {

constexpr int64_t kHealMs = 30'000;
constexpr int64_t kCleanStopMs = 4'000;
constexpr int64_t kStillMs = 1'500;
constexpr size_t kMostViolations = 20;
// The beginning of a day: what log lines say is the time since the simulation began.
constexpr int64_t kLogDayUs = 19'675 * 86'400'000'000;

std::string host_name(size_t number) { return "broker" + std::to_string(number); }

}  // namespace

SimCluster::SimCluster(uint64_t seed, const Options& options)
    : dice_(seed),
      schedule_(dice_.next()),
      network_(schedule_, dice_.fork()),
      operator_([&] {
        SimClient::Options of;
        for (size_t n = 1; n <= options.brokers; ++n) of.servers.push_back(host_name(n) + ":9000");
        return std::make_unique<SimClient>(schedule_, network_, dice_.fork(), of, history_);
      }()),
      port_(schedule_, *operator_) {
  set_log_clock([this] { return kLogDayUs + schedule_.now().us; });
  network_.set_tap([this](const Sighting& sighting) { watch_.saw(sighting); });
  for (size_t n = 1; n <= options.brokers; ++n) add_broker(n, options);
}

SimCluster::~SimCluster() {
  clients_.clear();
  operator_.reset();
  brokers_.clear();
  set_log_clock({});
}

void SimCluster::add_broker(size_t number, const Options& options) {
  SimBroker::Options of;
  of.config = options.config;
  of.config.id = BrokerId{number};
  of.config.listen = of.config.advertise = host_name(number) + ":9000";
  of.config.listen_peer = of.config.advertise_peer = host_name(number) + ":9001";
  for (size_t seed = 1; seed <= options.brokers; ++seed) {
    of.config.seeds.push_back(host_name(seed) + ":9001");
  }
  of.drift_ppm = options.clocks_drift ? dice_.between(-20'000, 20'000) : 0;
  of.disk.operation_us = dice_.pick<int64_t>({100, 500, 3'000});
  brokers_.push_back(std::make_unique<SimBroker>(schedule_, network_, dice_.fork(), std::move(of),
                                                 [this](SimBroker& one) { ended_by_itself(one); }));
}

SimClient& SimCluster::add_client(const client::ProducerConfig& producer) {
  SimClient::Options options;
  options.number = static_cast<uint32_t>(clients_.size() + 1);
  options.servers = client_addresses();
  options.producer = producer;
  clients_.push_back(
      std::make_unique<SimClient>(schedule_, network_, dice_.fork(), options, history_));
  return *clients_.back();
}

std::vector<std::string> SimCluster::client_addresses() const {
  std::vector<std::string> addresses;
  for (const auto& broker : brokers_) addresses.push_back(broker->config().listen);
  return addresses;
}

bool SimCluster::wait_for(int64_t most_ms, const std::function<bool()>& condition) {
  Time end = schedule_.now().plus_ms(most_ms);
  while (!condition()) {
    if (schedule_.now() >= end) return false;
    run_ms(10);
  }
  return true;
}

client::AdminCore SimCluster::admin() { return client::AdminCore(port_, {}); }

void SimCluster::note(const std::string& what) const {
  if (!trace_) return;
  std::fprintf(stderr, "%10.6f %s\n", static_cast<double>(schedule_.now().us) / 1e6, what.c_str());
}

void SimCluster::violated(const std::string& what) {
  note("VIOLATED " + what);
  if (violations_.size() < kMostViolations) violations_.push_back(what);
}

// ------------------------------------------------------------------------------------------ life

void SimCluster::come_to_life() {
  for (auto& broker : brokers_) broker->start();
  run_ms(200);
  auto founders = client_addresses();
  founders.resize(founders.size() >= 5       ? 5
                  : founders.size() % 2 == 0 ? founders.size() - 1
                                             : founders.size());
  auto founded = client::found_cluster(port_, {}, founders);
  if (!founded.ok()) return violated("founding failed: " + founded.error().text);
  // One that joined registers by itself.
  bool all = wait_for(kHealMs, [&] {
    auto cluster = admin().describe_cluster();
    if (!cluster.ok() || cluster->brokers.size() != brokers_.size()) return false;
    return std::all_of(cluster->brokers.begin(), cluster->brokers.end(),
                       [](const auto& broker) { return broker.alive; });
  });
  if (!all) violated("not every broker registered");
}

void SimCluster::create_topic(const std::string& name, SimTopic topic) {
  client::TopicSpec spec;
  spec.name = name;
  spec.partitions = topic.partitions;
  spec.replication = topic.replication;
  auto made = admin().create_topic(spec);
  if (!made.ok()) return violated("creating " + name + " failed: " + made.error().text);
  topic.id = made->id;
  add_topic(name, topic);
}

void SimCluster::start_later(SimBroker& broker, int64_t after_us, Dice dice,
                             std::function<bool()> still) {
  schedule_.after_us(after_us, [this, &broker, dice, still]() mutable {
    if (!still() || broker.is_up()) return;
    note("start " + broker.host());
    if (broker.start()) return;
    // A disk may fail at a start as well, or be full after a kill that left no spare file (ADR 10).
    const Error& why = *broker.ended();
    bool is_full = broker.is_short_of_space();
    note(broker.host() + " did not start" + (is_full ? " on its full disk: " : ": ") + why.text);
    if (is_full) ++figures_.full_disks_not_started_on;
    if (!is_full && !broker.disk_failed()) violated(broker.host() + " did not start: " + why.text);
    start_later(broker, dice.between(100'000, 8'000'000), dice, still);
  });
}

void SimCluster::supervise(Dice dice, std::function<bool()> still) {
  supervisor_ = [this, dice, still = std::move(still)](SimBroker& broker) mutable {
    if (still()) start_later(broker, dice.between(100'000, 8'000'000), dice.fork(), still);
  };
}

// A running broker is promised to live with whatever its disk does but errors: a full one refuses.
void SimCluster::ended_by_itself(SimBroker& broker) {
  note(broker.host() + " ended: " + broker.ended()->text);
  if (!broker.disk_failed()) violated(broker.host() + " ended: " + broker.ended()->text);
  if (supervisor_) supervisor_(broker);
}

// --------------------------------------------------------------------------------------- the end

void SimCluster::heal() {
  note("heal");
  network_.heal_all();
  network_.weather() = {};
  for (auto& broker : brokers_) {
    broker->resume();
    broker->disk().end_faults();
    broker->end_stall();
  }
  run_ms(kCleanStopMs);
  for (auto& broker : brokers_) {
    if (!broker->start()) violated(broker->host() + " did not start: " + broker->ended()->text);
  }
  auto is_quiet = [](const auto& client) { return client->open_sends() == 0; };
  bool quiet =
      wait_for(kHealMs, [&] { return std::all_of(clients_.begin(), clients_.end(), is_quiet); });
  for (const auto& client : clients_) {
    if (quiet || is_quiet(client)) continue;
    violated("I24: " + client->host() + " has " + std::to_string(client->open_sends()) +
             " sends open 30 s after everything was healed");
  }
  for (auto& broker : brokers_) {
    if (!broker->is_up()) violated(broker->host() + " ended: " + broker->ended()->text);
  }
}

std::vector<Place> SimCluster::places_to_read() const {
  std::vector<Place> out;
  for (const auto& [name, topic] : topics_) {
    if (topic.is_doubtful) continue;
    for (uint32_t p = 0; p < topic.partitions; ++p) out.push_back({name, static_cast<int32_t>(p)});
  }
  return out;
}

Place SimCluster::in_history(const Place& where) const {
  return {history_.incarnations.now(where.topic), where.partition};
}

// What clients gave up may still arrive and be committed: until nothing comes any more.
void SimCluster::read_everything() {
  std::vector<Place> places = places_to_read();
  operator_->consume(places);
  auto count = [&] {
    size_t records = 0;
    for (const Place& where : places) {
      records += static_cast<size_t>(operator_->position(where));
    }
    return records;
  };
  for (size_t before = SIZE_MAX; before != count();) {
    before = count();
    if (!read_to_ends(places)) return expect_on_disks(places);
    run_ms(kStillMs);
  }
  for (const Place& where : places) {
    const Log& seen = operator_->run_of(where).seen;
    int64_t start = seen.empty() ? operator_->position(where) : seen.front().offset;
    if (start > 0) history_.starts[in_history(where)] = start;
    history_.final[in_history(where)] = seen;
  }
  was_read_ = true;
}

bool SimCluster::read_to_ends(const std::vector<Place>& places) {
  auto ends = client::look_up_ends(port_, places, kHealMs);
  if (!ends.ok()) {
    violated("I24: no ends after everything was healed: " + ends.error().text);
    return false;
  }
  auto left_of = [&](const Place& where) {
    return std::max<int64_t>(ends->at(where).end - operator_->position(where), 0);
  };
  auto left = [&] {
    int64_t records = 0;
    for (const Place& where : places) records += left_of(where);
    return records;
  };
  for (int64_t before = INT64_MAX; left() > 0 && left() < before;) {
    before = left();
    wait_for(kHealMs, [&] { return left() == 0; });
  }
  bool all = true;
  for (const Place& where : places) {
    if (left_of(where) == 0) continue;
    all = false;
    violated("I24: " + where.topic + "/" + std::to_string(where.partition) + " was read up to " +
             std::to_string(operator_->position(where)) + " of " +
             std::to_string(ends->at(where).end) + " and no further for 30 s");
  }
  return all;
}

void SimCluster::judge() {
  if (was_read_) {
    for (const std::string& broken : check(history_)) violated(broken);
  }
  for (const auto* seen : {&watch_.violations(), &watch_.told().violations(),
                           &watch_.registry().violations(), &catalogs_.violations()}) {
    for (const std::string& broken : *seen) violated(broken);
  }
}

uint64_t SimCluster::fingerprint() const {
  uint64_t hash = 14695981039346656037u;
  auto mix = [&](uint64_t value) {
    hash ^= value;
    hash *= 1099511628211u;
    hash ^= hash >> 29;
  };
  mix(schedule_.count());
  mix(network_.figures().delivered);
  for (const Sent& sent : history_.sent) {
    mix(static_cast<uint64_t>(sent.offset));
    mix(static_cast<uint64_t>(sent.completed.us));
  }
  for (const auto& [where, run] : history_.final) {
    for (const Seen& seen : run) {
      for (char c : seen.value.substr(0, 20)) mix(static_cast<uint8_t>(c));
    }
  }
  return hash;
}

}  // namespace strandlog::sim
