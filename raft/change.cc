// A leader changes who votes (Raft thesis 4.3): into the joint configuration, out of it once that
// is committed, and out of office when it is no member itself.
#include <algorithm>

#include "base/check.h"
#include "base/mark.h"
#include "raft/group_impl.h"

namespace strandlog::raft {
namespace {

std::string name_of(Uid uid) { return "replica " + std::to_string(uid.value); }

Error refused(std::string why) { return Error{Code::kInvalidArgument, std::move(why)}; }

/// Whether the lists alone make sense beside the configuration in force.
Result<void> check_lists(const Membership& now, const MembershipChange& change) {
  if (change.voters.empty()) return refused("a group needs a voter");
  std::vector<Member> all = change.voters;
  all.insert(all.end(), change.learners.begin(), change.learners.end());
  for (const Member& member : all) {
    auto same = [&](const Member& other) { return other.uid == member.uid; };
    if (std::count_if(all.begin(), all.end(), same) > 1) {
      return refused(name_of(member.uid) + " is named twice");
    }
    const Member* known = now.find(member.uid);
    if (member.uid.value == 0 || (known != nullptr && *known != member)) {
      return refused(name_of(member.uid) + " is bound to another store");
    }
  }
  for (const Member& learner : change.learners) {
    if (now.is_voter(learner.uid)) {
      return refused(name_of(learner.uid) + " votes; remove it and add a new one instead");
    }
  }
  return {};
}

}  // namespace

Result<Index> Group::Impl::change_membership(const MembershipChange& change) {
  if (leading() == nullptr) return not_leading();
  if (auto free = may_change(change.seen); !free.ok()) return free.error();
  if (auto sound = check_lists(membership(), change); !sound.ok()) return sound.error();
  const Membership& now = membership();
  if (now.voters == change.voters && now.learners == change.learners) return now.index;
  Membership next{
      .voters = change.voters, .outgoing = {}, .learners = change.learners, .index = {}};
  if (now.voters != change.voters) next.outgoing = now.voters;
  for (const Member& voter : change.voters) {
    if (now.is_voter(voter.uid) || is_caught_up(voter.uid)) continue;
    mark<"raft 12: a replica that lags behind does not become a voter">();
    return Error{Code::kBusy, name_of(voter.uid) + " does not follow the log yet: retry"};
  }
  stir(*leading());
  return append_configuration(std::move(next));
}

Result<void> Group::Impl::may_change(Index seen) const {
  if (leading()->transfer) return transferring();
  const Membership& now = membership();
  const std::string index = std::to_string(now.index.value);
  // Else two leaders' changes could both be under way (the bug of single-server changes, thesis
  // 4.1, found by Ongaro in 2015).
  if (!committed_in_term() || now.index > commit_ || !now.outgoing.empty()) {
    mark<"raft 9: one change at a time, after a commit in the leader's term">();
    return Error{Code::kBusy, "configuration " + index + " is not committed yet: retry"};
  }
  if (seen != now.index) {
    return Error{Code::kConflict, "the configuration is " + index + ", not " +
                                      std::to_string(seen.value) + ": read it again"};
  }
  return {};
}

bool Group::Impl::is_caught_up(Uid uid) const {
  auto found = leading()->followers.find(uid);
  if (found == leading()->followers.end()) return false;
  const Progress& progress = found->second;
  return progress.reachable && progress.silent_ticks < config_.election_ticks &&
         progress.match() >= leading()->noop && progress.keeps_up(config_.election_ticks);
}

Index Group::Impl::append_configuration(Membership next) {
  CHECK(!out_.configuration);  // the one before is committed, so it was taken and written
  next.index = append_own();
  out_.configuration = next;
  memberships_.append(std::move(next));
  match_followers();
  maybe_commit();  // fewer voters may be enough for what is there already
  return membership().index;
}

void Group::Impl::match_followers() {
  auto& followers = leading()->followers;
  std::erase_if(followers,
                [&](const auto& one) { return membership().find(one.first) == nullptr; });
  for (const Member& member : membership().all()) {
    if (member.uid == self()) continue;
    followers.try_emplace(member.uid, Progress(member.broker, log_.last().plus(1)));
  }
}

void Group::Impl::advance_change() {
  const Membership& now = membership();
  if (!committed_in_term() || now.index > commit_ || leading()->transfer) return;
  if (!now.outgoing.empty()) {
    mark<"raft 11: a joint configuration is left once it is committed">();
    append_configuration(
        {.voters = now.voters, .outgoing = {}, .learners = now.learners, .index = {}});
  } else if (!now.is_voter(self())) {
    mark<"raft 11: a leader that removed itself steps down">();
    step_down();
  }
}

void Group::Impl::tell_gone(const Message& request) {
  // A leader of an older term may not know who became a member since.
  const Term asker = request.term.previous();
  const Membership& now = membership();
  if (leading() == nullptr || !committed_in_term() || asker > term()) return;
  if (now.find(request.from) != nullptr || now.index > commit_ || !now.outgoing.empty()) return;
  mark<"raft 13: a removed replica is told">();
  send_now(request.from, Gone{.configuration = now.index});
}

void Group::Impl::on_gone(const Gone& gone) {
  if (leading() != nullptr || gone.configuration <= membership().index) return;
  if (!removed_) out_.removed = true;
  removed_ = true;
  become_follower(term(), Uid{});
}

}  // namespace strandlog::raft
