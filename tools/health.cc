// Health: from what a cluster says about itself to a verdict with reasons.
#include "tools/health.h"

namespace strandlog::tools {
namespace {

/// Less than a broker keeps free for itself unless told otherwise: it takes no records any more, or
/// soon will not.
constexpr uint64_t kLittleSpace = 64u << 20;

void worsen(Health& health, Exit to, std::string reason) {
  if (health.exit != Exit::kUnavailable) health.exit = to;
  health.reasons.push_back(std::move(reason));
}

std::string text_of(const client::BrokerDescription& broker) {
  return "broker " + std::to_string(broker.broker) + " at " + broker.address;
}

uint64_t counter(const client::BrokerStatus& status, const std::string& name, uint64_t otherwise) {
  const auto found = status.counters.find(name);
  return found == status.counters.end() ? otherwise : found->second;
}

bool judge_disk(Health& health, const std::string& who, const client::BrokerStatus& status) {
  const uint64_t free = counter(status, "disk_free_bytes", UINT64_MAX);
  const std::string left = free == UINT64_MAX ? "" : " (" + human_bytes(free) + " free)";
  if (counter(status, "disk_full", 0) > 0) {
    worsen(health, Exit::kDegraded, who + " refuses writes: its disk is full" + left);
    return true;
  }
  if (free < kLittleSpace)
    worsen(health, Exit::kDegraded, who + " has hardly any disk space left" + left);
  return free < kLittleSpace;
}

/// Adds what one living broker says; true when its disk is full.
bool judge_broker(Health& health, const client::BrokerDescription& broker,
                  const client::Result<client::BrokerStatus>& status) {
  const std::string who = text_of(broker);
  if (!status.ok()) {
    worsen(health, Exit::kDegraded, who + " does not answer: " + status.error().text);
    return false;
  }
  if (const uint64_t faulty = counter(*status, "replicas_faulty", 0); faulty > 0)
    worsen(health, Exit::kDegraded,
           who + " has " + std::to_string(faulty) + " replicas out of service: damaged data");
  return judge_disk(health, who, *status);
}

void judge_partitions(Health& health, const PartitionCounts& counts) {
  const std::string of = " of " + std::to_string(counts.total) + " partitions ";
  if (counts.under_replicated > 0)
    worsen(health, Exit::kDegraded,
           std::to_string(counts.under_replicated) + of + "lack a replica");
  if (counts.leaderless > 0)
    worsen(health, Exit::kUnavailable, std::to_string(counts.leaderless) + of + "have no leader");
}

}  // namespace

void PartitionCounts::add(const client::TopicDescription& topic) {
  for (const auto& partition : topic.partitions) {
    ++total;
    if (!partition.leader) ++leaderless;
    bool whole = true;
    for (const auto& replica : partition.replicas)
      whole = whole && (replica.state == "in_sync" || replica.state == "behind");
    if (!whole) ++under_replicated;
  }
}

std::string Health::state() const {
  return exit == Exit::kDone ? "healthy" : exit == Exit::kDegraded ? "degraded" : "unavailable";
}

Health judge(const HealthFindings& findings) {
  Health health;
  uint64_t alive = 0;
  Json full = Json::array();
  for (const auto& broker : findings.cluster.brokers) {
    alive += broker.alive ? 1 : 0;
    if (!broker.alive) worsen(health, Exit::kDegraded, text_of(broker) + " is silent");
    const auto status = findings.statuses.find(broker.broker);
    if (!broker.alive || status == findings.statuses.end()) continue;
    if (judge_broker(health, broker, status->second)) full.push_back(broker.broker);
  }
  judge_partitions(health, findings.partitions);
  if (!findings.unlisted.empty())
    worsen(health, Exit::kUnavailable, "the topics cannot be looked at: " + findings.unlisted);
  if (findings.cluster.catalog_leader == 0)
    worsen(health, Exit::kUnavailable, "the catalog has no leader: topics cannot be changed");
  health.document = {{"state", health.state()},
                     {"cluster", findings.cluster.cluster},
                     {"brokers", findings.cluster.brokers.size()},
                     {"brokers_alive", alive},
                     {"disk_full", std::move(full)},
                     {"partitions", findings.partitions.total},
                     {"leaderless", findings.partitions.leaderless},
                     {"under_replicated", findings.partitions.under_replicated},
                     {"catalog_leader", findings.cluster.catalog_leader},
                     {"reasons", health.reasons}};
  return health;
}

Health unavailable(const std::string& reason) {
  Health health;
  worsen(health, Exit::kUnavailable, reason);
  health.document = {{"state", health.state()}, {"reasons", health.reasons}};
  return health;
}

}  // namespace strandlog::tools
