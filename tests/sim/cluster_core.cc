// Liveness: what a cluster must still do with as few brokers as hold a majority of every group.
#include <algorithm>

#include "tests/sim/cluster.h"

namespace strandlog::sim {
namespace {

constexpr int64_t kProgressMs = 30'000;
constexpr int64_t kForEverMs = 1'000'000;
constexpr size_t kProbeBytes = 20;

}  // namespace

std::set<size_t> SimCluster::draw_core(Dice& dice) {
  std::vector<size_t> order;
  for (size_t number = 1; number <= brokers_.size(); ++number) {
    order.insert(order.begin() + static_cast<ptrdiff_t>(dice.below(order.size() + 1)), number);
  }
  auto groups = voters_of_groups(true);
  std::set<size_t> core(order.begin(), order.end());
  for (size_t candidate : order) {
    std::set<size_t> rest = core;
    rest.erase(candidate);
    bool dispensable = std::all_of(groups.begin(), groups.end(), [&](const auto& group) {
      return group.second.have_majority([&](size_t number) { return rest.contains(number); });
    });
    if (dispensable) core = std::move(rest);
  }
  return core;
}

// For who replays it.
void SimCluster::explain(const Place& where) {
  if (!trace_) return;
  note(operator_->host() + " takes " +
       operator_->core().router().leader_of(where.topic, static_cast<uint32_t>(where.partition)) +
       " for the leader");
  auto described = admin().describe_topic(where.topic);
  if (!described.ok()) return note("describing failed: " + described.error().text);
  const auto& partition = described->partitions[static_cast<size_t>(where.partition)];
  note("leader: broker " + std::to_string(partition.leader.value_or(0)) + ", term " +
       std::to_string(partition.term));
  for (const auto& replica : partition.replicas) {
    note("replica on broker " + std::to_string(replica.broker) + ": match " +
         std::to_string(replica.match) + ", " + replica.state);
  }
}

// It is dead, or is not heard, or its disk does not answer any more.
void SimCluster::leave_out(SimBroker& one, const std::set<size_t>& core, Dice& dice) {
  if (dice.percent(60)) {
    note("without " + one.host());
    one.kill();
  } else if (dice.percent(50)) {
    note("nobody hears " + one.host());
    for (size_t member : core) network_.cut(one.host(), broker(member).host());
  } else {
    note(one.host() + " has no disk");
    one.stall_disk(kForEverMs);
  }
}

void SimCluster::go_on_with_a_core(Dice dice) {
  std::set<size_t> core = draw_core(dice);
  network_.heal_all();
  network_.weather() = {};
  for (size_t number = 1; number <= brokers_.size(); ++number) {
    SimBroker& one = broker(number);
    one.resume();
    one.disk().end_faults();
    if (!core.contains(number)) leave_out(one, core, dice);
  }
  run_ms(5'000);  // clean stops come to their end
  for (size_t number : core) {
    SimBroker& one = broker(number);
    if (!one.start()) return violated(one.host() + " did not start: " + one.ended()->text);
  }
  size_t before = history_.sent.size();
  for (const Place& where : places_to_read()) {
    operator_->produce(where, topics_.at(where.topic).partitions, kProbeBytes);
  }
  size_t behind = history_.sent.size();
  if (wait_for(kProgressMs, [&] { return operator_->open_sends() == 0; })) {
    note("goes on with " + std::to_string(core.size()) + " brokers");
  }
  for (size_t i = before; i < behind; ++i) {
    const Sent& sent = history_.sent[i];
    if (sent.client != 0 || sent.outcome == Sent::Outcome::kAcked) continue;
    explain(sent.where);
    violated("I24: \"" + sent.value + "\" to " + sent.where.topic + "/" +
             std::to_string(sent.where.partition) + " was not acknowledged within 30 s although " +
             std::to_string(core.size()) + " brokers hold a majority of every group");
  }
}

}  // namespace strandlog::sim
