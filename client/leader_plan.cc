// Leader plan: which broker to ask about which partitions, from fresh metadata.
#include "client/leader_plan.h"

#include <algorithm>

#include "client/error.h"

namespace strandlog::client {

Result<LeaderPlan> plan_by_leader(Port& port, const std::set<TopicPartition>& partitions,
                                  int64_t timeout_ms) {
  wire::MetadataRequest request;
  std::set<std::string> names;
  for (const TopicPartition& where : partitions) names.insert(where.topic);
  request.topics.assign(names.begin(), names.end());
  request.complete = true;
  auto metadata = body_of<wire::MetadataAnswer>(
      port.ask_any(std::move(request), std::max<int64_t>(timeout_ms, 1), 0));
  if (!metadata.ok()) return metadata.error();
  std::map<BrokerId, std::string> addresses;
  for (const auto& broker : metadata->brokers) {
    addresses[broker.address.broker] = broker.address.client_address;
  }
  LeaderPlan plan;
  for (const TopicPartition& where : partitions) {
    auto topic = std::find_if(metadata->topics.begin(), metadata->topics.end(),
                              [&](const auto& one) { return one.name == where.topic; });
    if (topic == metadata->topics.end() || topic->error) {
      return no_topic(where.topic);
    }
    auto number = static_cast<size_t>(where.partition);
    if (where.partition < 0 || number >= topic->partitions.size()) {
      return no_partition(where.topic, topic->partitions.size(), where.partition);
    }
    const auto& partition = topic->partitions[number];
    auto leader = addresses.find(partition.leader);
    if (leader == addresses.end()) {
      plan.leaderless =
          public_error(strandlog::Code::kNoLeader,
                       where.topic + "/" + std::to_string(where.partition) + " has no leader now");
      continue;
    }
    plan.by_address[leader->second][{topic->id, static_cast<uint32_t>(number)}] = {where,
                                                                                   partition.group};
  }
  return plan;
}

bool may_pass_elsewhere(strandlog::Code code) {
  return is_retriable(code) || code == strandlog::Code::kNotFound ||
         code == strandlog::Code::kFaulty;
}

}  // namespace strandlog::client
