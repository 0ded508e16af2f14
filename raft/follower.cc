// A follower: checks and takes entries, answers for what is durable, notices a leader's end.
#include <algorithm>

#include "base/check.h"
#include "base/mark.h"
#include "base/mutant.h"
#include "raft/group_impl.h"

namespace strandlog::raft {
namespace {

/// Whether the runs tell the term of every entry of (prev, last], in order and not of the future.
bool is_well_formed(const Append& append, Term term) {
  if (append.last < append.prev || append.prev_term > term) return false;
  if (append.last == append.prev) return true;
  if (append.runs.empty() || append.runs.front().first != append.prev.plus(1)) return false;
  Term newest = append.prev_term;
  Index first = append.prev;
  for (const TermRun& run : append.runs) {
    if (run.first <= first || run.first > append.last) return false;
    if (run.term < newest || run.term > term) return false;
    first = run.first;
    newest = run.term;
  }
  first = append.prev;
  for (const Membership& configuration : append.configurations) {
    if (configuration.index <= first || configuration.index > append.last) return false;
    first = configuration.index;
  }
  return true;
}

}  // namespace

void Group::Impl::tick_follower(Follower& follower, const Liveness& liveness) {
  if (follower.quiet) {
    const Member* member = membership().find(follower.leader);
    if (member != nullptr && liveness.alive(member->broker)) return;
    lose_leader();
  }
  ++follower.silent_ticks;
  tick_election();
}

void Group::Impl::lose_leader() {
  auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || follower->leader.value == 0) return;
  follower->quiet = false;
  follower->silent_ticks = config_.election_ticks;
  hurry_timer();
}

Follower* Group::Impl::follow(Uid leader) {
  if (leading() != nullptr || ended_ == term()) return nullptr;
  auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || follower->leader.value == 0) {
    become_follower(term(), leader);
    follower = std::get_if<Follower>(&role_);
  }
  if (follower->leader != leader) return nullptr;
  follower->silent_ticks = 0;
  removed_ = false;
  vain_terms_ = 0;
  restart_timer();
  return follower;
}

void Group::Impl::on_append(const Message& message, const Append& append) {
  if (!is_well_formed(append, message.term)) return;
  Follower* follower = follow(message.from);
  if (follower == nullptr) return;
  follower->quiet = append.quiet;
  following_.read_round = std::max(following_.read_round, append.read_round);
  if (append.prev < commit_) {
    mark<"raft 4: an append begins below the commit">();
    // What is committed is in every leader's log. The rest of the message is not looked at: it
    // repeats what was sent before.
    following_.verified = std::max(following_.verified, commit_);
    return accept(message.from);
  }
  if (log_.term_at(append.prev) != append.prev_term) {
    mark<"raft 5: an append does not fit">();
    return refuse(message.from, append.prev, append.prev_term);
  }
  take_entries(append);
  following_.verified = std::max(following_.verified, append.last);
  // Only as far as this message proves: what lies beyond may be another leader's.
  const Index proven = is_mutant(Mutant::kCommitBeyondProof) ? log_.last() : append.last;
  if (append.commit > append.last) mark<"raft 3: a commit beyond what the append proves">();
  advance_commit(std::min(append.commit, proven));
  accept(message.from);
}

void Group::Impl::take_entries(const Append& append) {
  if (append.last == append.prev) return;
  std::optional<Index> conflict = log_.first_conflict(append.prev, append.last, append.runs);
  if (is_mutant(Mutant::kTruncateMatching) && append.prev < log_.last()) {
    conflict = append.prev.plus(1);
  }
  if (!conflict && append.last <= log_.last()) return;
  const Index first = conflict ? *conflict : log_.last().plus(1);
  CHECK(!out_.append_first);  // take() comes between two steps: the driver holds one message
  if (conflict) {
    mark<"raft 5: entries of another leader are truncated">();
    CHECK(first > commit_);
    CHECK(first > following_.verified || is_mutant(Mutant::kTruncateMatching));
    log_.truncate(first, term());
    memberships_.truncate(first);
    out_.truncate_from = first;
  }
  for (size_t i = 0; i < append.runs.size(); ++i) {
    const bool is_end = i + 1 == append.runs.size();
    const Index end = is_end ? append.last : append.runs[i + 1].first.previous();
    if (end > log_.last()) log_.append(end, append.runs[i].term);
  }
  for (const Membership& configuration : append.configurations) {
    if (configuration.index >= first) memberships_.append(configuration);
  }
  out_.append_first = first;
  out_.append_last = append.last;
}

void Group::Impl::refuse(Uid leader, Index prev, Term prev_term) {
  CHECK(prev > commit_ || prev == Index{});
  // The last entry here that can be in the leader's log: thesis 3.3, "fast back-off".
  Index hint = log_.last_with_term_at_most(prev, prev_term);
  hint = std::max(hint, commit_);
  send_durably(leader, AppendAnswer{.accepted = false,
                                    .match = {},
                                    .prev = prev,
                                    .hint = hint,
                                    .hint_term = *log_.term_at(hint),
                                    .commit = commit_,
                                    .read_round = following_.read_round});
}

void Group::Impl::accept(Uid leader) {
  if (log_.durable() < following_.verified) {
    mark<"raft 24: an answer waits for the disk">();
    following_.answer_due = true;
    // What was accepted before may be durable already, and a heartbeat wants its answer now.
    if (out_.append_first) return;
  }
  following_.answered = std::min(following_.verified, log_.durable());
  send_durably(leader, AppendAnswer{.accepted = true,
                                    .match = following_.answered,
                                    .prev = {},
                                    .hint = {},
                                    .hint_term = {},
                                    .commit = commit_,
                                    .read_round = following_.read_round});
}

void Group::Impl::answer_durable() {
  if (!following_.answer_due || leader().value == 0 || !hard_is_durable()) return;
  const bool all = log_.durable() >= following_.verified;
  if (!all && log_.durable() <= following_.answered) return;
  following_.answer_due = !all;
  following_.answered = std::min(following_.verified, log_.durable());
  send_now(leader(), AppendAnswer{.accepted = true,
                                  .match = following_.answered,
                                  .prev = {},
                                  .hint = {},
                                  .hint_term = {},
                                  .commit = commit_,
                                  .read_round = following_.read_round});
}

void Group::Impl::on_snapshot(const Message& message, const SnapshotOffer& offer) {
  if (offer.index_term > message.term || follow(message.from) == nullptr) return;
  if (offer.index <= commit_) {
    mark<"raft 21: a snapshot at or below the commit">();
    following_.verified = std::max(following_.verified, commit_);
    return accept(message.from);
  }
  if (log_.term_at(offer.index) == offer.index_term) {
    mark<"raft 21: a snapshot of what the log holds">();
    following_.verified = std::max(following_.verified, offer.index);
    advance_commit(offer.index);
    return accept(message.from);
  }
  mark<"raft 21: a snapshot replaces the log">();
  CHECK(!out_.append_first && !out_.install);  // take() comes between two steps
  log_.reset(offer.index, offer.index_term, term());
  memberships_.reset(offer.membership);
  advance_commit(offer.index);
  out_.install = offer;
  following_.verified = offer.index;
  following_.answer_due = true;
}

void Group::Impl::on_timeout_now(const Message& message) {
  const auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || follower->leader != message.from) return;
  campaign(true);
}

void Group::Impl::on_step_down(const Message& message) {
  auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || follower->leader != message.from) return;
  mark<"raft: a leader says that it steps down">();
  lose_leader();
  follower->leader = Uid{};
  ended_ = term();
}

}  // namespace strandlog::raft
