// The catalog's transitions; see catalog.h.
#include "broker/catalog.h"

#include <algorithm>

namespace strandlog::broker {

const wire::CatalogReplica* CatalogPartition::find(Uid uid) const {
  if (move && move->to.uid == uid) return &move->to;
  auto found = std::find_if(replicas.begin(), replicas.end(),
                            [&](const auto& replica) { return replica.uid == uid; });
  return found == replicas.end() ? nullptr : &*found;
}

Result<Catalog> Catalog::from(CatalogState state) {
  Catalog catalog;
  for (const auto& [id, topic] : state.topics) {
    if (!catalog.by_name_.emplace(topic.name, id).second) {
      return Error{Code::kCorruption, "two topics are called \"" + topic.name + "\""};
    }
  }
  catalog.applied_ = state.applied;
  catalog.founding_ = std::move(state.founding);
  catalog.brokers_ = std::move(state.brokers);
  catalog.topics_ = std::move(state.topics);
  catalog.own_ = std::move(state.own);
  catalog.tombstones_ = std::move(state.tombstones);
  catalog.next_uid_ = state.next_uid;
  catalog.next_creation_ = state.next_creation;
  catalog.note_move(kCatalogPartition, catalog.own_);
  for (const auto& [id, topic] : catalog.topics_) {
    for (uint32_t number = 0; number < topic.partitions.size(); ++number) {
      catalog.note_move({id, number}, topic.partitions[number]);
    }
  }
  catalog.forget_changes();  // all of it is kept
  return catalog;
}

void Catalog::apply(Index index, const wire::catalog::Command& command) {
  CHECK(index > applied_);
  applied_ = index;
  std::visit([this](const auto& one) { apply_one(one); }, command);
}

void Catalog::apply_one(const wire::catalog::Found& command) {
  if (founding_) return;
  founding_ = command.document;
  for (const auto& founder : command.document.founders) {
    brokers_[founder.address.broker] = {founder.address, BootEpoch{}};
    changes_.brokers.insert(founder.address.broker);
    next_uid_ = std::max(next_uid_, founder.catalog_uid.plus(1));
    own_.replicas.push_back({founder.catalog_uid, founder.address.broker, founder.address.store});
    own_.made.insert(founder.catalog_uid);
  }
  own_.group = command.document.catalog_group;
  own_.created = true;
  changes_.partitions.insert(kCatalogPartition);
}

void Catalog::apply_one(const wire::catalog::RegisterBroker& command) {
  CatalogBroker& broker = brokers_[command.address.broker];
  bool same_store = broker.address.store == command.address.store;
  if (same_store && command.boot_epoch < broker.boot_epoch) return;
  broker = {command.address, command.boot_epoch};
  changes_.brokers.insert(command.address.broker);
  if (same_store) return;
  forget_lost_in_tombstones();
  give_up_moves();
}

// Its newcomer is lost, and who was to go is there again: with its old disk.
void Catalog::give_up_moves() {
  for (const wire::TopicPartition& where : std::set<wire::TopicPartition>(moving_)) {
    CatalogPartition& partition = *find(where);
    const wire::CatalogReplica* from = partition.find(partition.move->from);
    if (!is_lost(partition.move->to) || !from || is_lost(*from)) continue;
    partition.move.reset();
    note_move(where, partition);
  }
}

// Proposed from an older state of the catalog, its numbers may be taken by now.
bool Catalog::has_fresh_numbers(const wire::catalog::CreateTopic::Partition& partition) const {
  return partition.creation >= next_creation_ &&
         std::all_of(partition.replicas.begin(), partition.replicas.end(),
                     [this](const auto& replica) { return replica.uid >= next_uid_; });
}

void Catalog::take_numbers(const wire::catalog::CreateTopic::Partition& partition) {
  next_creation_ = std::max(next_creation_, partition.creation + 1);
  for (const auto& replica : partition.replicas) {
    next_uid_ = std::max(next_uid_, replica.uid.plus(1));
  }
}

void Catalog::apply_one(const wire::catalog::CreateTopic& command) {
  if (by_name_.contains(command.name) || topics_.contains(command.topic)) return;
  for (const auto& partition : command.partitions) {
    if (!has_fresh_numbers(partition)) return;  // the proposer plans again
  }
  CatalogTopic topic{command.topic, command.name, command.settings, {}, command.created_ms};
  changes_.topics.insert(command.topic);
  for (const auto& partition : command.partitions) {
    auto number = static_cast<uint32_t>(topic.partitions.size());
    changes_.partitions.insert({command.topic, number});
    topic.partitions.push_back(
        {partition.group, partition.creation, partition.replicas, {}, false, {}, {}});
    take_numbers(partition);
  }
  by_name_[command.name] = command.topic;
  topics_.emplace(command.topic, std::move(topic));
}

// What was made under the old numbers never voted or acknowledged; its stores drop it.
void Catalog::apply_one(const wire::catalog::RestartCreation& command) {
  auto topic = topics_.find(command.topic);
  if (topic == topics_.end() || command.partition >= topic->second.partitions.size()) return;
  CatalogPartition& partition = topic->second.partitions[command.partition];
  if (partition.created || partition.creation != command.creation) return;
  if (!has_fresh_numbers(command.next)) return;
  partition = {command.next.group, command.next.creation, command.next.replicas, {}, false, {}, {}};
  take_numbers(command.next);
  changes_.partitions.insert({command.topic, command.partition});
}

void Catalog::apply_one(const wire::catalog::ReplicaCreated& command) {
  auto made = [&](const wire::TopicPartition& where, CatalogPartition& partition) {
    if (partition.creation != command.creation) return false;
    const wire::CatalogReplica* replica = partition.find(command.uid);
    if (!replica || replica->store != command.store) return false;
    changes_.partitions.insert(where);
    partition.made.insert(command.uid);
    partition.created = partition.created || partition.made.size() == partition.replicas.size();
    return true;
  };
  if (made(kCatalogPartition, own_)) return;
  for (auto& [id, topic] : topics_) {
    for (uint32_t number = 0; number < topic.partitions.size(); ++number) {
      if (made({id, number}, topic.partitions[number])) return;
    }
  }
}

// One at a time for a partition. A new replica whose store is gone by now makes room for another.
void Catalog::apply_one(const wire::catalog::MoveReplica& command) {
  CatalogPartition* partition = find(command.where);
  if (!partition || partition->creation != command.creation || !partition->created) return;
  if (partition->move && !is_lost(partition->move->to)) return;
  if (command.to.uid < next_uid_ || is_lost(command.to)) return;
  bool goes = command.from == Uid{};
  for (const auto& replica : partition->replicas) {
    if (replica.uid == command.from) {
      goes = true;
    } else if (replica.store == command.to.store) {
      return;  // one replica a store
    }
  }
  if (!goes) return;
  partition->move = {command.to, command.from};
  next_uid_ = command.to.uid.plus(1);
  note_move(command.where, *partition);
}

// The group has the last word on who votes in it; the catalog repeats it, in order.
void Catalog::apply_one(const wire::GroupMembers& command) {
  CatalogPartition* partition = find(command.where);
  if (!partition || partition->creation != command.creation) return;
  if (command.configuration <= partition->configuration || command.voters.empty()) return;
  partition->configuration = command.configuration;
  std::vector<wire::CatalogReplica> before = std::exchange(partition->replicas, command.voters);
  for (const auto& replica : before) {
    if (partition->find(replica.uid) == nullptr) doom(command.where.topic, replica);
  }
  end_move(command.where.topic, *partition);
  std::erase_if(partition->made, [&](Uid uid) { return partition->find(uid) == nullptr; });
  note_move(command.where, *partition);
}

void Catalog::apply_one(const wire::catalog::DeleteTopic& command) {
  auto found = topics_.find(command.topic);
  if (found == topics_.end()) return;
  changes_.topics.insert(command.topic);
  for (uint32_t number = 0; number < found->second.partitions.size(); ++number) {
    CatalogPartition& partition = found->second.partitions[number];
    for (const auto& replica : partition.replicas) doom(command.topic, replica);
    if (partition.move) doom(command.topic, partition.move->to);
    partition.move.reset();
    note_move({command.topic, number}, partition);
  }
  by_name_.erase(found->second.name);
  topics_.erase(found);
}

void Catalog::apply_one(const wire::catalog::ReplicaDestroyed& command) {
  for (auto it = tombstones_.begin(); it != tombstones_.end(); ++it) {
    auto& waiting = it->second.waiting;
    size_t before = waiting.size();
    std::erase_if(waiting, [&](const wire::CatalogReplica& replica) {
      if (replica.uid != command.uid || replica.store != command.store) return false;
      changes_.tombstones.insert({it->first, replica});
      return true;
    });
    if (waiting.size() == before) continue;
    if (waiting.empty()) tombstones_.erase(it);
    return;
  }
}

// A store that is gone can confirm nothing: a tombstone does not wait for it.
void Catalog::forget_lost_in_tombstones() {
  for (auto it = tombstones_.begin(); it != tombstones_.end();) {
    std::erase_if(it->second.waiting, [&](const auto& replica) {
      if (!is_lost(replica)) return false;
      changes_.tombstones.insert({it->first, replica});
      return true;
    });
    it = it->second.waiting.empty() ? tombstones_.erase(it) : std::next(it);
  }
}

const CatalogTopic* Catalog::topic_named(const std::string& name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : topic(found->second);
}

const CatalogTopic* Catalog::topic(const TopicId& id) const {
  auto found = topics_.find(id);
  return found == topics_.end() ? nullptr : &found->second;
}

const CatalogPartition* Catalog::partition(const wire::TopicPartition& where) const {
  if (where == kCatalogPartition) return own_.created ? &own_ : nullptr;
  const CatalogTopic* found = topic(where.topic);
  if (!found || where.partition >= found->partitions.size()) return nullptr;
  return &found->partitions[where.partition];
}

// Done, or void because who was to go has gone in favour of another.
void Catalog::end_move(const TopicId& topic, CatalogPartition& partition) {
  if (!partition.move) return;
  const CatalogMove move = *partition.move;
  auto votes = [&](Uid uid) {
    return std::any_of(partition.replicas.begin(), partition.replicas.end(),
                       [&](const auto& replica) { return replica.uid == uid; });
  };
  bool done = votes(move.to.uid);
  if (votes(move.from) || (!done && move.from == Uid{})) return;
  partition.move.reset();
  if (!done) doom(topic, move.to);
}

CatalogPartition* Catalog::find(const wire::TopicPartition& where) {
  if (where == kCatalogPartition) return &own_;
  auto found = topics_.find(where.topic);
  if (found == topics_.end() || where.partition >= found->second.partitions.size()) return nullptr;
  return &found->second.partitions[where.partition];
}

void Catalog::note_move(const wire::TopicPartition& where, const CatalogPartition& partition) {
  changes_.partitions.insert(where);
  if (partition.move) {
    moving_.insert(where);
  } else {
    moving_.erase(where);
  }
}

void Catalog::doom(const TopicId& topic, const wire::CatalogReplica& replica) {
  if (is_lost(replica)) return;  // nobody is left to confirm it
  tombstones_[topic].waiting.insert(replica);
  changes_.tombstones.insert({topic, replica});
}

bool Catalog::is_doomed(const TopicId& topic, Uid uid) const {
  auto tombstone = tombstones_.find(topic);
  if (tombstone == tombstones_.end()) return false;
  const auto& waiting = tombstone->second.waiting;
  return std::any_of(waiting.begin(), waiting.end(),
                     [&](const auto& replica) { return replica.uid == uid; });
}

bool Catalog::is_lost(const wire::CatalogReplica& replica) const {
  auto found = brokers_.find(replica.broker);
  return found == brokers_.end() || found->second.address.store != replica.store;
}

Result<void> check_topic_name(const std::string& name) {
  if (name.empty() || name.size() > kMaxTopicName) {
    return Error{Code::kInvalidArgument, "a topic name has 1 to 249 characters, this one has " +
                                             std::to_string(name.size())};
  }
  bool legal = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (!legal || name == "." || name == ".." || name.starts_with("__")) {
    return Error{
        Code::kInvalidArgument,
        "a topic name is made of letters, digits, '.', '_' and '-', is not '.' or '..' and "
        "does not begin with '__'"};
  }
  return {};
}

}  // namespace strandlog::broker
