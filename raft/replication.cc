// What a leader sends at a take(): appends within the window, snapshots, empty appends.
#include <algorithm>

#include "base/mark.h"
#include "raft/group_impl.h"

namespace strandlog::raft {

void Group::Impl::fill_sends(Leader& leader) {
  start_read_round(leader);
  advance_transfer(leader);
  for (auto& [uid, progress] : leader.followers) {
    fill_send(leader, uid, progress);
    if (progress.tell) tell(leader, uid, progress);
  }
}

void Group::Impl::fill_send(Leader& leader, Uid to, Progress& progress) {
  if (!progress.reachable || progress.pace() == Pace::kSnapshot) return;
  const Index prev = progress.next().previous();
  if (prev < log_.start()) {
    mark<"raft 23: a follower needs what is trimmed">();
    if (!progress.paused()) request_snapshot(to, progress, log_.start());
    return;
  }
  if (progress.next() > log_.last()) {
    // While answers are under way a later one brings the commit further.
    const bool is_behind = !progress.has_unanswered() &&
                           progress.told_commit < std::min(prev_to_tell(progress), commit_);
    const bool probe = progress.pace() == Pace::kProbe && progress.may_send(config_.window_bytes);
    if (probe || (is_behind && !progress.asked())) progress.tell = true;
    return;
  }
  if (!progress.may_send(config_.window_bytes)) return;
  // Empty appends are enough to find a replica that does not exist yet on a broker that is up.
  if (progress.silent_ticks >= config_.election_ticks) return;
  // Not cut to what is left of the window: crumbs cost a read and a message like whole appends, and
  // a follower that gets one entry per round trip may fall behind for good.
  const Send send{.to = to,
                  .term = term(),
                  .prev = prev,
                  .prev_term = *log_.term_at(prev),
                  .last = log_.last(),
                  .max_bytes = config_.max_append_bytes,
                  .commit = commit_,
                  .read_round = leader.read_round};
  progress.ask(send);
  out_.sends.push_back(send);
}

void Group::Impl::request_snapshot(Uid to, Progress& progress, Index at_least) {
  progress.to_snapshot(at_least);
  out_.snapshots.push_back({.to = to, .at_least = at_least});
}

Index Group::Impl::prev_to_tell(const Progress& progress) const {
  // Beside a probe nothing is under way that an empty append could overtake, so it probes as well.
  // Otherwise it names what the follower is known to have: a refusal would be news from the past.
  const Index before_next = progress.next().previous();
  if (progress.pace() == Pace::kProbe && before_next >= log_.start()) return before_next;
  if (progress.match() >= log_.start()) return progress.match();
  return Index{};  // fits every log
}

void Group::Impl::tell(Leader& leader, Uid to, Progress& progress) {
  progress.tell = false;
  const Index prev = prev_to_tell(progress);
  const Index commit = std::min(commit_, prev);
  if (commit < commit_) mark<"raft 2: a heartbeat's commit is bounded by the match">();
  if (progress.pace() == Pace::kProbe) {
    progress.probed();
  } else {
    progress.told_commit = std::max(progress.told_commit, commit);
  }
  send_now(to, Append{.prev = prev,
                      .prev_term = prev == Index{} ? Term{} : *log_.term_at(prev),
                      .last = prev,
                      .runs = {},
                      .commit = commit,
                      .read_round = leader.read_round,
                      .quiet = leader.quiet});
}

void Group::Impl::tell_all(Leader& leader) {
  for (auto& [uid, progress] : leader.followers) progress.tell = true;
}

void Group::Impl::sent(Uid to, Index last, uint64_t bytes, bool compacted) {
  Leader* leader = leading();
  if (leader == nullptr) return;
  auto found = leader->followers.find(to);
  if (found == leader->followers.end() || !found->second.asked()) return;
  Progress& progress = found->second;
  const Index prev = progress.asked()->prev;
  const bool moved = progress.sent(compacted ? prev : last, compacted ? 0 : bytes);
  if (!moved || !compacted) return;
  mark<"raft 23: entries are trimmed before they are read">();
  request_snapshot(to, progress, std::max(log_.start(), prev.plus(1)));
}

void Group::Impl::snapshot_done(Uid to, bool ok) {
  Leader* leader = leading();
  if (leader == nullptr) return;
  auto found = leader->followers.find(to);
  if (found == leader->followers.end() || found->second.pace() != Pace::kSnapshot) return;
  Progress& progress = found->second;
  if (ok) {
    progress.to_probe(std::min(progress.snapshot_index(), log_.last()).plus(1));
  } else {
    mark<"raft 22: a snapshot that failed waits for the next heartbeat">();
    progress.reprobe();
    progress.pause();
  }
}

}  // namespace strandlog::raft
