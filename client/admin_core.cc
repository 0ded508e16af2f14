// AdminCore: topics and cluster.
#include "client/admin_core.h"

#include <algorithm>
#include <set>

#include "client/error.h"

namespace strandlog::client {
namespace {

constexpr int64_t kPollMs = 50;
constexpr int kDescribeRounds = 3;
// Replicas are made, elected and announced after the catalog has answered.
constexpr int64_t kCreationTimeouts = 4;

std::string condition_name(wire::ReplicaCondition condition) {
  switch (condition) {
    case wire::ReplicaCondition::kInSync:
      return "in_sync";
    case wire::ReplicaCondition::kBehind:
      return "behind";
    case wire::ReplicaCondition::kLost:
      return "lost";
    case wire::ReplicaCondition::kFaulty:
      return "faulty";
    case wire::ReplicaCondition::kOffline:
      return "offline";
  }
  return "offline";
}

wire::MetadataRequest about_topic(const std::string& name) {
  wire::MetadataRequest request;
  request.topics = {name};
  request.complete = true;
  return request;
}

wire::MetadataRequest about_all() {
  wire::MetadataRequest request;
  request.all = request.complete = true;
  return request;
}

TopicSummary summary_of(const wire::MetadataAnswer::Topic& topic) {
  TopicSummary out;
  out.name = topic.name;
  out.id = topic.id.text();
  out.partitions = static_cast<uint32_t>(topic.partitions.size());
  for (const auto& partition : topic.partitions) {
    out.replication = std::max(out.replication, static_cast<uint32_t>(partition.replicas.size()));
    if (partition.leader == BrokerId{}) ++out.leaderless;
  }
  return out;
}

int32_t number_of(BrokerId broker) { return static_cast<int32_t>(broker.value); }

std::set<BrokerId> alive_brokers(const wire::MetadataAnswer& metadata) {
  std::set<BrokerId> alive;
  for (const auto& broker : metadata.brokers) {
    if (broker.alive) alive.insert(broker.address.broker);
  }
  return alive;
}

// What metadata alone tells; the leaders add the rest.
TopicDescription outline(const wire::MetadataAnswer::Topic& topic) {
  TopicDescription out{topic.name, topic.id.text(), topic.settings, {}};
  for (const auto& partition : topic.partitions) {
    PartitionDescription& shown = out.partitions.emplace_back();
    shown.partition = static_cast<int32_t>(partition.partition);
    shown.term = partition.term.value;
    for (const auto& replica : partition.replicas) {
      shown.replicas.push_back(
          {number_of(replica.broker), replica.uid.value, replica.lost ? "lost" : "offline", 0});
    }
  }
  return out;
}

std::string state_of(const wire::DescribePartitionsAnswer::Replica& told,
                     const ReplicaDescription& shown, const std::set<BrokerId>& alive, bool leads) {
  if (shown.state == "lost") return shown.state;
  if (!leads && !alive.contains(told.broker)) return "offline";
  return condition_name(told.condition);
}

void fill(const wire::DescribePartitionsAnswer::Item& item, BrokerId leader,
          const std::set<BrokerId>& alive, PartitionDescription& out) {
  out.leader = number_of(leader);
  out.term = item.term.value;
  out.start = static_cast<int64_t>(item.start.value);
  out.high_watermark = static_cast<int64_t>(item.high_watermark.value);
  out.end = static_cast<int64_t>(item.end.value);
  out.bytes = item.bytes;
  for (ReplicaDescription& shown : out.replicas) {
    for (const auto& told : item.replicas) {
      if (told.uid.value != shown.uid) continue;
      shown.state = state_of(told, shown, alive, told.broker == leader);
      shown.match = told.match.value;
    }
  }
}

}  // namespace

ClusterDescription cluster_of(const wire::MetadataAnswer& metadata) {
  ClusterDescription out;
  out.cluster = metadata.cluster.text();
  out.catalog_leader = number_of(metadata.catalog_leader);
  for (const auto& broker : metadata.brokers) {
    BrokerDescription& shown = out.brokers.emplace_back();
    shown.broker = number_of(broker.address.broker);
    shown.address = broker.address.client_address;
    shown.store = broker.address.store.text();
    shown.alive = broker.alive;
    for (const auto& topic : metadata.topics) {
      for (const auto& partition : topic.partitions) {
        if (partition.leader == broker.address.broker) ++shown.leaders;
        for (const auto& replica : partition.replicas) {
          if (replica.broker == broker.address.broker && !replica.lost) ++shown.replicas;
        }
      }
    }
  }
  return out;
}

Result<wire::MetadataAnswer> AdminCore::metadata(wire::MetadataRequest request) {
  return body_of<wire::MetadataAnswer>(port_.ask_any(std::move(request), timeouts_.request_ms, 0));
}

namespace {

bool is_as_asked(const wire::MetadataAnswer::Topic& topic, const TopicSpec& spec) {
  return topic.partitions.size() == spec.partitions && !topic.partitions.empty() &&
         (spec.replication == 0 || topic.partitions[0].replicas.size() == spec.replication);
}

}  // namespace

Result<TopicDescription> AdminCore::create_topic(const TopicSpec& spec) {
  wire::CreateTopicRequest request{spec.name, spec.partitions, spec.replication, spec.settings};
  AnyReply reply = port_.ask_any(std::move(request), timeouts_.request_ms, timeouts_.request_ms);
  // After an attempt without an answer, "exists already" may be that attempt's own work.
  bool own = reply.failure && reply.failure->code == Code::kConflict && reply.repeated;
  if (!own) {
    auto created = body_of<wire::CreateTopicAnswer>(std::move(reply));
    if (!created.ok()) return created.error();
    port_.require_catalog(created->catalog_index);
  }
  auto topic = await_leaders(spec.name);
  if (!topic.ok()) return topic.error();
  if (own && !is_as_asked(*topic, spec)) {
    return public_error(strandlog::Code::kConflict, "topic \"" + spec.name + "\" exists already");
  }
  return describe_topic(spec.name);
}

Result<wire::MetadataAnswer::Topic> AdminCore::await_leaders(const std::string& name) {
  Time deadline = port_.now().plus_ms(timeouts_.request_ms * kCreationTimeouts);
  while (true) {
    auto answer = metadata(about_topic(name));
    if (!answer.ok()) return answer.error();
    size_t ready = 0;
    size_t all = 1;
    if (!answer->topics.empty() && !answer->topics.front().error) {
      const auto& partitions = answer->topics.front().partitions;
      all = partitions.size();
      ready = static_cast<size_t>(
          std::count_if(partitions.begin(), partitions.end(), [](const auto& partition) {
            return partition.created && partition.leader != BrokerId{};
          }));
      if (ready == all) return answer->topics.front();
    }
    if (port_.now() >= deadline) {
      return public_error(strandlog::Code::kTimeout,
                          "topic \"" + name + "\" was created, but only " + std::to_string(ready) +
                              " of " + std::to_string(all) + " partitions have a leader so far",
                          Written::kYes);
    }
    port_.pause(kPollMs);
  }
}

Result<void> AdminCore::delete_topic(const std::string& name) {
  AnyReply reply =
      port_.ask_any(wire::DeleteTopicRequest{name}, timeouts_.request_ms, timeouts_.request_ms);
  if (reply.failure && reply.failure->code == Code::kNotFound && reply.repeated) return {};
  auto deleted = body_of<wire::DeleteTopicAnswer>(std::move(reply));
  if (!deleted.ok()) return deleted.error();
  port_.require_catalog(deleted->catalog_index);
  return {};
}

Result<std::vector<TopicSummary>> AdminCore::list_topics() {
  auto answer = metadata(about_all());
  if (!answer.ok()) return answer.error();
  std::vector<TopicSummary> out;
  for (const auto& topic : answer->topics) out.push_back(summary_of(topic));
  std::sort(out.begin(), out.end(),
            [](const TopicSummary& a, const TopicSummary& b) { return a.name < b.name; });
  return out;
}

Result<TopicSummary> AdminCore::find_topic(const std::string& name) {
  auto answer = metadata(about_topic(name));
  if (!answer.ok()) return answer.error();
  if (answer->topics.empty() || answer->topics.front().error) return no_topic(name);
  return summary_of(answer->topics.front());
}

Result<TopicDescription> AdminCore::describe_topic(const std::string& name) {
  TopicDescription out;
  for (int round = 0; round < kDescribeRounds; ++round) {
    if (round > 0) port_.pause(kPollMs);
    auto answer = metadata(about_topic(name));
    if (!answer.ok()) return answer.error();
    if (answer->topics.empty() || answer->topics.front().error) {
      return no_topic(name);
    }
    const auto& topic = answer->topics.front();
    out = outline(topic);
    std::set<BrokerId> alive = alive_brokers(*answer);
    bool complete = true;
    for (const auto& broker : answer->brokers) {
      wire::DescribePartitionsRequest request;
      for (const auto& partition : topic.partitions) {
        if (partition.leader != broker.address.broker) continue;
        request.items.push_back({topic.id, partition.partition});
      }
      if (request.items.empty()) continue;
      const std::string& address = broker.address.client_address;
      auto told = body_of<wire::DescribePartitionsAnswer>(
          port_.call(address, std::move(request), timeouts_.request_ms), address);
      if (!told.ok()) {
        complete = false;
        continue;
      }
      for (const auto& item : told->items) {
        complete &= !item.error;
        if (item.error || item.where.partition >= out.partitions.size()) continue;
        fill(item, broker.address.broker, alive, out.partitions[item.where.partition]);
      }
    }
    if (complete) break;
  }
  return out;
}

Result<ClusterDescription> AdminCore::describe_cluster() {
  // The brokers are there to be seen also while the catalog has no leader.
  wire::MetadataRequest request = about_all();
  request.complete = false;
  auto answer = metadata(std::move(request));
  if (!answer.ok()) return answer.error();
  return cluster_of(*answer);
}

Result<BrokerStatus> AdminCore::broker_status(const std::string& address) {
  if (auto checked = check_address(address); !checked.ok()) return checked.error();
  auto answer = body_of<wire::StatusAnswer>(
      port_.call(address, wire::StatusRequest{}, timeouts_.connect_ms), address);
  if (!answer.ok()) return answer.error();
  BrokerStatus out;
  out.broker = number_of(answer->broker);
  out.address = address;
  out.store = answer->store.text();
  out.cluster = answer->cluster.is_nil() ? "" : answer->cluster.text();
  out.version = answer->version;
  out.state = answer->state;
  switch (answer->founding) {
    case wire::FoundingState::kBlank:
      out.founding = "blank";
      break;
    case wire::FoundingState::kPrepared:
      out.founding = "prepared";
      break;
    case wire::FoundingState::kFounded:
      out.founding = "founded";
      break;
  }
  out.boot_epoch = answer->boot_epoch.value;
  out.counters = answer->counters;
  for (const auto& [name, h] : answer->histograms) {
    out.histograms[name] = {h.count, h.sum, h.p50, h.p99, h.p999, h.max};
  }
  return out;
}

}  // namespace strandlog::client
