// A leader: proposals, commit, heartbeats, silence, check-quorum (Raft thesis 6.2), transfer
// (3.10).
#include <algorithm>

#include "base/check.h"
#include "base/mark.h"
#include "base/mutant.h"
#include "raft/group_impl.h"

namespace strandlog::raft {
namespace {

// How many heartbeat intervals nothing may be lacking before a leader falls silent: long enough
// not to flap under a slow trickle of proposals, whose cost a heartbeat hardly adds to.
constexpr uint32_t kSettleHeartbeats = 2;

}  // namespace

void Group::Impl::become_leader() {
  CHECK(std::holds_alternative<Candidate>(role_) && hard_.vote == self() && hard_is_durable());
  vain_terms_ = 0;
  role_ = Leader{};
  match_followers();  // the no-op is the first they are sent
  // Entries of older terms commit only through one of this term (thesis 3.6.2).
  const Index noop = append_own();
  leading()->noop = noop;
  out_.noop = noop;
  out_.became_leader = term();
}

Index Group::Impl::append_own() {
  const Index index = log_.last().plus(1);
  log_.append(index, term());
  if (!out_.append_first) out_.append_first = index;
  out_.append_last = index;
  return index;
}

Result<Index> Group::Impl::propose() {
  Leader* leader = leading();
  if (leader == nullptr) return not_leading();
  if (leader->transfer) return transferring();
  stir(*leader);
  return append_own();
}

Error Group::Impl::not_leading() const {
  return {Code::kNotLeader, "replica " + std::to_string(self().value) + " does not lead in term " +
                                std::to_string(term().value)};
}

Error Group::Impl::transferring() const {
  return {Code::kBusy,
          "leadership is moving to replica " + std::to_string(leading()->transfer->target.value)};
}

void Group::Impl::lose_leadership() {
  for (const auto& [uid, progress] : leading()->followers) send_now(uid, StepDown{});
  drop_reads(*leading());
  out_.lost_leadership = true;
}

void Group::Impl::step_down() {
  if (leading() != nullptr) become_follower(term(), Uid{});
}

bool Group::Impl::has_answers(const Leader& leader) const {
  return has_quorum(membership(), [&](Uid uid) {
    return uid == self() || leader.followers.at(uid).silent_ticks < config_.election_ticks;
  });
}

bool Group::Impl::has_sessions(const Leader& leader, const Liveness& liveness) const {
  return has_quorum(membership(), [&](Uid uid) {
    return uid == self() || liveness.alive(leader.followers.at(uid).broker);
  });
}

bool Group::Impl::is_settled(const Leader& leader, const Liveness& liveness) const {
  const Index last = log_.last();
  if (commit_ != last || log_.durable() != last || leader.transfer) return false;
  if (!leader.reads.empty() || !leader.waiting_reads.empty()) return false;
  for (const auto& [uid, progress] : leader.followers) {
    if (!liveness.alive(progress.broker)) continue;
    if (progress.match() != last || progress.known_commit != commit_) return false;
  }
  return has_sessions(leader, liveness);
}

void Group::Impl::tick_leader(Leader& leader, const Liveness& liveness) {
  if (!leader.quiet) return tick_busy(leader, liveness);
  if (++leader.check_ticks < config_.election_ticks) return;
  leader.check_ticks = 0;
  if (!has_sessions(leader, liveness)) step_down();
}

void Group::Impl::tick_busy(Leader& leader, const Liveness& liveness) {
  for (auto& [uid, progress] : leader.followers) {
    progress.reachable = liveness.alive(progress.broker);
    progress.tick();
    // Lost without trace, or a disk slower than an election: ask again what is there.
    if (progress.stalled_ticks() >= config_.election_ticks) progress.reprobe();
  }
  if (leader.transfer && ++leader.transfer->ticks >= config_.election_ticks) {
    mark<"raft 14: a transfer is given up">();
    leader.transfer.reset();
  }
  if (++leader.heartbeat_ticks >= config_.heartbeat_ticks) {
    leader.heartbeat_ticks = 0;
    const bool checks = !is_mutant(Mutant::kNoPreVoteNoCheckQuorum);
    if (checks && !has_answers(leader)) {
      mark<"raft 15: too few answers end a leadership">();
      return step_down();
    }
    for (auto& [uid, progress] : leader.followers) progress.heartbeat_passed();
    tell_all(leader);
  }
  leader.settled_ticks = is_settled(leader, liveness) ? leader.settled_ticks + 1 : 0;
  if (leader.settled_ticks >= kSettleHeartbeats * config_.heartbeat_ticks) {
    mark<"raft 26: a leader falls silent">();
    leader.quiet = true;
    leader.check_ticks = 0;
    tell_all(leader);
  }
}

void Group::Impl::stir(Leader& leader) {
  leader.settled_ticks = 0;
  if (!leader.quiet) return;
  mark<"raft 26: a silent leader is stirred">();
  leader.quiet = false;
  leader.heartbeat_ticks = 0;
  for (auto& [uid, progress] : leader.followers) progress.silent_ticks = 0;
  tell_all(leader);
}

void Group::Impl::maybe_commit() {
  const Leader& leader = *leading();
  const Index reached = committed_index(membership(), [&](Uid uid) {
    return uid == self() ? log_.durable() : leader.followers.at(uid).match();
  });
  // Never by counting copies of an older term's entries (thesis figure 3.7).
  const bool own = log_.term_at(reached) == term() || is_mutant(Mutant::kCommitOlderTerm);
  if (reached > commit_ && !own) mark<"raft 1: copies of an older term's entry do not commit it">();
  if (reached > commit_ && own) advance_commit(reached);
}

void Group::Impl::on_append_answer(const Message& message, const AppendAnswer& answer) {
  Leader* leader = leading();
  if (leader == nullptr) return;
  auto found = leader->followers.find(message.from);
  if (found == leader->followers.end()) return;
  Progress& progress = found->second;
  if (answer.accepted && answer.match > log_.last()) return;  // no entry of ours
  progress.silent_ticks = 0;
  progress.known_commit = std::max(progress.known_commit, std::min(answer.commit, commit_));
  progress.told_commit = std::max(progress.told_commit, progress.known_commit);
  // A round this leader never began confirms nothing.
  if (answer.read_round <= leader->read_round) {
    progress.read_round = std::max(progress.read_round, answer.read_round);
  }
  if (answer.accepted) {
    if (progress.accepted(answer.match)) maybe_commit();
    progress.follow(commit_);
  } else {
    on_refusal(progress, answer);
  }
  confirm_reads(*leader);
}

void Group::Impl::on_refusal(Progress& progress, const AppendAnswer& answer) {
  // Below the start nothing is known of terms; a snapshot will be needed.
  const Index back = answer.hint < log_.start()
                         ? answer.hint
                         : log_.last_with_term_at_most(answer.hint, answer.hint_term);
  progress.refused(answer.prev, back);
}

Result<void> Group::Impl::transfer_to(Uid target) {
  Leader* leader = leading();
  if (leader == nullptr) {
    return Error{Code::kNotLeader, "only a leader can hand over leadership"};
  }
  const std::string name = "replica " + std::to_string(target.value);
  auto is_target = [&](const Member& member) { return member.uid == target; };
  if (target == self() ||
      std::none_of(membership().voters.begin(), membership().voters.end(), is_target)) {
    return Error{Code::kInvalidArgument, name + " is not another voter of this group"};
  }
  if (leader->transfer) {
    if (leader->transfer->target == target) return {};
    return Error{Code::kBusy, "leadership is already moving to replica " +
                                  std::to_string(leader->transfer->target.value)};
  }
  leader->transfer = Transfer{.target = target};
  stir(*leader);
  return {};
}

void Group::Impl::advance_transfer(Leader& leader) {
  if (!leader.transfer || leader.transfer->fired) return;
  auto target = leader.followers.find(leader.transfer->target);
  if (target == leader.followers.end() || target->second.match() != log_.last()) return;
  mark<"raft 14: a transfer's target has caught up">();
  leader.transfer->fired = true;
  send_now(leader.transfer->target, TimeoutNow{});
}

}  // namespace strandlog::raft
