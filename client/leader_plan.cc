// Leader plan: which broker to ask about which partitions, from fresh metadata.
#include "client/leader_plan.h"

#include <algorithm>

#include "client/error.h"

namespace strandlog::client {
namespace {

struct Metadata {
  std::map<std::string, wire::MetadataAnswer::Topic> topics;
  std::map<BrokerId, std::string> addresses;
};

std::optional<Error> ask_for(Port& port, std::vector<std::string> names, int64_t timeout_ms,
                             Metadata& out) {
  wire::MetadataRequest request;
  request.topics = std::move(names);
  request.complete = true;
  auto answer = body_of<wire::MetadataAnswer>(
      port.ask_any(std::move(request), std::max<int64_t>(timeout_ms, 1), 0));
  if (!answer.ok()) return answer.error();
  for (auto& broker : answer->brokers) {
    out.addresses[broker.address.broker] = std::move(broker.address.client_address);
  }
  for (auto& topic : answer->topics) {
    std::string name = topic.name;
    out.topics[std::move(name)] = std::move(topic);
  }
  return std::nullopt;
}

// In turns of as many names as a request may have.
Result<Metadata> metadata_of(Port& port, const std::set<TopicPartition>& partitions,
                             int64_t timeout_ms) {
  const Time deadline = port.now().plus_ms(timeout_ms);
  std::set<std::string> names;
  for (const TopicPartition& where : partitions) names.insert(where.topic);
  Metadata out;
  for (auto next = names.begin(); next != names.end();) {
    std::vector<std::string> turn;
    while (next != names.end() && turn.size() < wire::kMaxTopicsAsked) turn.push_back(*next++);
    auto failed = ask_for(port, std::move(turn), (deadline.us - port.now().us) / 1000, out);
    if (failed) return *failed;
  }
  return out;
}

}  // namespace

Result<LeaderPlan> plan_by_leader(Port& port, const std::set<TopicPartition>& partitions,
                                  int64_t timeout_ms) {
  auto metadata = metadata_of(port, partitions, timeout_ms);
  if (!metadata.ok()) return metadata.error();
  LeaderPlan plan;
  for (const TopicPartition& where : partitions) {
    auto topic = metadata->topics.find(where.topic);
    if (topic == metadata->topics.end() || topic->second.error) return no_topic(where.topic);
    const auto& known = topic->second.partitions;
    auto number = static_cast<size_t>(where.partition);
    if (where.partition < 0 || number >= known.size()) {
      return no_partition(where.topic, known.size(), where.partition);
    }
    const auto& partition = known[number];
    auto leader = metadata->addresses.find(partition.leader);
    if (leader == metadata->addresses.end()) {
      plan.leaderless =
          public_error(strandlog::Code::kNoLeader,
                       where.topic + "/" + std::to_string(where.partition) + " has no leader now");
      continue;
    }
    wire::TopicPartition wire_where{topic->second.id, static_cast<uint32_t>(number)};
    plan.by_address[leader->second][wire_where] = {where, partition.group};
  }
  return plan;
}

bool may_pass_elsewhere(strandlog::Code code) {
  return is_retriable(code) || code == strandlog::Code::kNotFound ||
         code == strandlog::Code::kFaulty;
}

}  // namespace strandlog::client
