// The life of a simulated cluster.
#include "tests/sim/simulation.h"

#include <algorithm>
#include <cstdio>

#include "client/founding.h"
#include "client/offset_lookup.h"

namespace strandlog::sim {
namespace {

constexpr int64_t kHealMs = 30'000;
constexpr uint64_t kMostOpenSends = 200;

std::string host_name(size_t number) { return "broker" + std::to_string(number); }

}  // namespace

const char* name_of(Fault fault) {
  switch (fault) {
    case Fault::kKill:
      return "kill";
    case Fault::kPowerLoss:
      return "power-loss";
    case Fault::kPause:
      return "pause";
    case Fault::kCleanStop:
      return "clean-stop";
    case Fault::kCut:
      return "cut";
    case Fault::kReset:
      return "reset";
    case Fault::kReplay:
      return "replay";
    case Fault::kLatency:
      return "latency";
    case Fault::kDiskStall:
      return "disk-stall";
    case Fault::kDiskError:
      return "disk-error";
    case Fault::kClock:
      return "clock";
  }
  return "?";
}

const std::vector<Fault>& all_faults() {
  static const std::vector<Fault> all = {Fault::kKill,      Fault::kPowerLoss, Fault::kPause,
                                         Fault::kCleanStop, Fault::kCut,       Fault::kReset,
                                         Fault::kReplay,    Fault::kLatency,   Fault::kDiskStall,
                                         Fault::kDiskError, Fault::kClock};
  return all;
}

Simulation::Simulation(uint64_t seed)
    : dice_(seed * 0x9e3779b97f4a7c15u + 1),
      schedule_(dice_.next()),
      network_(schedule_, dice_.fork()) {
  network_.set_tap([this](const Sighting& sighting) { watch_.saw(sighting); });
}

Simulation::~Simulation() {
  clients_.clear();
  operator_.reset();
  brokers_.clear();
}

void Simulation::note(const std::string& what) {
  if (!trace_) return;
  std::fprintf(stderr, "%10.6f %s\n", static_cast<double>(schedule_.now().us) / 1e6, what.c_str());
}

Outcome Simulation::run() {
  draw();
  begin();
  come_to_life();
  if (outcome_.violations.empty()) use_and_abuse();
  if (outcome_.violations.empty()) heal();
  if (outcome_.violations.empty()) read_everything();
  if (outcome_.violations.empty()) compare_replicas();
  judge();
  return outcome_;
}

// --------------------------------------------------------------------------------------- drawing

void Simulation::draw() {
  broker_count_ = dice_.pick<size_t>({1, 3, 3, 3, 3, 4, 5});
  client_count_ = 1 + dice_.below(5);
  partitions_ = dice_.pick<uint32_t>({1, 1, 2, 3, 6});
  replication_ =
      static_cast<uint32_t>(std::min<size_t>(broker_count_, dice_.pick<size_t>({1, 3, 3, 3, 5})));
  busy_ms_ = dice_.pick<int64_t>({110'000, 110'000, 150'000});
  fault_every_ms_ = dice_.pick<int64_t>({1'000, 3'000, 8'000});
  record_bytes_ = dice_.pick<size_t>({10, 100, 1000, 5000});
  if (!dice_.percent(10)) {
    for (Fault fault : all_faults()) {
      if (dice_.percent(35)) drawn_.push_back(fault);
    }
  }
  for (Fault fault : drawn_) outcome_.faults[fault] = 0;
  store::StoreOptions& store = config_.store;
  store.journal_file_bytes = dice_.pick<uint64_t>({64u << 10, 256u << 10, 4u << 20});
  store.journal_max_bytes = 8 * store.journal_file_bytes;
  store.segment_bytes = dice_.pick<uint64_t>({16u << 10, 256u << 10, 4u << 20});
  store.tail_cache_bytes = dice_.pick<uint64_t>({0, 64u << 10, 4u << 20});
  store.round_bytes = dice_.pick<uint64_t>({4u << 10, 64u << 10, 1u << 20});
  store.reserve_bytes = 1u << 20;
}

std::vector<std::string> Simulation::client_addresses() const {
  std::vector<std::string> addresses;
  for (size_t n = 1; n <= broker_count_; ++n) addresses.push_back(host_name(n) + ":9000");
  return addresses;
}

void Simulation::begin() {
  for (size_t n = 1; n <= broker_count_; ++n) {
    SimBroker::Options options;
    options.config = config_;
    options.config.id = BrokerId{n};
    options.config.listen = options.config.advertise = host_name(n) + ":9000";
    options.config.listen_peer = options.config.advertise_peer = host_name(n) + ":9001";
    for (size_t seed = 1; seed <= broker_count_; ++seed) {
      options.config.seeds.push_back(host_name(seed) + ":9001");
    }
    bool drifts = std::count(drawn_.begin(), drawn_.end(), Fault::kClock) > 0;
    options.drift_ppm = drifts ? dice_.between(-20'000, 20'000) : 0;
    options.disk.operation_us = dice_.pick<int64_t>({100, 500, 3'000});
    brokers_.push_back(
        std::make_unique<SimBroker>(schedule_, network_, dice_.fork(), std::move(options)));
  }
  for (size_t n = 1; n <= client_count_; ++n) {
    SimClient::Options options;
    options.number = static_cast<uint32_t>(n);
    options.servers = client_addresses();
    client::ProducerConfig& producer = options.producer;
    producer.compression = client::Compression::kNone;
    producer.acks = dice_.percent(80) ? client::Acks::kAll : client::Acks::kLeader;
    producer.linger = client::milliseconds{dice_.pick<int64_t>({0, 0, 5, 50})};
    producer.batch_size = dice_.pick<uint32_t>({1, 2'000, 100'000});
    producer.delivery_timeout = client::milliseconds{dice_.pick<int64_t>({5'000, 120'000})};
    clients_.push_back(
        std::make_unique<SimClient>(schedule_, network_, dice_.fork(), options, history_));
  }
  SimClient::Options options;
  options.servers = client_addresses();
  operator_ = std::make_unique<SimClient>(schedule_, network_, dice_.fork(), options, history_);
}

bool Simulation::wait_for(int64_t most_ms, const std::function<bool()>& condition) {
  Time end = schedule_.now().plus_ms(most_ms);
  while (!condition()) {
    if (schedule_.now() >= end) return false;
    schedule_.run_until(schedule_.now().plus_ms(10));
  }
  return true;
}

// ------------------------------------------------------------------------------------------ life

void Simulation::come_to_life() {
  for (auto& broker : brokers_) broker->start();
  schedule_.run_until(schedule_.now().plus_ms(200));
  SimPort port(schedule_, *operator_);
  client::AdminCore::Timeouts timeouts;
  auto founders = client_addresses();
  if (founders.size() % 2 == 0) founders.pop_back();
  auto founded = client::found_cluster(port, timeouts, founders);
  if (!founded.ok()) return violated("founding failed: " + founded.error().text);
  // One that joined registers by itself.
  bool all = wait_for(kHealMs, [&] {
    auto cluster = client::AdminCore(port, timeouts).describe_cluster();
    if (!cluster.ok() || cluster->brokers.size() != broker_count_) return false;
    return std::all_of(cluster->brokers.begin(), cluster->brokers.end(),
                       [](const auto& broker) { return broker.alive; });
  });
  if (!all) return violated("not every broker registered");
  client::TopicSpec spec;
  spec.name = kTopic;
  spec.partitions = partitions_;
  spec.replication = replication_;
  auto topic = client::AdminCore(port, timeouts).create_topic(spec);
  if (!topic.ok()) violated("creating the topic failed: " + topic.error().text);
  note("alive: " + std::to_string(broker_count_) + " brokers, " + std::to_string(partitions_) +
       " partitions of " + std::to_string(replication_) + " replicas");
}

void Simulation::schedule_client(size_t client) {
  schedule_.after_us(dice_.between(2'000, 60'000), [this, client] {
    if (!abusing_) return;
    SimClient& c = *clients_[client];
    uint64_t burst = 1 + dice_.below(4);
    for (uint64_t i = 0; i < burst && c.open_sends() < kMostOpenSends; ++i) {
      auto partition = static_cast<int32_t>(dice_.below(partitions_));
      c.produce(kTopic, partition, partitions_, dice_.below(record_bytes_ + 1));
    }
    if (dice_.percent(5)) {
      auto partition = static_cast<int32_t>(dice_.below(partitions_));
      c.ask_end(kTopic, partition, any_broker().config().listen);
    }
    if (dice_.percent(1) && dice_.percent(10)) c.consume(kTopic, partitions_);
    schedule_client(client);
  });
}

void Simulation::schedule_fault() {
  if (drawn_.empty()) return;
  schedule_.after_us(dice_.between(fault_every_ms_ * 200, fault_every_ms_ * 1800), [this] {
    if (!abusing_) return;
    strike(dice_.pick(drawn_));
    schedule_fault();
  });
}

void Simulation::use_and_abuse() {
  abusing_ = true;
  for (size_t i = 0; i < clients_.size(); ++i) {
    clients_[i]->consume(kTopic, partitions_);
    schedule_client(i);
  }
  schedule_fault();
  schedule_look_at_disks();
  schedule_.run_until(schedule_.now().plus_ms(busy_ms_));
  abusing_ = false;
}

// ---------------------------------------------------------------------------------------- faults

void Simulation::down_for_a_while(SimBroker& broker) {
  schedule_.after_us(dice_.between(100'000, 8'000'000), [this, &broker] {
    if (!abusing_ || broker.is_up()) return;
    note("start " + broker.host());
    if (broker.start()) return;
    // A disk error may come at a start as well.
    if (broker.ended()->code != Code::kIo) {
      violated(broker.host() + " did not start: " + broker.ended()->text);
    }
    down_for_a_while(broker);
  });
}

void Simulation::cut_some() {
  SimBroker& a = any_broker();
  bool one_way = dice_.percent(30);
  bool from_all = dice_.percent(60);
  std::vector<std::pair<std::string, std::string>> cuts;
  for (auto& other : brokers_) {
    if (other.get() == &a || (!from_all && dice_.percent(50))) continue;
    cuts.emplace_back(a.host(), other->host());
    if (!one_way) cuts.emplace_back(other->host(), a.host());
  }
  for (auto& client : clients_) {
    if (!dice_.percent(30)) continue;
    cuts.emplace_back(client->host(), a.host());
    if (!one_way) cuts.emplace_back(a.host(), client->host());
  }
  for (const auto& [from, to] : cuts) {
    note("cut " + from + " -> " + to);
    network_.cut(from, to);
  }
  schedule_.after_us(dice_.between(200'000, 20'000'000), [this, cuts] {
    for (const auto& [from, to] : cuts) network_.heal(from, to);
  });
}

void Simulation::strike(Fault fault) {
  ++outcome_.faults[fault];
  SimBroker& one = any_broker();
  note(std::string(name_of(fault)) + " " + one.host());
  switch (fault) {
    case Fault::kKill:
      one.kill();
      return down_for_a_while(one);
    case Fault::kPowerLoss:
      for (auto& broker : brokers_) {
        if (broker.get() != &one && !(dice_.percent(20))) continue;
        broker->lose_power();
        down_for_a_while(*broker);
      }
      return;
    case Fault::kPause:
      one.pause();
      schedule_.after_us(dice_.between(100'000, 10'000'000), [&one] { one.resume(); });
      return;
    case Fault::kCleanStop:
      one.begin_stop();
      schedule_.after_us(3'500'000, [this, &one] { down_for_a_while(one); });
      return;
    case Fault::kCut:
      return cut_some();
    case Fault::kReset:
      for (int i = 0; i < 3; ++i) network_.reset(one.host(), any_broker().host());
      network_.reset(clients_[dice_.below(clients_.size())]->host(), one.host());
      return;
    case Fault::kReplay:
      for (int i = 0; i < 5; ++i) network_.replay(one.host(), any_broker().host());
      return;
    case Fault::kLatency:
      network_.set_extra_latency_us(dice_.between(1'000, 300'000));
      schedule_.after_us(dice_.between(500'000, 5'000'000),
                         [this] { network_.set_extra_latency_us(0); });
      return;
    case Fault::kDiskStall:
      return one.stall_disk(dice_.between(100, 5'000));
    case Fault::kDiskError:
      if (dice_.percent(50)) {
        one.disk().fail_write(1 + dice_.below(20));
      } else {
        one.disk().fail_flush(1 + dice_.below(20));
      }
      schedule_.after_us(2'000'000, [this, &one] { down_for_a_while(one); });
      return;
    case Fault::kClock:
      if (!one.is_up()) return;
      one.clock().wall_offset_ms = dice_.between(-3'600'000, 3'600'000);
      return;
  }
}

// ---------------------------------------------------------------------------------------- the end

void Simulation::heal() {
  note("heal");
  network_.heal_all();
  network_.set_extra_latency_us(0);
  for (auto& broker : brokers_) {
    broker->resume();
    broker->disk().fail_write(0);
    broker->disk().fail_flush(0);
  }
  schedule_.run_until(schedule_.now().plus_ms(4'000));  // clean stops come to their end
  for (auto& broker : brokers_) {
    if (!broker->start()) violated(broker->host() + " did not start: " + broker->ended()->text);
  }
  bool quiet = wait_for(kHealMs, [&] {
    return std::all_of(clients_.begin(), clients_.end(),
                       [](const auto& client) { return client->open_sends() == 0; });
  });
  if (!quiet) {
    for (const auto& broker : brokers_) {
      if (!broker->is_up()) continue;
      auto figures = broker->store().figures();
      auto room = broker->store().room_for(1000);
      note(broker->host() + ": journal " + std::to_string(figures.journal_bytes) +
           ", unsegmented " + std::to_string(figures.unsegmented_bytes) + ", checkpoints " +
           std::to_string(figures.checkpoints) +
           ", room: " + (room.ok() ? "yes" : room.error().text));
    }
    for (const auto& client : clients_) {
      if (client->open_sends() == 0) continue;
      violated("I24: " + client->host() + " has " + std::to_string(client->open_sends()) +
               " sends open 30 s after everything was healed");
    }
  }
  for (auto& broker : brokers_) {
    if (!broker->is_up()) violated(broker->host() + " ended: " + broker->ended()->text);
  }
}

void Simulation::read_everything() {
  SimPort port(schedule_, *operator_);
  std::vector<client::TopicPartition> partitions;
  for (uint32_t p = 0; p < partitions_; ++p)
    partitions.push_back({kTopic, static_cast<int32_t>(p)});
  auto ends = client::look_up_ends(port, partitions, kHealMs);
  if (!ends.ok()) return violated("I24: no ends after everything was healed: " + ends.error().text);
  operator_->consume(kTopic, partitions_);
  auto run_of = [&](int32_t p) -> const Run& { return history_.runs.at(p).back(); };
  auto is_read = [&](const client::TopicPartition& where) {
    return run_of(where.partition).size() >= static_cast<size_t>(ends->at(where).end);
  };
  auto count = [&] {
    size_t records = 0;
    for (const auto& where : partitions) records += run_of(where.partition).size();
    return records;
  };
  bool all = false;
  for (bool moves = true; !all && moves;) {
    size_t before = count();
    wait_for(kHealMs, [&] { return std::all_of(partitions.begin(), partitions.end(), is_read); });
    all = std::all_of(partitions.begin(), partitions.end(), is_read);
    moves = count() > before;
  }
  for (const auto& where : partitions) {
    history_.final[where.partition] = run_of(where.partition);
    if (is_read(where)) continue;
    violated("I24: partition " + std::to_string(where.partition) + " was read up to " +
             std::to_string(run_of(where.partition).size()) + " of " +
             std::to_string(ends->at(where).end) + " and no further for 30 s");
  }
}

void Simulation::judge() {
  for (const Sent& sent : history_.sent) {
    ++outcome_.sent;
    if (sent.outcome == Sent::Outcome::kAcked) ++outcome_.acked;
    if (sent.outcome == Sent::Outcome::kFailed) ++outcome_.failed;
  }
  outcome_.votes_seen = watch_.votes();
  outcome_.ends_seen = history_.ends.size();
  outcome_.virtual_ms = schedule_.now().us / 1000;
  if (outcome_.violations.empty()) outcome_.violations = check(history_);
  for (const std::string& seen : watch_.violations()) violated(seen);
  outcome_.fingerprint = fingerprint();
}

uint64_t Simulation::fingerprint() const {
  uint64_t hash = 14695981039346656037u;
  auto mix = [&](uint64_t value) {
    hash ^= value;
    hash *= 1099511628211u;
    hash ^= hash >> 29;
  };
  auto mix_text = [&](const std::string& text) {
    for (char c : text) mix(static_cast<uint8_t>(c));
  };
  mix(schedule_.count());
  mix(network_.figures().delivered);
  for (const Sent& sent : history_.sent) {
    mix(static_cast<uint64_t>(sent.offset));
    mix(static_cast<uint64_t>(sent.completed.us));
  }
  for (const auto& [partition, run] : history_.final) {
    for (const Seen& seen : run) mix_text(seen.value.substr(0, 20));
  }
  return hash;
}

}  // namespace strandlog::sim
