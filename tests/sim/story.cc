// The cast of a story, and what is asked of it.
#include "tests/sim/story.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "store/segment_format.h"

namespace strandlog::sim {
namespace {

const std::string kTopic = "t";
constexpr uint32_t kPartitions = 2;
constexpr size_t kRecordBytes = 1000;
constexpr int64_t kPatienceMs = 30'000;
constexpr int64_t kElectionMs = 15'000;
constexpr int kMostKills = 20;

Place place(int partition) { return {kTopic, partition}; }

SimCluster::Options options_of(size_t brokers, const broker::BrokerConfig& config) {
  SimCluster::Options options;
  options.brokers = brokers;
  options.config = config;
  return options;
}

// The bytes of a record are to be found on the disk as they are.
client::ProducerConfig uncompressed() {
  client::ProducerConfig config;
  config.compression = client::Compression::kNone;
  return config;
}

std::string lines(const std::vector<std::string>& violations) {
  std::string text;
  for (const std::string& one : violations) text += "\n  " + one;
  return text;
}

}  // namespace

broker::BrokerConfig Story::small_files() {
  broker::BrokerConfig config;
  config.store.journal_file_bytes = 64u << 10;
  config.store.journal_max_bytes = 1u << 20;
  config.store.segment_bytes = 16u << 10;
  config.store.tail_cache_bytes = 0;
  config.store.reserve_bytes = 1u << 20;
  return config;
}

Story::Story(size_t brokers, const broker::BrokerConfig& config)
    : cluster(7, options_of(brokers, config)), client(cluster.add_client(uncompressed())) {
  cluster.come_to_life();
  cluster.create_topic(kTopic, {kPartitions, static_cast<uint32_t>(std::min<size_t>(brokers, 3))});
}

// ---------------------------------------------------------------------------------- what happens

void Story::begin_send(int partition, int records) {
  for (int i = 0; i < records; ++i) {
    expect(client.produce(place(partition), kPartitions, kRecordBytes), "the producer is full");
    wait_ms(5);
  }
}

void Story::send(int partition, int records) {
  begin_send(partition, records);
  expect_soon([&] { return all_answered(); }, "no answer to what was sent");
  auto failed = [](const Sent& sent) { return sent.outcome == Sent::Outcome::kFailed; };
  expect(std::none_of(cluster.history().sent.begin(), cluster.history().sent.end(), failed),
         "a record was not accepted");
}

void Story::read() {
  client.consume({place(0), place(1)});
  auto is_read = [&](int partition) {
    const auto& sent = cluster.history().sent;
    auto count = std::count_if(sent.begin(), sent.end(),
                               [&](const Sent& one) { return one.where == place(partition); });
    return client.run_of(place(partition)).seen.size() >= static_cast<size_t>(count);
  };
  expect_soon([&] { return is_read(0) && is_read(1); }, "not everything sent was read");
  for (int partition : {0, 1}) check_values(partition);
}

// What was sent may be there twice; where, the whole history tells in the end.
void Story::check_values(int partition) {
  std::set<std::string> values;
  for (const Sent& sent : cluster.history().sent) {
    if (sent.where == place(partition)) values.insert(sent.value);
  }
  for (const Seen& seen : client.run_of(place(partition)).seen) {
    expect(seen.record && values.contains(seen.value),
           "offset " + std::to_string(seen.offset) + " was read as " + seen.value.substr(0, 80));
  }
}

void Story::kill(size_t broker) { cluster.broker(broker).kill(); }

void Story::start(size_t broker) {
  SimBroker& one = cluster.broker(broker);
  if (!one.start()) cluster.violated(one.host() + " did not start: " + one.ended()->text);
}

void Story::make_leader(size_t broker, int partition) {
  for (int kills = 0; kills < kMostKills; ++kills) {
    size_t now = leader(partition);
    if (now == broker || now == 0) break;
    kill(now);
    expect_soon([&] { return leader_now(partition) != now; }, "nobody follows a killed leader");
    leader(partition);
    start(now);
    wait_ms(2'000);
  }
  expect(leader(partition) == broker, "broker " + std::to_string(broker) + " never leads");
}

// --------------------------------------------------------------------------------- who and where

size_t Story::leader_now(int partition) {
  auto described = cluster.admin().describe_topic(kTopic);
  if (!described.ok()) return 0;
  const auto& one = described->partitions.at(static_cast<size_t>(partition));
  auto answers = [&](const auto& replica) {
    return replica.broker == one.leader && replica.state == "in_sync";
  };
  bool led = std::any_of(one.replicas.begin(), one.replicas.end(), answers);
  return led ? static_cast<size_t>(*one.leader) : 0;
}

size_t Story::leader(int partition) {
  size_t found = 0;
  cluster.wait_for(kElectionMs, [&] { return (found = leader_now(partition)) != 0; });
  expect(found != 0, "nobody leads partition " + std::to_string(partition));
  return found;
}

std::pair<size_t, size_t> Story::followers(int partition) {
  size_t leads = leader(partition);
  return {leads == 1 ? 2 : 1, leads == 3 ? 2 : 3};
}

const store::ReplicaState& Story::replica(size_t broker, int partition) {
  const auto& all = cluster.broker(broker).store().replicas();
  auto found = std::find_if(all.begin(), all.end(), [&](const auto& entry) {
    const store::ReplicaSpec& spec = entry.second.spec;
    return spec.topic_name == kTopic && spec.partition == static_cast<uint32_t>(partition) &&
           entry.second.life != store::Life::kDead;
  });
  CHECK(found != all.end());
  return found->second;
}

Uid Story::uid(size_t broker, int partition) { return replica(broker, partition).spec.uid; }

std::string Story::segment(size_t broker, int partition) {
  std::string folder = store::segment_directory(uid(broker, partition)) + "/";
  auto files = disk(broker).files();
  auto first = std::find_if(files.begin(), files.end(),
                            [&](const std::string& path) { return path.starts_with(folder); });
  CHECK(first != files.end());
  return *first;
}

uint64_t Story::refusals(size_t broker) {
  auto status = cluster.admin().broker_status(cluster.broker(broker).config().listen);
  return status.ok() ? status->counters["peer_messages_refused_total"] : 0;
}

// -------------------------------------------------------------------------------- what must hold

void Story::expect(bool condition, const std::string& otherwise) {
  if (!condition) cluster.violated(otherwise);
}

void Story::expect_soon(const std::function<bool()>& condition, const std::string& otherwise) {
  expect(cluster.wait_for(kPatienceMs, condition), otherwise);
}

Story::Replicas Story::out_of_service() {
  Replicas out;
  for (size_t n = 1; n <= cluster.broker_count(); ++n) {
    SimBroker& one = cluster.broker(n);
    if (!one.is_up()) continue;
    for (const auto& [uid, state] : one.store().replicas()) {
      bool of_topic = state.spec.topic_name == kTopic;
      if (state.fault) out.insert({n, of_topic ? static_cast<int>(state.spec.partition) : -1});
    }
  }
  return out;
}

void Story::expect_out_of_service(const Replicas& expected) {
  auto text = [](const Replicas& replicas) {
    std::string out;
    for (const auto& [broker, partition] : replicas) {
      out += " " + std::to_string(partition) + "@" + std::to_string(broker);
    }
    return out.empty() ? " none" : out;
  };
  cluster.wait_for(kPatienceMs, [&] { return out_of_service() == expected; });
  expect(out_of_service() == expected,
         "out of service are" + text(out_of_service()) + ", not" + text(expected));
}

void Story::expect_replaced(size_t broker, int partition, Uid was) {
  auto is_done = [&] {
    const auto& all = cluster.broker(broker).store().replicas();
    if (all.at(was).life != store::Life::kDead) return false;
    const store::ReplicaState& now = replica(broker, partition);
    return !now.fault && now.life == store::Life::kLive;
  };
  expect_soon(is_done, "replica " + std::to_string(was.value) + " was not replaced");
}

std::vector<std::string> Story::end(bool whole) {
  cluster.heal();
  cluster.read_everything();
  whole = whole && cluster.violations().empty() && out_of_service().empty();
  if (whole) cluster.compare_replicas();
  cluster.look_at_brokers();
  cluster.judge();
  return cluster.violations();
}

void tell(const std::function<std::vector<std::string>()>& story, Mutant noticed) {
  auto violations = story();
  EXPECT_TRUE(violations.empty()) << lines(violations);
#ifdef STRANDLOG_MUTANTS
  if (noticed == Mutant::kNone) return;
  active_mutant = noticed;
  violations = story();
  active_mutant = Mutant::kNone;
  EXPECT_FALSE(violations.empty()) << "the mutant is not noticed";
  std::printf("noticed by:%s\n", lines(violations).c_str());
#else
  (void)noticed;
#endif
}

}  // namespace strandlog::sim
