// cluster, broker, status, health: the cluster as a whole.
#include "tools/ask.h"

namespace strandlog::tools {
namespace {

Json json_of(const client::ClusterDescription& cluster) {
  Json brokers = Json::array();
  for (const auto& broker : cluster.brokers) {
    brokers.push_back({{"broker", broker.broker},
                       {"address", broker.address},
                       {"store", broker.store},
                       {"alive", broker.alive},
                       {"leaders", broker.leaders},
                       {"replicas", broker.replicas}});
  }
  return {{"cluster", cluster.cluster},
          {"catalog_leader", cluster.catalog_leader == 0 ? Json() : Json(cluster.catalog_leader)},
          {"brokers", std::move(brokers)}};
}

std::string brokers_table(const client::ClusterDescription& cluster) {
  Table table({"BROKER", "ADDRESS", "STATE", "LEADERS", "REPLICAS"});
  for (const auto& broker : cluster.brokers) {
    table.add({std::to_string(broker.broker), broker.address, broker.alive ? "alive" : "silent",
               std::to_string(broker.leaders), std::to_string(broker.replicas)});
  }
  return table.text();
}

Result<Exit> found(Invocation& invocation) {
  if (invocation.values.origin("server") != Origin::kFlag) {
    return Error{Code::kInvalidArgument,
                 "name every founding broker: strandlog cluster found -s HOST:PORT,HOST:PORT,…"};
  }
  ASSIGN(auto client, invocation.connect());
  const auto cluster = lift(client.admin().found(invocation.servers));
  if (!cluster.ok()) return explained(invocation, cluster.error());
  invocation.print({.document = json_of(*cluster),
                    .table = "founded cluster " + cluster->cluster + " on " +
                             std::to_string(cluster->brokers.size()) + " brokers\n",
                    .names = {cluster->cluster}});
  return Exit::kDone;
}

Result<Exit> broker_list(Invocation& invocation) {
  ASSIGN(auto client, invocation.connect());
  const auto cluster = lift(client.admin().describe_cluster());
  if (!cluster.ok()) return explained(invocation, cluster.error());
  const Json document = json_of(*cluster);
  Report report{.document = document["brokers"], .table = brokers_table(*cluster)};
  for (const auto& broker : cluster->brokers) report.names.push_back(std::to_string(broker.broker));
  invocation.print(report);
  return Exit::kDone;
}

Json json_of(const client::BrokerStatus& status) {
  Json histograms = Json::object();
  for (const auto& [name, h] : status.histograms) {
    histograms[name] = {{"count", h.count}, {"sum", h.sum},   {"p50", h.p50},
                        {"p99", h.p99},     {"p999", h.p999}, {"max", h.max}};
  }
  Json counters = Json::object();
  for (const auto& [name, value] : status.counters) counters[name] = value;
  return {{"broker", status.broker},         {"address", status.address},
          {"store", status.store},           {"cluster", status.cluster},
          {"version", status.version},       {"state", status.state},
          {"founding", status.founding},     {"boot_epoch", status.boot_epoch},
          {"counters", std::move(counters)}, {"histograms", std::move(histograms)}};
}

std::string status_table(const client::BrokerStatus& status) {
  std::string out = "BROKER " + std::to_string(status.broker) + "  " + status.address + "  v" +
                    status.version + "  boot " + std::to_string(status.boot_epoch) + "\n  " +
                    status.state + "\n";
  Table counters({"COUNTER", "VALUE"});
  for (const auto& [name, value] : status.counters) counters.add({name, std::to_string(value)});
  Table histograms({"HISTOGRAM", "COUNT", "P50", "P99", "P99.9", "MAX"});
  for (const auto& [name, h] : status.histograms) {
    histograms.add({name, std::to_string(h.count), std::to_string(h.p50), std::to_string(h.p99),
                    std::to_string(h.p999), std::to_string(h.max)});
  }
  return out + counters.text() + histograms.text();
}

/// One object for one broker; with --all an array over the cluster's brokers.
Result<Exit> status(Invocation& invocation) {
  ASSIGN(auto client, invocation.connect());
  auto admin = client.admin();
  const bool all = invocation.values.flag("all");
  std::vector<std::string> addresses = {invocation.positionals.empty() ? invocation.servers[0]
                                                                       : invocation.positionals[0]};
  if (all) {
    const auto cluster = lift(admin.describe_cluster());
    if (!cluster.ok()) return explained(invocation, cluster.error());
    addresses.clear();
    for (const auto& broker : cluster->brokers) addresses.push_back(broker.address);
  }
  Report report{.document = Json::array()};
  Result<Exit> result = Exit::kDone;
  for (const auto& address : addresses) {
    const auto answer = lift(admin.broker_status(address));
    if (!answer.ok()) {
      result = explained(invocation, answer.error());
      continue;
    }
    report.document.push_back(json_of(*answer));
    report.table += status_table(*answer);
    report.names.push_back(std::to_string(answer->broker));
  }
  if (!all && !result.ok()) return result;
  if (!all) report.document = Json(report.document[0]);
  invocation.print(report);
  return result;
}

/// What `health` found. The worst of it decides.
struct Health {
  Exit exit = Exit::kDone;
  Json document;
  std::vector<std::string> reasons;

