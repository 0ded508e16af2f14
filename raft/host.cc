// Host: sessions become peer_up, peer_down and wake of exactly the groups they concern.
#include "raft/host.h"

#include <algorithm>

#include "base/check.h"

namespace strandlog::raft {

Group& Host::add(GroupConfig config, Restored restored, uint64_t seed) {
  const Uid uid = config.self;
  auto [local, is_new] = groups_.try_emplace(uid);
  CHECK(is_new);
  local->second.group = std::make_unique<Group>(config, std::move(restored), seed);
  touch(uid);
  return *local->second.group;
}

void Host::remove(Uid uid) {
  awake_.erase(uid);
  touched_.erase(uid);
  groups_.erase(uid);
}

Group* Host::find(Uid uid) {
  auto found = groups_.find(uid);
  return found == groups_.end() ? nullptr : found->second.group.get();
}

const Group* Host::find(Uid uid) const {
  auto found = groups_.find(uid);
  return found == groups_.end() ? nullptr : found->second.group.get();
}

bool Host::alive(BrokerId broker) const {
  auto session = sessions_.find(broker);
  return session != sessions_.end() && session->second.alive;
}

BrokerId Host::broker_led_by(const Group& group) {
  for (const std::vector<Member>* part :
       {&group.membership().voters, &group.membership().outgoing, &group.membership().learners}) {
    for (const Member& member : *part) {
      if (member.uid == group.leader()) return member.broker;
    }
  }
  return BrokerId{};
}

bool Host::may_sleep(const Group& group) const {
  if (!group.quiet()) return false;
  return group.role() == Role::kLeader || alive(broker_led_by(group));
}

template <class Call>
void Host::for_groups_with(BrokerId broker, Call call) {
  for (auto& [uid, local] : groups_) {
    const Membership& members = local.group->membership();
    bool has_member = false;
    for (const std::vector<Member>* part :
         {&members.voters, &members.outgoing, &members.learners}) {
      for (const Member& member : *part) has_member = has_member || member.broker == broker;
    }
    if (!has_member) continue;
    call(*local.group);
    touch(uid);
  }
}

void Host::heard(BrokerId broker, BootId boot, uint64_t leaderships_lost) {
  Session& session = sessions_[broker];
  const bool is_known = session.boot != BootId{};
  const bool new_boot = is_known && session.boot != boot;
  const bool begins = !session.alive || new_boot;
  // Two lanes carry the count: an older one may come behind a newer one.
  const uint64_t lost_before = is_known && !new_boot ? session.leaderships_lost : leaderships_lost;
  const bool lost_some = leaderships_lost > lost_before;
  session = Session{.boot = boot,
                    .alive = true,
                    .silent_ticks = 0,
                    .leaderships_lost = std::max(lost_before, leaderships_lost)};
  if (begins) {
    for_groups_with(broker, [&](Group& group) { group.peer_up(broker, new_boot); });
  }
  if (!lost_some) return;
  for_groups_with(broker, [&](Group& group) {
    if (group.role() != Role::kLeader && broker_led_by(group) == broker) group.wake();
  });
}

bool Host::is_late(BrokerId broker, BootId boot, uint64_t leaderships_lost) const {
  auto session = sessions_.find(broker);
  if (session == sessions_.end()) return false;
  return boot != session->second.boot || leaderships_lost < session->second.leaderships_lost;
}

void Host::disconnected(BrokerId broker) {
  auto session = sessions_.find(broker);
  if (session == sessions_.end() || !session->second.alive) return;
  session->second.alive = false;
  session_ended(broker);
}

void Host::session_ended(BrokerId broker) {
  for_groups_with(broker, [&](Group& group) { group.peer_down(broker); });
}

void Host::stir_leaders() {
  if (stirred_for_ == leaderships_lost_) return;
  stirred_for_ = leaderships_lost_;
  for (auto& [uid, local] : groups_) {
    if (local.group->role() != Role::kLeader || !local.group->quiet()) continue;
    local.group->wake();
    touch(uid);
  }
}

void Host::tick() {
  stir_leaders();
  for (auto& [broker, session] : sessions_) {
    if (!session.alive || ++session.silent_ticks < silence_ticks_) continue;
    session.alive = false;
    session_ended(broker);
  }
  // touch() keeps the awake and the touched in step, so nothing here changes what is iterated.
  for (auto& [uid, group] : awake_) {
    group->tick(*this);
    touched_.insert(uid);
  }
}

void Host::step(const Message& message) {
  Group* group = find(message.to);
  if (group == nullptr) return;
  group->step(message);
  touch(message.to);
}

void Host::touch(Uid uid) {
  Group* group = find(uid);
  if (group == nullptr) return;
  touched_.insert(uid);
  awake_.emplace(uid, group);
}

Output Host::take(Uid uid) {
  Output output = groups_.at(uid).group->take();
  if (output.lost_leadership) ++leaderships_lost_;
  return output;
}

std::vector<GroupOutput> Host::take() {
  std::vector<GroupOutput> outputs;
  for (Uid uid : touched_) {
    Output output = take(uid);
    Local& local = groups_.at(uid);
    if (!output.empty() || output.commit != local.taken_commit) {
      local.taken_commit = output.commit;
      outputs.push_back({.uid = uid, .output = std::move(output)});
    }
    if (may_sleep(*local.group)) awake_.erase(uid);
  }
  touched_.clear();
  return outputs;
}

}  // namespace strandlog::raft
