// What the beginning and the end of a broker's session mean for one group.
#include "raft/group_impl.h"

namespace strandlog::raft {

void Group::Impl::peer_down(BrokerId broker) {
  if (Leader* leader = leading()) {
    for (auto& [uid, progress] : leader->followers) {
      if (progress.broker != broker) continue;
      progress.reprobe();
      progress.reachable = false;
      stir(*leader);
    }
    return;
  }
  const Member* member = membership().find(this->leader());
  if (member != nullptr && member->broker == broker) lose_leader();
}

void Group::Impl::peer_up(BrokerId broker, bool new_boot) {
  if (Leader* leader = leading()) {
    for (auto& [uid, progress] : leader->followers) {
      if (progress.broker != broker) continue;
      if (new_boot) {
        progress.forget_match();
      } else {
        progress.reprobe();
      }
      progress.reachable = true;
      stir(*leader);
    }
    return;
  }
  // A leader that restarted leads no more.
  const Member* member = membership().find(this->leader());
  if (new_boot && member != nullptr && member->broker == broker) lose_leader();
}

void Group::Impl::wake() {
  if (Leader* leader = leading()) return stir(*leader);
  auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || !follower->quiet) return;
  follower->quiet = false;
  restart_timer();  // a fresh timeout spreads the groups of a broker
}

}  // namespace strandlog::raft
