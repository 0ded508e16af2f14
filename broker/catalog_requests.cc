// Topic creation and deletion on the catalog leader; see catalog_keeper.h.
#include <algorithm>

#include "broker/catalog_keeper.h"
#include "broker/placement.h"
#include "broker/topic_settings.h"

namespace strandlog::broker {
namespace {

constexpr size_t kMaxQueuedCreations = 1000;
constexpr size_t kRestartsPerLook = 100;

}  // namespace

void CatalogKeeper::handle(const ReplyTo& to, const wire::CreateTopicRequest& request,
                           uint32_t deadline_ms) {
  if (!leads()) {
    context_.fail(to, context_.not_leader(group(), "the catalog"));
    return;
  }
  for (auto check : {check_topic_name(request.name), check_topic_settings(request.settings)}) {
    if (!check.ok()) {
      context_.fail(to, check.error().code, check.error().text);
      return;
    }
  }
  if (request.partitions == 0 || request.partitions > context_.config.max_partitions) {
    context_.fail(to, Code::kInvalidArgument,
                  "a topic has 1 to " + std::to_string(context_.config.max_partitions) +
                      " partitions, not " + std::to_string(request.partitions));
    return;
  }
  Time deadline = context_.now.plus_ms(deadline_ms);
  if (!context_.catalog.topic_named(request.name)) return create(to, request, deadline);
  when_current(to, deadline_ms, [this, to, request, deadline] { create(to, request, deadline); });
}

// May come here from a confirmed read when the leadership is over.
void CatalogKeeper::create(const ReplyTo& to, const wire::CreateTopicRequest& request,
                           Time deadline) {
  if (!leads()) return context_.fail(to, context_.not_leader(group(), "the catalog"));
  if (context_.catalog.topic_named(request.name)) {
    context_.fail(to, Code::kConflict, "topic \"" + request.name + "\" exists already");
    return;
  }
  if (creations_.size() >= kMaxQueuedCreations) {
    context_.fail(to, Code::kBusy, "1000 topics wait to be created already: retry");
    return;
  }
  creations_.push_back({to, request, deadline, {}});
  next_creation();
}

// Uids and creation numbers come from the applied catalog, so the next topic is planned only when
// the one before it has been applied.
void CatalogKeeper::next_creation() {
  if (!leads() || !context_.catalog.founding()) return;
  while (!creations_.empty() && creations_.front().topic.is_nil()) {
    Creation& creation = creations_.front();
    auto command = plan(creation.request);
    Result<void> proposed = command.ok() ? propose(*command) : Result<void>(command.error());
    if (proposed.ok()) {
      creation.topic = command->topic;
      return;
    }
    context_.fail(creation.to, proposed.error().code, proposed.error().text);
    creations_.pop_front();
  }
}

// With the number of replicas each of them has.
std::map<BrokerId, uint64_t> CatalogKeeper::live_brokers() const {
  std::map<BrokerId, uint64_t> load;
  for (const auto& [id, broker] : context_.catalog.brokers()) {
    if (is_here(id)) load[id] = 0;
  }
  for (const auto& [id, topic] : context_.catalog.topics()) {
    for (const auto& partition : topic.partitions) {
      for (const auto& replica : partition.replicas) {
        if (load.contains(replica.broker)) ++load[replica.broker];
      }
    }
  }
  return load;
}

// Whom this creation waits for in vain: a store that was replaced, or that is not there.
bool CatalogKeeper::is_stuck(const CatalogPartition& partition) const {
  return std::any_of(partition.replicas.begin(), partition.replicas.end(),
                     [&](const auto& replica) {
                       if (partition.made.contains(replica.uid)) return false;
                       return context_.catalog.is_lost(replica) || !is_here(replica.broker);
                     });
}

// A store that was replaced or stays away never reports its replica. After create.timeout such a
// partition begins anew on brokers that are there; its old numbers are void from then on.
void CatalogKeeper::restart_creations(Uid next) {
  std::map<uint64_t, Time> unfinished;
  std::vector<std::pair<wire::TopicPartition, const CatalogPartition*>> stuck;
  for (const auto& [id, topic] : context_.catalog.topics()) {
    for (uint32_t number = 0; number < topic.partitions.size(); ++number) {
      const CatalogPartition& partition = topic.partitions[number];
      if (partition.created) continue;
      auto seen = unfinished_.find(partition.creation);
      Time since = seen == unfinished_.end() ? context_.now : seen->second;
      unfinished[partition.creation] = since;
      bool late = context_.now >= since.plus_ms(context_.config.create_timeout_ms);
      if (late && stuck.size() < kRestartsPerLook && is_stuck(partition)) {
        stuck.push_back({{id, number}, &partition});
      }
    }
  }
  unfinished_ = std::move(unfinished);
  if (!stuck.empty()) propose_restarts(stuck, next);
}

void CatalogKeeper::propose_restarts(
    const std::vector<std::pair<wire::TopicPartition, const CatalogPartition*>>& stuck, Uid uid) {
  std::map<BrokerId, uint64_t> load = live_brokers();
  uint64_t creation = context_.catalog.next_creation();
  for (const auto& [where, partition] : stuck) {
    auto places = place(load, 1, static_cast<uint32_t>(partition->replicas.size()));
    if (!places.ok()) continue;  // too few brokers: wait for more
    const std::vector<BrokerId>& chosen = places->front();
    wire::catalog::RestartCreation command{where.topic, where.partition, partition->creation, {}};
    command.next = numbered(chosen, uid, creation);
    uid = uid.plus(chosen.size());
    ++creation;
    for (BrokerId broker : chosen) ++load[broker];
    propose_once("restart " + std::to_string(partition->creation), command);
  }
}

// One partition on these brokers under uids from `uid` on.
wire::catalog::CreateTopic::Partition CatalogKeeper::numbered(const std::vector<BrokerId>& chosen,
                                                              Uid uid, uint64_t creation) {
  wire::catalog::CreateTopic::Partition partition;
  partition.group = context_.random.uuid<GroupId>();
  partition.creation = creation;
  for (BrokerId broker : chosen) {
    const auto& address = context_.catalog.brokers().at(broker).address;
    partition.replicas.push_back({uid, broker, address.store});
    uid = uid.plus(1);
  }
  return partition;
}

Result<wire::catalog::CreateTopic> CatalogKeeper::plan(const wire::CreateTopicRequest& request) {
  if (context_.catalog.topic_named(request.name)) {
    return Error{Code::kConflict, "topic \"" + request.name + "\" exists already"};
  }
  size_t existing = 0;
  for (const auto& [id, topic] : context_.catalog.topics()) existing += topic.partitions.size();
  if (existing + request.partitions > context_.config.max_partitions) {
    return Error{Code::kBusy, "the cluster has " + std::to_string(existing) +
                                  " partitions, its bound is " +
                                  std::to_string(context_.config.max_partitions)};
  }
  uint32_t replication = request.replication;
  const auto& brokers = context_.catalog.brokers();
  if (replication == 0) replication = static_cast<uint32_t>(std::min<size_t>(3, brokers.size()));
  ASSIGN(auto places, place(live_brokers(), request.partitions, replication));

  wire::catalog::CreateTopic command;
  command.topic = context_.random.uuid<TopicId>();
  command.name = request.name;
  command.settings = request.settings;
  command.created_ms = context_.wall_ms;
  Uid uid = context_.catalog.next_uid();
  uint64_t creation = context_.catalog.next_creation();
  for (const auto& chosen : places) {
    command.partitions.push_back(numbered(chosen, uid, creation++));
    uid = uid.plus(chosen.size());
  }
  return command;
}

void CatalogKeeper::handle(const ReplyTo& to, const wire::DeleteTopicRequest& request,
                           uint32_t deadline_ms) {
  if (!leads()) {
    context_.fail(to, context_.not_leader(group(), "the catalog"));
    return;
  }
  // Before it waits: 1000 requests may, with a topic's name each, not a stranger's megabytes.
  if (auto named = check_topic_name(request.name); !named.ok()) {
    return context_.fail(to, Code::kNotFound, "no topic is called so: " + named.error().text);
  }
  // What is known here under this name may be gone, and another topic have it.
  Time deadline = context_.now.plus_ms(deadline_ms);
  when_current(to, deadline_ms,
               [this, to, name = request.name, deadline] { remove(to, name, deadline); });
}

void CatalogKeeper::remove(const ReplyTo& to, const std::string& name, Time deadline) {
  if (!leads()) return context_.fail(to, context_.not_leader(group(), "the catalog"));
  const CatalogTopic* topic = context_.catalog.topic_named(name);
  if (!topic) {
    context_.fail(to, Code::kNotFound, "topic \"" + name + "\" does not exist");
    return;
  }
  if (!deletions_.contains(topic->id)) {
    auto proposed = propose(wire::catalog::DeleteTopic{topic->id});
    if (!proposed.ok()) {
      context_.fail(to, proposed.error().code, proposed.error().text);
      return;
    }
  }
  deletions_.emplace(topic->id, Deletion{to, deadline});
}

void CatalogKeeper::when_current(const ReplyTo& to, uint32_t deadline_ms, ConfirmedReads::Then then,
                                 ConfirmedReads::Otherwise otherwise) {
  CHECK(leads());
  reads_.wait(to, *context_.replicas.find(*uid_), context_.now.plus_ms(deadline_ms),
              std::move(then), std::move(otherwise));
}

void CatalogKeeper::settle_requests(const wire::catalog::Command& command) {
  uint64_t index = context_.catalog.applied().value;
  if (const auto* created = std::get_if<wire::catalog::CreateTopic>(&command)) {
    if (creations_.empty() || creations_.front().topic != created->topic) return;
    Creation creation = std::move(creations_.front());
    creations_.pop_front();
    if (context_.catalog.topic(created->topic)) {
      auto replication = static_cast<uint32_t>(created->partitions.front().replicas.size());
      context_.answer(creation.to, wire::CreateTopicAnswer{created->topic, index, replication});
    } else {
      creation.topic = {};  // another leader's command took its numbers: plan again
      creations_.push_front(std::move(creation));
    }
    next_duty_ = context_.now;
    return;
  }
  if (const auto* deleted = std::get_if<wire::catalog::DeleteTopic>(&command)) {
    auto [first, last] = deletions_.equal_range(deleted->topic);
    for (auto it = first; it != last; ++it) {
      context_.answer(it->second.to, wire::DeleteTopicAnswer{index});
    }
    deletions_.erase(first, last);
    return;
  }
  // Reports become commands one at a time; the next duty sees what is still open.
  if (std::holds_alternative<wire::catalog::ReplicaCreated>(command) ||
      std::holds_alternative<wire::catalog::Found>(command)) {
    next_duty_ = context_.now;
  }
}

// What was proposed may still be committed, by the next leader.
void CatalogKeeper::fail_requests() {
  wire::WireError moved{
      Code::kStale, "the catalog's leadership moved: it may or may not be done", {}, {}};
  for (Creation& creation : std::exchange(creations_, {})) {
    bool proposed = !creation.topic.is_nil();
    context_.fail(creation.to, proposed ? moved : context_.not_leader(group(), "the catalog"));
  }
  for (auto& [topic, deletion] : std::exchange(deletions_, {})) context_.fail(deletion.to, moved);
}

}  // namespace strandlog::broker
