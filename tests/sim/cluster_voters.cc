// Redundancy: which disks a simulated cluster can lose, and that what was lost comes back.
#include <algorithm>

#include "tests/sim/cluster.h"

namespace strandlog::sim {
namespace {

constexpr int64_t kWholeAgainMs = 60'000;
constexpr int64_t kLookEveryMs = 1'000;
constexpr const char* kCatalogTopic = "__catalog";

}  // namespace

void SimCluster::look_at_disks(const Replicas& look) {
  for (size_t number = 1; number <= brokers_.size(); ++number) {
    store::FakeDisk image = broker(number).disk();
    image.end_process(0);
    auto seen = store::inspect(image, broker(number).store_id(), [](const auto&) {});
    if (!seen.ok()) {
      violated(broker(number).host() + " cannot be inspected: " + seen.error().text);
      continue;
    }
    for (const auto& replica : seen->replicas) look(number, replica);
  }
}

bool SimCluster::is_watched(const store::InspectedReplica& replica) const {
  return replica.spec.topic_name == kCatalogTopic || is_watched(replica.spec, replica.life);
}

std::map<GroupId, SimCluster::Holders> SimCluster::holders_of_groups() {
  std::map<GroupId, Holders> out;
  look_at_disks([&](size_t number, const store::InspectedReplica& replica) {
    if (is_watched(replica)) out[replica.spec.group][number] = replica.spec.uid;
  });
  return out;
}

std::map<GroupId, Voters> SimCluster::voters_of_groups(bool watched) {
  std::map<GroupId, Voters> out;
  look_at_disks([&](size_t number, const store::InspectedReplica& replica) {
    bool counts = watched ? is_watched(replica) : replica.life != store::Life::kDead;
    if (counts) out[replica.spec.group].saw(number, replica);
  });
  return out;
}

bool SimCluster::can_spare(const SimBroker& broker) {
  auto is_it = [&](const auto& one) { return one.get() == &broker; };
  auto place = std::find_if(brokers_.begin(), brokers_.end(), is_it) - brokers_.begin();
  size_t number = static_cast<size_t>(place) + 1;
  auto groups = voters_of_groups(false);
  return std::all_of(groups.begin(), groups.end(), [&](const auto& group) {
    const Voters& voters = group.second;
    return !voters.are_on(number) ||
           voters.have_majority([&](size_t other) { return other != number; });
  });
}

void SimCluster::expect_redundancy() {
  auto not_whole = [this] {
    std::string out;
    for (const auto& [group, voters] : voters_of_groups(true)) {
      if (!voters.are_whole()) out += (out.empty() ? "" : ";") + voters.text();
    }
    return out;
  };
  for (int64_t ms = 0; !not_whole().empty(); ms += kLookEveryMs, run_ms(kLookEveryMs)) {
    if (ms < kWholeAgainMs) continue;
    return violated("I24: not all voters are back 60 s after all was healed:" + not_whole());
  }
}

}  // namespace strandlog::sim
