// The three paces of a follower and the byte window.
#include "raft/progress.h"

#include <algorithm>

#include "base/mark.h"

namespace strandlog::raft {
namespace {

// Bounds the list of unanswered sends when entries are tiny; the byte window bounds the rest.
constexpr size_t kMaxUnansweredSends = 256;

}  // namespace

bool Progress::may_send(uint64_t window_bytes) const {
  if (asked_ || paused_) return false;
  switch (pace_) {
    case Pace::kProbe:
      if (probe_out_) mark<"raft 25: one probe at a time">();
      return !probe_out_;
    case Pace::kReplicate:
      return unanswered_bytes_ < window_bytes && flight_.size() < kMaxUnansweredSends;
    case Pace::kSnapshot:
      return false;
  }
  return false;
}

void Progress::ask(const Send& send) {
  asked_ = send;
  asked_void_ = false;
  if (pace_ == Pace::kProbe) probe_out_ = true;
}

bool Progress::sent(Index last, uint64_t bytes) {
  if (!asked_) return false;
  const Send send = *asked_;
  asked_.reset();
  if (asked_void_ || last < send.prev || last > send.last) return false;
  if (last == send.prev) {
    paused_ = true;
    return true;
  }
  told_commit = std::max(told_commit, std::min(send.commit, last));
  if (pace_ != Pace::kReplicate) return true;
  next_ = std::max(next_, last.plus(1));
  if (last <= match_) return true;
  if (flight_.empty()) stalled_ticks_ = 0;
  flight_.push_back({last, bytes});
  unanswered_bytes_ += bytes;
  return true;
}

bool Progress::accepted(Index match) {
  const bool grew = match > match_;
  const bool probe_fits = pace_ == Pace::kProbe && match >= next_.previous();
  if (grew) {
    match_ = match;
    stalled_ticks_ = 0;
    while (!flight_.empty() && flight_.front().last <= match) {
      unanswered_bytes_ -= flight_.front().bytes;
      flight_.pop_front();
    }
  }
  const bool snapshot_done = pace_ == Pace::kSnapshot && match_ >= snapshot_index_;
  if (snapshot_done) mark<"raft 22: an answer reaches the snapshot">();
  if (snapshot_done || probe_fits || (grew && pace_ == Pace::kProbe)) {
    clear_flight();
    pace_ = Pace::kReplicate;
    next_ = match_.plus(1);
  }
  next_ = std::max(next_, match_.plus(1));
  return grew;
}

void Progress::follow(Index commit) {
  if (goal_ && match_ < *goal_) return;
  if (goal_) last_round_ticks_ = round_ticks_;
  goal_ = commit;
  round_ticks_ = 0;
}

bool Progress::refused(Index prev, Index back) {
  if (prev <= match_) {
    mark<"raft 5: a refusal of the past">();
    return false;
  }
  switch (pace_) {
    case Pace::kSnapshot:
      return false;
    case Pace::kProbe:
      if (prev.plus(1) != next_) return false;
      break;
    case Pace::kReplicate:
      if (prev >= next_) return false;
      break;
  }
  to_probe(std::min(back, prev.previous()).plus(1));
  return true;
}

void Progress::to_probe(Index next) {
  clear_flight();
  pace_ = Pace::kProbe;
  told_commit = known_commit;
  next_ = std::max(next, match_.plus(1));
}

void Progress::to_snapshot(Index at_least) {
  clear_flight();
  pace_ = Pace::kSnapshot;
  snapshot_index_ = at_least;
}

void Progress::forget_match() {
  mark<"raft 29: a follower that started again proves its log anew">();
  reprobe();
  match_ = Index{};
  told_commit = Index{};
  known_commit = Index{};
  goal_.reset();
  last_round_ticks_ = kNever;
}

void Progress::clear_flight() {
  flight_.clear();
  unanswered_bytes_ = 0;
  stalled_ticks_ = 0;
  probe_out_ = false;
  paused_ = false;
  asked_void_ = true;
}

void Progress::heartbeat_passed() {
  probe_out_ = false;
  paused_ = false;
}

void Progress::tick() {
  ++silent_ticks;
  if (goal_) ++round_ticks_;
  if (!flight_.empty()) ++stalled_ticks_;
}

bool Progress::is_sound(Index last) const {
  uint64_t bytes = 0;
  for (const Sent& sent : flight_) {
    if (sent.last <= match_ || sent.last >= next_) return false;
    bytes += sent.bytes;
  }
  if (bytes != unanswered_bytes_ || flight_.size() > kMaxUnansweredSends) return false;
  if (pace_ != Pace::kReplicate && !flight_.empty()) return false;
  return match_ <= last && next_ > match_ && next_ <= last.plus(1);
}

}  // namespace strandlog::raft
