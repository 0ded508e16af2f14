// Group's public face: start, ticks, durability reports, take.
#include "raft/group.h"

#include <algorithm>

#include "base/check.h"
#include "base/mark.h"
#include "raft/group_impl.h"

namespace strandlog::raft {

bool Output::empty() const {
  return at_once.empty() && sends.empty() && snapshots.empty() && !hard_state && !install &&
         !truncate_from && !append_first && after_write.empty() && reads.empty() &&
         !became_leader && !lost_leadership && !removed;
}

Group::Impl::Impl(GroupConfig config, Restored restored, uint64_t seed)
    : config_(config),
      memberships_(std::move(restored.memberships)),
      hard_(restored.hard),
      durable_hard_(restored.hard),
      log_(restored.start, restored.start_term, std::move(restored.terms), restored.last),
      commit_(std::clamp(restored.commit, restored.start, restored.last)),
      random_state_(seed) {
  CHECK(config_.self.value != 0 && config_.election_ticks > config_.heartbeat_ticks);
  CHECK(config_.heartbeat_ticks > 0);
  // A log may not be newer than the term it was written in; one that is was restored in pieces.
  CHECK(log_.last_term() <= hard_.term);
  if (commit_ < log_.last()) mark<"raft 28: what is committed is learned again after a start">();
  if (hard_.vote.value != 0) mark<"raft 29: a vote is remembered after a start">();
  restart_timer();
}

void Group::Impl::tick(const Liveness& liveness) {
  if (!active_) return;
  if (Leader* leader = leading()) {
    tick_leader(*leader, liveness);
  } else if (auto* follower = std::get_if<Follower>(&role_)) {
    tick_follower(*follower, liveness);
  } else {
    tick_election();
  }
}

void Group::Impl::persisted(Index last, Term last_term, HardState hard) {
  log_.persisted(last, last_term, hard.term);
  if (hard.term >= durable_hard_.term) durable_hard_ = hard;
  if (!active_) return;
  if (leading() != nullptr) {
    maybe_commit();
  } else if (auto* candidate = std::get_if<Candidate>(&role_)) {
    if (hard_is_durable()) candidate->ballot[self()] = 1;
    decide();
  } else {
    answer_durable();
  }
}

void Group::Impl::trimmed(Index start) {
  CHECK(start <= commit_ && start <= log_.durable());
  if (start > log_.start()) log_.trim(start);
}

void Group::Impl::set_active(bool active) {
  if (active == active_) return;
  active_ = active;
  if (!active) become_follower(term(), Uid{});
  restart_timer();
}

Output Group::Impl::take() {
  if (leading() != nullptr) advance_change();
  if (Leader* leader = leading()) fill_sends(*leader);
  // A promise repeated before its term and vote became durable waits for a write of its own.
  if (!out_.after_write.empty()) {
    if (!out_.hard_state) mark<"raft 7: a promise is repeated before it is durable">();
    out_.hard_state = hard_;
  }
  Output out = std::move(out_);
  out_ = Output{};
  out.commit = commit_;
  CHECK(commit_ >= taken_commit_);
  taken_commit_ = commit_;
  return out;
}

bool Group::Impl::is_sole_voter() const {
  return membership().voters.size() == 1 && membership().outgoing.empty() &&
         membership().voters.front().uid == self();
}

Message Group::Impl::message_to(Uid to, Body body) const {
  return Message{config_.group, self(), to, term(), std::move(body)};
}

void Group::Impl::send_now(Uid to, Body body) {
  out_.at_once.push_back(message_to(to, std::move(body)));
}

void Group::Impl::send_durably(Uid to, Body body) {
  auto& lane = hard_is_durable() ? out_.at_once : out_.after_write;
  lane.push_back(message_to(to, std::move(body)));
}

void Group::Impl::set_hard(HardState hard) {
  CHECK(hard.term > hard_.term || (hard.term == hard_.term && hard_.vote.value == 0));
  if (hard.term > hard_.term) {
    following_ = Following{};
    ++vain_terms_;
  }
  hard_ = hard;
  out_.hard_state = hard;
}

void Group::Impl::advance_commit(Index commit) {
  CHECK(commit <= log_.last());
  commit_ = std::max(commit_, commit);
}

Role Group::Impl::role() const {
  static constexpr Role kRoles[] = {Role::kFollower, Role::kPreCandidate, Role::kCandidate,
                                    Role::kLeader};
  return kRoles[role_.index()];
}

Uid Group::Impl::leader() const {
  if (leading() != nullptr) return self();
  const auto* follower = std::get_if<Follower>(&role_);
  return follower != nullptr ? follower->leader : Uid{};
}

bool Group::Impl::quiet() const {
  if (const Leader* leader = leading()) return leader->quiet;
  const auto* follower = std::get_if<Follower>(&role_);
  return follower != nullptr && follower->quiet;
}

bool Group::Impl::committed_in_term() const {
  const Leader* leader = leading();
  return leader != nullptr && commit_ >= leader->noop;
}

Status Group::Impl::status() const {
  Status status{.role = role(),
                .term = term(),
                .leader = leader(),
                .start = log_.start(),
                .last = log_.last(),
                .durable = log_.durable(),
                .commit = commit_,
                .quiet = quiet(),
                .peers = {}};
  if (const Leader* leader = leading()) {
    for (const auto& [uid, progress] : leader->followers) {
      const Member* member = membership().find(uid);
      CHECK(member != nullptr);
      status.peers.push_back({.member = *member,
                              .match = progress.match(),
                              .probing = progress.pace() == Pace::kProbe,

                              .recently_active = progress.reachable &&
                                                 progress.silent_ticks < config_.election_ticks});
    }
  }
  return status;
}

Group::Group(GroupConfig config, Restored restored, uint64_t seed)
    : impl_(std::make_unique<Impl>(config, std::move(restored), seed)) {}
Group::~Group() = default;

void Group::tick(const Liveness& liveness) { impl_->tick(liveness); }
void Group::step(const Message& message) { impl_->step(message); }
Result<Index> Group::propose() { return impl_->propose(); }
Result<Index> Group::change_membership(const MembershipChange& change) {
  return impl_->change_membership(change);
}
void Group::sent(Uid to, Index last, uint64_t bytes, bool compacted) {
  impl_->sent(to, last, bytes, compacted);
}
void Group::snapshot_done(Uid to, bool ok) { impl_->snapshot_done(to, ok); }
void Group::persisted(Index last, Term last_term, HardState hard) {
  impl_->persisted(last, last_term, hard);
}
void Group::trimmed(Index start) { impl_->trimmed(start); }
void Group::read_index(uint64_t token) { impl_->read_index(token); }
Result<void> Group::transfer_to(Uid target) { return impl_->transfer_to(target); }
void Group::peer_down(BrokerId broker) { impl_->peer_down(broker); }
void Group::peer_up(BrokerId broker, bool new_boot) { impl_->peer_up(broker, new_boot); }
void Group::wake() { impl_->wake(); }
void Group::set_active(bool active) { impl_->set_active(active); }
void Group::step_down() { impl_->step_down(); }
Output Group::take() { return impl_->take(); }
Role Group::role() const { return impl_->role(); }
Term Group::term() const { return impl_->hard().term; }
Uid Group::leader() const { return impl_->leader(); }
Index Group::commit() const { return impl_->commit(); }
Index Group::last() const { return impl_->log().last(); }
Index Group::durable() const { return impl_->log().durable(); }
std::optional<Term> Group::term_at(Index index) const { return impl_->log().term_at(index); }
const Membership& Group::membership() const { return impl_->membership(); }
bool Group::quiet() const { return impl_->quiet(); }
bool Group::committed_in_term() const { return impl_->committed_in_term(); }
Status Group::status() const { return impl_->status(); }
std::vector<std::string> Group::broken_invariants() const { return impl_->broken_invariants(); }

}  // namespace strandlog::raft