  void worsen(Exit to, std::string reason) {
    if (exit != Exit::kUnavailable) exit = to;
    reasons.push_back(std::move(reason));
  }
  std::string state() const {
    return exit == Exit::kDone ? "healthy" : exit == Exit::kDegraded ? "degraded" : "unavailable";
  }
};

struct PartitionCounts {
  uint64_t total = 0;
  uint64_t leaderless = 0;
  uint64_t under_replicated = 0;
};

Result<PartitionCounts> count_partitions(client::Admin& admin) {
  PartitionCounts counts;
  ASSIGN(const auto topics, lift(admin.list_topics()));
  for (const auto& topic : topics) {
    const auto described = lift(admin.describe_topic(topic.name));
    // Deleted since it was listed.
    if (!described.ok() && described.error().code == Code::kNotFound) continue;
    if (!described.ok()) return described.error();
    for (const auto& partition : described->partitions) {
      ++counts.total;
      if (!partition.leader) ++counts.leaderless;
      bool whole = true;
      for (const auto& replica : partition.replicas)
        whole = whole && (replica.state == "in_sync" || replica.state == "behind");
      if (!whole) ++counts.under_replicated;
    }
  }
  return counts;
}

Result<Health> measure(client::Admin& admin) {
  Health health;
  ASSIGN(const auto cluster, lift(admin.describe_cluster()));
  ASSIGN(const auto counts, count_partitions(admin));
  uint64_t alive = 0;
  for (const auto& broker : cluster.brokers) {
    alive += broker.alive ? 1 : 0;
    if (!broker.alive)
      health.worsen(Exit::kDegraded, "broker " + std::to_string(broker.broker) + " at " +
                                         broker.address + " is silent");
  }
  if (counts.under_replicated > 0)
    health.worsen(Exit::kDegraded, std::to_string(counts.under_replicated) + " of " +
                                       std::to_string(counts.total) + " partitions lack a replica");
  if (counts.leaderless > 0)
    health.worsen(Exit::kUnavailable, std::to_string(counts.leaderless) + " of " +
                                          std::to_string(counts.total) +
                                          " partitions have no leader");
  if (cluster.catalog_leader == 0)
    health.worsen(Exit::kUnavailable, "the catalog has no leader: topics cannot be changed");
  health.document = {{"state", health.state()},
                     {"cluster", cluster.cluster},
                     {"brokers", cluster.brokers.size()},
                     {"brokers_alive", alive},
                     {"partitions", counts.total},
                     {"leaderless", counts.leaderless},
                     {"under_replicated", counts.under_replicated},
                     {"catalog_leader", cluster.catalog_leader},
                     {"reasons", health.reasons}};
  return health;
}

/// True when some broker answers for itself: then what failed is the cluster, not the asking.
bool any_answers(const Invocation& invocation, client::Admin& admin) {
  for (const auto& server : invocation.servers)
    if (admin.broker_status(server).ok()) return true;
  return false;
}

Result<Exit> health(Invocation& invocation) {
  ASSIGN(auto client, invocation.connect());
  auto admin = client.admin();
  auto measured = measure(admin);
  if (!measured.ok()) {
    if (exit_of(measured.error().code) != Exit::kUnreachable || !any_answers(invocation, admin))
      return explained(invocation, measured.error());
    Health down;
    down.worsen(Exit::kUnavailable, measured.error().text);
    down.document = {{"state", down.state()}, {"reasons", down.reasons}};
    measured = down;
  }
  std::string text = measured->state() + "\n";
  for (const auto& reason : measured->reasons) text += "  " + reason + "\n";
  invocation.print({.document = measured->document, .table = text, .names = {measured->state()}});
  return measured->exit;
}

}  // namespace

std::vector<Command> cluster_commands() {
  return {
      {.path = "cluster found",
       .summary = "make one cluster of exactly the blank brokers named by -s",
       .examples = {"strandlog cluster found -s 10.0.0.1:7400,10.0.0.2:7400,10.0.0.3:7400"},
       .json = R"({"cluster","catalog_leader","brokers":[{"broker","address","store","alive",)"
               R"("leaders","replicas"}]})",
       .handler = found},
      {.path = "broker list",
       .summary = "list the brokers of the cluster",
       .examples = {"strandlog broker list -o json"},
       .json = R"([{"broker","address","store","alive","leaders","replicas"},…])",
       .handler = broker_list},
      {.path = "status",
       .summary = "show every counter and histogram of a broker",
       .options = {{.name = "all", .type = OptionType::kBool, .help = "of every broker"}},
       .positionals = {{.name = "ADDRESS",
                        .help = "the broker's HOST:PORT; else the first server",
                        .required = false}},
       .examples = {"strandlog status 127.0.0.1:17400 -o json", "strandlog status --all"},
       .json = R"({"broker","address","store","cluster","version","state","founding",)"
               R"("boot_epoch","counters":{…},"histograms":{NAME:{"count","sum","p50","p99",)"
               R"("p999","max"}}}, with --all an array of these)",
       .handler = status},
      {.path = "health",
       .summary = "say whether the cluster is healthy (0), degraded (11), unavailable (10) or "
                  "cannot be asked (4)",
       .examples = {"strandlog health || echo not well"},
       .json = R"({"state":"healthy|degraded|unavailable","cluster","brokers","brokers_alive",)"
               R"("partitions","leaderless","under_replicated","catalog_leader","reasons":[…]})",
       .handler = health},
  };
}

}  // namespace strandlog::tools
