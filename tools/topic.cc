// topic: create, list, describe and delete topics.
#include "tools/ask.h"

namespace strandlog::tools {
namespace {

Json json_of(const client::TopicDescription& topic) {
  Json partitions = Json::array();
  for (const auto& partition : topic.partitions) {
    Json replicas = Json::array();
    for (const auto& replica : partition.replicas) {
      replicas.push_back({{"broker", replica.broker},
                          {"uid", replica.uid},
                          {"state", replica.state},
                          {"match", replica.match}});
    }
    partitions.push_back({{"partition", partition.partition},
                          {"leader", partition.leader ? Json(*partition.leader) : Json()},
                          {"term", partition.term},
                          {"replicas", std::move(replicas)},
                          {"start", partition.start},
                          {"high_watermark", partition.high_watermark},
                          {"end", partition.end},
                          {"bytes", partition.bytes}});
  }
  return {{"topic", topic.name}, {"partitions", std::move(partitions)}};
}

/// "1(behind) 2* 3": the leader is starred, what is not in sync says so.
std::string replicas_text(const client::PartitionDescription& partition) {
  std::string out;
  for (const auto& replica : partition.replicas) {
    out += (out.empty() ? "" : " ") + std::to_string(replica.broker);
    if (partition.leader == replica.broker) {
      out += "*";
    } else if (replica.state != "in_sync") {
      out += "(" + replica.state + ")";
    }
  }
  return out;
}

Report report_of(const client::TopicDescription& topic) {
  Report report{.document = json_of(topic)};
  report.names = {topic.name};
  Table table({"PARTITION", "LEADER", "TERM", "START", "COMMITTED", "END", "REPLICAS", "SIZE"});
  for (const auto& partition : topic.partitions) {
    table.add({std::to_string(partition.partition),
               partition.leader ? std::to_string(*partition.leader) : "none",
               std::to_string(partition.term), std::to_string(partition.start),
               std::to_string(partition.high_watermark), std::to_string(partition.end),
               replicas_text(partition), human_bytes(partition.bytes)});
  }
  report.table = "TOPIC " + topic.name + "\n";
  for (const auto& [key, value] : topic.settings) report.table += "  " + key + " = " + value + "\n";
  report.table += table.text();
  return report;
}

Result<client::TopicSpec> spec_of(const Invocation& invocation) {
  client::TopicSpec spec;
  spec.name = invocation.positionals[0];
  spec.partitions = static_cast<uint32_t>(invocation.values.integer("partitions"));
  if (invocation.values.has("replicas"))
    spec.replication = static_cast<uint32_t>(invocation.values.integer("replicas"));
  for (const auto& setting : invocation.values.list("config")) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error{Code::kInvalidArgument, "--config is \"" + setting + "\", wanted KEY=VALUE"};
    spec.settings[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  return spec;
}

Result<Exit> create(Invocation& invocation) {
  ASSIGN(const auto spec, spec_of(invocation));
  ASSIGN(auto client, invocation.connect());
  auto topic = lift(client.admin().create_topic(spec));
  if (!topic.ok()) return explained(invocation, topic.error());
  auto report = report_of(*topic);
  report.table = "created " + topic->name;
  for (const auto& partition : topic->partitions)
    report.table += "  p" + std::to_string(partition.partition) + " " + replicas_text(partition);
  report.table += "\n";
  invocation.print(report);
  return Exit::kDone;
}

Result<Exit> list(Invocation& invocation) {
  ASSIGN(auto client, invocation.connect());
  auto topics = lift(client.admin().list_topics());
  if (!topics.ok()) return explained(invocation, topics.error());
  Report report{.document = Json::array()};
  Table table({"TOPIC", "PARTITIONS", "REPLICAS", "LEADERLESS"});
  for (const auto& topic : *topics) {
    report.document.push_back({{"topic", topic.name},
                               {"id", topic.id},
                               {"partitions", topic.partitions},
                               {"replicas", topic.replication},
                               {"leaderless", topic.leaderless}});
    report.names.push_back(topic.name);
    table.add({topic.name, std::to_string(topic.partitions), std::to_string(topic.replication),
               std::to_string(topic.leaderless)});
  }
  report.table = table.text();
  invocation.print(report);
  return Exit::kDone;
}

Result<Exit> describe(Invocation& invocation) {
  ASSIGN(auto client, invocation.connect());
  auto admin = client.admin();
  const std::string& name = invocation.positionals[0];
  auto topic = lift(admin.describe_topic(name));
  if (!topic.ok() && topic.error().code == Code::kNotFound)
    TRY(find_topic(invocation, admin, name));
  if (!topic.ok()) return explained(invocation, topic.error());
  invocation.print(report_of(*topic));
  return Exit::kDone;
}

Result<Exit> remove(Invocation& invocation) {
  ASSIGN(auto client, invocation.connect());
  auto admin = client.admin();
  const std::string& name = invocation.positionals[0];
  const auto deleted = lift(admin.delete_topic(name));
  if (!deleted.ok() && deleted.error().code == Code::kNotFound)
    TRY(find_topic(invocation, admin, name));
  if (!deleted.ok()) return explained(invocation, deleted.error());
  invocation.print(
      {.document = {{"deleted", name}}, .table = "deleted " + name + "\n", .names = {name}});
  return Exit::kDone;
}

}  // namespace

std::vector<Command> topic_commands() {
  const Positional name{.name = "TOPIC", .help = "letters, digits, '.', '_' and '-'"};
  const std::string described =
      R"({"topic":…,"partitions":[{"partition","leader"|null,"term","replicas":[{"broker","uid",)"
      R"("state":"in_sync|behind|lost|faulty|offline","match"}],"start","high_watermark","end",)"
      R"("bytes"}]})";
  return {
      {.path = "topic create",
       .summary = "create a topic and wait until every partition has a leader",
       .options = {{.name = "partitions",
                    .flag = 'p',
                    .type = OptionType::kInteger,
                    .fallback = "1",
                    .min = 1,
                    .max = 100000,
                    .help = "how many partitions"},
                   {.name = "replicas",
                    .flag = 'r',
                    .type = OptionType::kInteger,
                    .min = 1,
                    .max = 15,
                    .help = "replicas of each partition (default: 3, or all brokers if fewer)"},
                   {.name = "config",
                    .type = OptionType::kRepeated,
                    .unit = "KEY=VALUE",
                    .help = "a setting of the topic; may be repeated"}},
       .positionals = {name},
       .examples = {"strandlog topic create orders -p 6 -r 3"},
       .json = described,
       .exits = asking({{Exit::kConflict, "the topic exists already"}}),
       .handler = create},
      {.path = "topic list",
       .summary = "list the topics",
       .examples = {"strandlog topic list", "strandlog topic list -o names"},
       .json = R"([{"topic","id","partitions","replicas","leaderless"},…])",
       .exits = asking({}),
       .handler = list},
      {.path = "topic describe",
       .summary = "show leader, replicas and offsets of every partition",
       .positionals = {name},
       .examples = {"strandlog topic describe orders -o json"},
       .json = described,
       .exits = asking({{Exit::kNotFound, "no such topic"}}),
       .handler = describe},
      {.path = "topic delete",
       .summary = "delete a topic with all its records",
       .positionals = {name},
       .examples = {"strandlog topic delete orders"},
       .json = R"({"deleted":"orders"})",
       .exits = asking({{Exit::kNotFound, "no such topic"}}),
       .handler = remove},
  };
}

}  // namespace strandlog::tools
