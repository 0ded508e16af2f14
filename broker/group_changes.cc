// Steps of moves, by what the group's leader and the catalog know; see group_changes.h.
#include "broker/group_changes.h"

#include <algorithm>

#include "base/log.h"
#include "broker/raft_wire.h"

namespace strandlog::broker {
namespace {

raft::Member member_of(const wire::CatalogReplica& replica) {
  return {replica.uid, replica.broker, replica.store};
}

bool has(const std::vector<raft::Member>& members, Uid uid) {
  return std::any_of(members.begin(), members.end(),
                     [&](const raft::Member& member) { return member.uid == uid; });
}

/// Whether it leads, knows what is committed, and has no change under way.
bool is_at_rest(const Replica& replica) {
  if (!replica.leads() || !replica.group->committed_in_term()) return false;
  const raft::Membership& now = replica.group->membership();
  return now.outgoing.empty() && now.index <= replica.group->commit();
}

bool is_known(const CatalogPartition& partition, const raft::Membership& now) {
  return partition.replicas.size() == now.voters.size() &&
         std::all_of(partition.replicas.begin(), partition.replicas.end(),
                     [&](const auto& replica) { return has(now.voters, replica.uid); });
}

}  // namespace

std::vector<wire::GroupMembers> GroupChanges::step() {
  std::vector<wire::GroupMembers> news;
  for (const wire::TopicPartition& where : context_.catalog.moving()) {
    const CatalogPartition& partition = *context_.catalog.partition(where);
    Replica* replica = context_.replicas.find(partition.group);
    if (!replica || !is_at_rest(*replica)) continue;
    const raft::Membership& now = replica->group->membership();
    if (is_known(partition, now)) {
      advance(*replica, partition);
    } else {
      news.push_back({where, partition.creation, now.index, to_wire(now).voters});
    }
  }
  return news;
}

void GroupChanges::advance(Replica& replica, const CatalogPartition& partition) {
  const CatalogMove& move = *partition.move;
  if (!partition.made.contains(move.to.uid)) return;
  const raft::Membership& now = replica.group->membership();
  if (!has(now.learners, move.to.uid)) return change(replica, now.voters, {member_of(move.to)});
  std::vector<raft::Member> voters = now.voters;
  std::erase_if(voters, [&](const raft::Member& member) { return member.uid == move.from; });
  voters.push_back(member_of(move.to));
  change(replica, std::move(voters), {});
}

std::vector<wire::GroupMembers> GroupChanges::tidy() {
  std::vector<wire::GroupMembers> news;
  for (const auto& [uid, replica] : context_.replicas.all()) {
    if (!is_at_rest(replica)) continue;
    wire::TopicPartition where{replica.spec.topic, replica.spec.partition};
    const auto* partition = context_.catalog.partition(where);
    if (!partition || partition->group != replica.spec.group || !partition->created) continue;
    const raft::Membership& now = replica.group->membership();
    if (!is_known(*partition, now)) {
      news.push_back({where, partition->creation, now.index, to_wire(now).voters});
    } else if (!partition->move && !now.learners.empty()) {
      change(*context_.replicas.find(uid), now.voters, {});
    }
  }
  return news;
}

// What is refused now is tried again: a newcomer that lags, a transfer under way.
void GroupChanges::change(Replica& replica, std::vector<raft::Member> voters,
                          std::vector<raft::Member> learners) {
  Index seen = replica.group->membership().index;
  auto changed = context_.replicas.change_membership(
      replica, {.seen = seen, .voters = std::move(voters), .learners = std::move(learners)});
  if (!changed.ok()) return;
  LOG(kInfo, "members change", kv("topic", replica.spec.topic_name),
      kv("partition", replica.spec.partition), kv("configuration", *changed));
}

}  // namespace strandlog::broker
