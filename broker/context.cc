// Answers and the search for a leader; see context.h.
#include "broker/context.h"

namespace strandlog::broker {

void Context::answer(const ReplyTo& to, wire::AnswerBody body, std::vector<Bytes> frames) {
  wire::Answer answer;
  answer.id = to.request;
  answer.cluster = cluster;
  answer.body = std::move(body);
  if (!transport.send(to.link, Message{wire::encode(answer), std::move(frames)})) {
    ++metrics.counters["answers_dropped_total"];
  }
}

void Context::fail(const ReplyTo& to, wire::WireError error) {
  wire::Answer answer;
  answer.id = to.request;
  answer.cluster = cluster;
  answer.error = std::move(error);
  ++metrics.counters["requests_failed_total"];
  if (!transport.send(to.link, Message{wire::encode(answer), {}})) {
    ++metrics.counters["answers_dropped_total"];
  }
}

bool Context::is_faulty(const wire::CatalogReplica& replica) const {
  if (replica.broker == self.address.broker) return replicas.faulty().contains(replica.uid);
  auto told = faulty_elsewhere.find(replica.broker);
  return told != faulty_elsewhere.end() && told->second.contains(replica.uid);
}

wire::WireError Context::not_leader(const GroupId& group, const std::string& what) const {
  const wire::LeaderNotice* notice = leader_of(group);
  if (notice && notice->broker != self.address.broker) {
    auto broker = catalog.brokers().find(notice->broker);
    if (broker != catalog.brokers().end()) {
      return {Code::kNotLeader,
              what + " is led by broker " + std::to_string(notice->broker.value) + " at " +
                  broker->second.address.client_address,
              notice->broker, broker->second.address.client_address};
    }
  }
  return {Code::kNoLeader,
          what + " has no leader that broker " + std::to_string(self.address.broker.value) +
              " knows of: retry",
          {},
          {}};
}

void Context::hear_of_leader(const wire::LeaderNotice& notice) {
  leaders.learn(notice);
  if (!leaders.crowded()) return;
  std::set<GroupId> groups;
  if (catalog.founding()) groups.insert(catalog.founding()->catalog_group);
  for (const auto& [id, topic] : catalog.topics()) {
    for (const CatalogPartition& partition : topic.partitions) groups.insert(partition.group);
  }
  leaders.keep_only([&](const GroupId& group) {
    return groups.contains(group) || replicas.find(group) != nullptr;
  });
}

Context::Located Context::leading(const wire::TopicPartition& where) {
  const CatalogTopic* topic = catalog.topic(where.topic);
  if (!topic) {
    return {nullptr,
            {Code::kNotFound,
             "no topic has the id " + where.topic.text() +
                 " (deleted, or this broker's catalog is behind)",
             {},
             {}}};
  }
  if (where.partition >= topic->partitions.size()) {
    return {nullptr,
            {Code::kNotFound,
             "topic \"" + topic->name + "\" has partitions 0 to " +
                 std::to_string(topic->partitions.size() - 1) + ", not " +
                 std::to_string(where.partition),
             {},
             {}}};
  }
  const GroupId& group = topic->partitions[where.partition].group;
  Replica* replica = replicas.find(group);
  if (replica && replica->leads()) return {replica, {}};
  return {nullptr, not_leader(group, topic->name + "/" + std::to_string(where.partition))};
}

}  // namespace strandlog::broker
