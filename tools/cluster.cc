// cluster, broker, status, health: the cluster as a whole.
#include <chrono>
#include <thread>

#include "base/printable.h"
#include "tools/ask.h"
#include "tools/health.h"
#include "tools/interrupt.h"

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
                    printable(status.version) + "  boot " + std::to_string(status.boot_epoch) +
                    "\n  " + printable(status.state) + "\n";
  Table counters({"COUNTER", "VALUE"});
  for (const auto& [name, value] : status.counters) counters.add({name, std::to_string(value)});
  Table histograms({"HISTOGRAM", "COUNT", "P50", "P99", "P99.9", "MAX"});
  for (const auto& [name, h] : status.histograms) {
    histograms.add({name, std::to_string(h.count), std::to_string(h.p50), std::to_string(h.p99),
                    std::to_string(h.p999), std::to_string(h.max)});
  }
  return out + counters.text() + histograms.text();
}

/// The broker that was named, or the first of the servers that answers.
Result<client::BrokerStatus> status_of_one(const Invocation& invocation, client::Admin& admin) {
  const auto& named = invocation.positionals;
  Result<client::BrokerStatus> answer = Error{};
  for (const auto& address : named.empty() ? invocation.servers : named) {
    answer = lift(admin.broker_status(address));
    if (answer.ok() || exit_of(answer.error().code) != Exit::kUnreachable) break;
  }
  return answer;
}

void add(Report& report, const client::BrokerStatus& status) {
  report.document.push_back(json_of(status));
  report.table += status_table(status);
  report.names.push_back(std::to_string(status.broker));
}

/// Every broker of the cluster; kPartial when only some answer.
Result<Exit> status_of_all(const Invocation& invocation, client::Admin& admin) {
  const auto cluster = lift(admin.describe_cluster());
  if (!cluster.ok()) return explained(invocation, cluster.error());
  Report report{.document = Json::array()};
  Exit exit = Exit::kDone;
  for (const auto& broker : cluster->brokers) {
    const auto answer = lift(admin.broker_status(broker.address));
    if (answer.ok()) {
      add(report, *answer);
    } else {
      exit = Exit::kPartial;
      print_error(answer.error(), "broker " + std::to_string(broker.broker) + ": ");
    }
  }
  invocation.print(report);
  return exit;
}

Result<Exit> status(Invocation& invocation) {
  const bool all = invocation.values.flag("all");
  if (all && !invocation.positionals.empty())
    return Error{Code::kInvalidArgument, "status: --all and an ADDRESS exclude each other"};
  ASSIGN(auto client, invocation.connect());
  auto admin = client.admin();
  if (all) return status_of_all(invocation, admin);
  const auto answer = status_of_one(invocation, admin);
  if (!answer.ok()) return explained(invocation, answer.error());
  Report report{.document = Json::array()};
  add(report, *answer);
  report.document = Json(report.document[0]);
  invocation.print(report);
  return Exit::kDone;
}

Result<Health> measure(client::Admin& admin) {
  HealthFindings findings;
  ASSIGN(findings.cluster, lift(admin.describe_cluster()));
  const auto topics = lift(admin.list_topics());
  if (!topics.ok()) {
    findings.unlisted = topics.error().text;
    return judge(findings);
  }
  for (const auto& topic : *topics) {
    const auto described = lift(admin.describe_topic(topic.name));
    // Deleted since it was listed.
    if (!described.ok() && described.error().code == Code::kNotFound) continue;
    if (!described.ok()) return described.error();
    findings.partitions.add(*described);
  }
  for (const auto& broker : findings.cluster.brokers)
    if (broker.alive) findings.statuses.emplace(broker.broker, admin.broker_status(broker.address));
  return judge(findings);
}

/// A broker may not have heard yet of a leader elected just now: bad news is looked at again.
Result<Health> measure_with_care(client::Admin& admin) {
  constexpr int kLooks = 3;
  constexpr std::chrono::milliseconds kBetween{300};
  auto measured = measure(admin);
  for (int looks = 1; looks < kLooks && measured.ok() && !interrupted(); ++looks) {
    if (measured->exit != Exit::kUnavailable) break;
    std::this_thread::sleep_for(kBetween);
    measured = measure(admin);
  }
  return measured;
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
  auto measured = measure_with_care(admin);
  if (!measured.ok()) {
    if (exit_of(measured.error().code) != Exit::kUnreachable || !any_answers(invocation, admin))
      return explained(invocation, measured.error());
    measured = unavailable(measured.error().text);
  }
  std::string text = measured->state() + "\n";
  for (const auto& reason : measured->reasons) text += "  " + printable(reason) + "\n";
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
       .exits = asking({{Exit::kUnreachable, "a broker is absent"},
                        {Exit::kConflict, "a broker belongs to another cluster"}}),
       .handler = found},
      {.path = "broker list",
       .summary = "list the brokers of the cluster",
       .examples = {"strandlog broker list -o json"},
       .json = R"([{"broker","address","store","alive","leaders","replicas"},…])",
       .exits = asking({}),
       .handler = broker_list},
      {.path = "status",
       .summary = "show every counter and histogram of a broker",
       .options = {{.name = "all", .type = OptionType::kBool, .help = "of every broker"}},
       .positionals = {{.name = "ADDRESS",
                        .help = "the broker's HOST:PORT; else the first server that answers",
                        .required = false}},
       .examples = {"strandlog status 127.0.0.1:17400 -o json", "strandlog status --all"},
       .json = R"({"broker","address","store","cluster","version","state","founding",)"
               R"("boot_epoch","counters":{…},"histograms":{NAME:{"count","sum","p50","p99",)"
               R"("p999","max"}}}, with --all an array of these)",
       .exits = asking({{Exit::kPartial, "--all: some brokers do not answer"}}),
       .handler = status},
      {.path = "health",
       .summary = "say whether the cluster is healthy (0), degraded (11), unavailable (10) or "
                  "cannot be asked (4)",
       .examples = {"strandlog health || echo not well"},
       .json =
           R"({"state":"healthy|degraded|unavailable","cluster","brokers","brokers_alive",)"
           R"("disk_full":[broker,…],"partitions","leaderless","under_replicated","catalog_leader","reasons":[…]})",
       .exits = asking({{Exit::kDone, "healthy"},
                        {Exit::kUnreachable, "nobody can be asked"},
                        {Exit::kUnavailable, "unavailable: something has no leader"},
                        {Exit::kDegraded, "degraded: all is served, something is missing"}}),
       .handler = health},
  };
}

}  // namespace strandlog::tools
