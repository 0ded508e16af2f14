// The local replicas made to match the catalog; see catalog_keeper.h.
#include "base/mutant.h"
#include "broker/catalog_keeper.h"

namespace strandlog::broker {

void CatalogKeeper::reconcile() {
  if (const auto* own = context_.catalog.partition(kCatalogPartition)) {
    reconcile_partition(kCatalogPartition, kCatalogName, *own);
  }
  for (const auto& [id, topic] : context_.catalog.topics()) {
    for (uint32_t number = 0; number < topic.partitions.size(); ++number) {
      reconcile_partition({id, number}, topic.name, topic.partitions[number]);
    }
  }
  destroy_deleted();
  if (peers_) {
    for (const auto& [id, broker] : context_.catalog.brokers()) peers_->meet(broker.address);
  }
}

void CatalogKeeper::reconcile_partition(const wire::TopicPartition& where, const std::string& name,
                                        const CatalogPartition& partition) {
  auto look_at = [&](const wire::CatalogReplica& replica) {
    if (replica.store != context_.self.address.store) return;
    reconcile_replica(
        {replica.uid, partition.group, where.topic, name, where.partition, partition.creation},
        partition);
  };
  for (const auto& replica : partition.replicas) look_at(replica);
  if (partition.move) look_at(partition.move->to);
}

// Of a created partition a replica that was there and is not any more is lost, never made again.
void CatalogKeeper::reconcile_replica(const store::ReplicaSpec& spec,
                                      const CatalogPartition& partition) {
  const auto& local = context_.store.replicas();
  auto found = local.find(spec.uid);
  bool comes = partition.move && partition.move->to.uid == spec.uid;
  bool was_made = partition.made.contains(spec.uid);
  bool may_speak = comes ? was_made : partition.created;
  if (found == local.end()) {
    if (!was_made && (comes || !partition.created)) make_replica(spec, partition);
    return;
  }
  if (found->second.life == store::Life::kMade && may_speak && !found->second.fault) {
    context_.store.set_life(spec.uid, store::Life::kLive);
    context_.replicas.activate(spec.uid);
  }
}

void CatalogKeeper::make_replica(const store::ReplicaSpec& spec,
                                 const CatalogPartition& partition) {
  wire::Configuration configuration;
  configuration.voters = partition.replicas;
  if (partition.move) configuration.learners = {partition.move->to};
  context_.store.make(spec, wire::encode(configuration));
  made_in_[spec.uid] = context_.store.gathering();
  context_.replicas.open(spec.uid, false);
  if (spec.group == group()) uid_ = spec.uid;
  next_duty_ = context_.now;
}

// Data goes only by a committed tombstone, never because the catalog does not mention it.
void CatalogKeeper::destroy_deleted() {
  std::vector<Uid> doomed;
  for (const auto& [uid, state] : context_.store.replicas()) {
    if (state.life == store::Life::kDead) continue;
    bool deleted = context_.catalog.is_doomed(state.spec.topic, uid);
    // The catalog's own group is in no topic.
    if (is_mutant(Mutant::kAbsentMeansDeleted) && state.spec.group != group()) {
      deleted |= !context_.catalog.topic(state.spec.topic);
    }
    if (deleted || is_superseded(state)) doomed.push_back(uid);
  }
  for (Uid uid : doomed) {
    const store::ReplicaSpec& spec = context_.store.replicas().at(uid).spec;
    bool lives_on = context_.catalog.partition({spec.topic, spec.partition}) != nullptr;
    if (!lives_on) context_.leaders.forget(spec.group);
    if (uid == uid_) uid_.reset();
    context_.replicas.close(uid);
    context_.store.set_life(uid, store::Life::kDead);
    made_in_[uid] = context_.store.gathering();
    next_duty_ = context_.now;
  }
}

// Its creation or its move was given up before it ever voted or acknowledged; another replica took
// its place. A tombstone, which may have come and gone since, waits only for that one. But who
// minted uids beyond it has had its topic, so that what is absent is gone, not still to come.
bool CatalogKeeper::is_superseded(const store::ReplicaState& state) const {
  const store::ReplicaSpec& spec = state.spec;
  if (state.life != store::Life::kMade) return false;
  const auto* partition = context_.catalog.partition({spec.topic, spec.partition});
  if (partition && partition->creation != spec.creation) {
    return partition->creation > spec.creation;
  }
  bool named = partition && partition->find(spec.uid);
  return !named && spec.uid < context_.catalog.next_uid();
}

}  // namespace strandlog::broker
