// Producing, reading, asking, and topics that come and go.
#include "tests/sim/workload.h"

#include <algorithm>

namespace strandlog::sim {
namespace {

constexpr uint64_t kMostOpenSends = 200;
constexpr size_t kMostTopics = 4;  // beside the one that stays

client::ProducerConfig draw_producer(Dice& dice) {
  client::ProducerConfig producer;
  producer.compression = client::Compression::kNone;
  producer.acks =
      dice.pick<client::Acks>({client::Acks::kAll, client::Acks::kAll, client::Acks::kAll,
                               client::Acks::kAll, client::Acks::kLeader, client::Acks::kNone});
  producer.linger = client::milliseconds{dice.pick<int64_t>({0, 0, 5, 50})};
  producer.batch_size = dice.pick<uint32_t>({1, 2'000, 100'000});
  producer.delivery_timeout = client::milliseconds{dice.pick<int64_t>({5'000, 120'000})};
  return producer;
}

}  // namespace

Workload::Workload(SimCluster& cluster, const Plan& plan)
    : cluster_(cluster), plan_(plan), dice_(plan.seed ^ 0x5eed0f1eaf) {
  for (size_t i = 0; i < plan.clients; ++i) {
    Dice& dice = client_dice_.emplace_back(plan.seed * 131 + i);
    cluster.add_client(draw_producer(dice));
  }
  uint64_t bursts = plan.sends * 2 / (1 + plan.most_burst) / plan.clients + 1;
  pause_us_ = plan.busy_ms * 1000 / static_cast<int64_t>(bursts);
}

std::vector<Place> Workload::all_places() const {
  std::vector<Place> out;
  for (const auto& [name, topic] : cluster_.topics()) {
    for (uint32_t p = 0; p < topic.partitions; ++p) out.push_back({name, static_cast<int32_t>(p)});
  }
  return out;
}

// Mostly of the topic that stays.
Place Workload::any_place(Dice& dice) const {
  if (dice.percent(70)) return {kTopic, static_cast<int32_t>(dice.below(plan_.partitions))};
  return dice.pick(all_places());
}

void Workload::schedule(size_t client) {
  int64_t us = client_dice_[client].between(pause_us_ / 5, pause_us_ * 9 / 5);
  cluster_.schedule().after_us(us, [this, client, active = active_] {
    if (!*active) return;
    act(client);
    schedule(client);
  });
}

void Workload::act(size_t client) {
  Dice& dice = client_dice_[client];
  SimClient& one = *cluster_.clients()[client];
  uint64_t burst = 1 + dice.below(plan_.most_burst);
  for (uint64_t i = 0; i < burst && one.open_sends() < kMostOpenSends; ++i) {
    Place where = any_place(dice);
    uint32_t partitions = cluster_.topics().at(where.topic).partitions;
    one.produce(where, partitions, dice.below(plan_.record_bytes + 1));
  }
  // Who has to wait with records asks.
  if (one.open_sends() >= kMostOpenSends || dice.percent(plan_.asking_percent)) {
    const SimBroker& asked = cluster_.broker(1 + dice.below(cluster_.broker_count()));
    one.ask_end(any_place(dice), asked.config().listen);
  }
  if (dice.percent(1)) one.consume(all_places());
}

uint64_t operations_of(SimCluster& cluster) {
  auto has_left = [](const Sent& sent) {
    bool never = sent.outcome == Sent::Outcome::kFailed && sent.written == client::Written::kNo;
    return sent.outcome != Sent::Outcome::kOpen && !never;
  };
  const std::deque<Sent>& sent = cluster.history().sent;
  auto records = std::count_if(sent.begin(), sent.end(), has_left);
  return static_cast<uint64_t>(records) + cluster.watch().questions();
}

void Workload::run() {
  *active_ = true;
  for (size_t i = 0; i < client_dice_.size(); ++i) {
    cluster_.clients()[i]->consume(all_places());
    schedule(i);
  }
  Time end = cluster_.schedule().now().plus_ms(plan_.busy_ms);
  // Where faults let little through it takes longer.
  Time latest = end.plus_ms(plan_.busy_ms);
  auto goes_on = [&] {
    Time now = cluster_.schedule().now();
    return now < end || (now < latest && operations_of(cluster_) < kFewestOperations);
  };
  while (cluster_.violations().empty() && goes_on()) {
    cluster_.run_ms(dice_.between(100, 6'000));
    if (plan_.topics_come_and_go) administrate(dice_);
  }
  *active_ = false;
}

// An administrator waits for each answer; what fails under faults may have happened all the same.
void Workload::administrate(Dice& dice) {
  auto& topics = cluster_.topics();
  uint64_t choice = dice.below(10);
  if (choice < 4) return create("side-" + std::to_string(dice.below(2 * kMostTopics)), dice);
  if (choice < 6) {
    auto victim = std::next(topics.begin(), static_cast<ptrdiff_t>(dice.below(topics.size())));
    return victim->first == kTopic ? look(dice) : cluster_.delete_topic(std::string(victim->first));
  }
  look(dice);
}

void Workload::create(const std::string& name, Dice& dice) {
  if (cluster_.topics().contains(name) || cluster_.topics().size() > kMostTopics) return;
  client::TopicSpec spec;
  spec.name = name;
  spec.partitions = 1 + static_cast<uint32_t>(dice.below(3));
  spec.replication = static_cast<uint32_t>(std::min<uint64_t>(plan_.brokers, 1 + dice.below(3)));
  cluster_.note("create " + name);
  auto made = cluster_.admin().create_topic(spec);
  cluster_.note("create " + name + ": " + (made.ok() ? "done" : made.error().text));
  if (made.ok()) cluster_.add_topic(name, {spec.partitions, spec.replication, made->id});
}

void Workload::look(Dice& dice) {
  client::AdminCore admin = cluster_.admin();
  switch (dice.below(4)) {
    case 0:
      return (void)admin.describe_topic(kTopic).ok();
    case 1: {
      auto found = admin.find_topic(kTopic);
      if (found.ok() || found.error().code != client::Code::kNotFound) return;
      return cluster_.violated("a broker says that topic t does not exist");
    }
    case 2: {
      auto listed = admin.list_topics();
      bool there = !listed.ok() || std::any_of(listed->begin(), listed->end(),
                                               [](const auto& one) { return one.name == kTopic; });
      if (!there) cluster_.violated("topic t is not listed");
      return;
    }
    default:
      return (void)admin.describe_cluster().ok();
  }
}

}  // namespace strandlog::sim
