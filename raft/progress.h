// Progress: what a leader knows of one follower, with the pace at which it sends.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "raft/group.h"

namespace strandlog::raft {

/// kProbe: the follower's log is not known; one append at a time. kReplicate: appends stream ahead
/// of the answers. kSnapshot: appends are useless until the state has arrived.
enum class Pace { kProbe, kReplicate, kSnapshot };

class Progress {
 public:
  Progress(BrokerId at, Index next_to_send) : broker(at), next_(next_to_send) {}

  Pace pace() const { return pace_; }
  Index match() const { return match_; }  ///< durable there and equal to ours up to this
  Index next() const { return next_; }    ///< first entry to send; always above match
  uint64_t unanswered_bytes() const { return unanswered_bytes_; }
  bool has_unanswered() const { return !flight_.empty(); }
  /// A Send may be asked of the driver now.
  bool may_send(uint64_t window_bytes) const;
  /// Ticks since an answer raised match while appends were under way.
  uint32_t stalled_ticks() const { return stalled_ticks_; }
  Index snapshot_index() const { return snapshot_index_; }
  const std::optional<Send>& asked() const { return asked_; }

  /// The driver was asked for this.
  void ask(const Send& send);
  /// The driver's answer; nothing more is asked before the next heartbeat when it sent nothing.
  /// False when the pace changed meanwhile: then it moves nothing.
  bool sent(Index last, uint64_t bytes);
  /// An empty append took the probe's place.
  void probed() { probe_out_ = true; }
  /// An answer that accepts up to `match`. True when match grew.
  bool accepted(Index match);
  /// After an answer: a round of catching up ends where the leader's commit was when it began, and
  /// the next one begins (thesis 4.2.1).
  void follow(Index commit);
  /// Whether its last round of catching up took less than this, and the one under way so far.
  bool keeps_up(uint32_t ticks) const { return last_round_ticks_ < ticks && round_ticks_ < ticks; }
  /// Where a refusal of `prev` leads, in words of our own log: `back` is where it fits next.
  /// False when the refusal is stale.
  bool refused(Index prev, Index back);
  void to_probe(Index next);
  /// Back to probing behind what is known to be there; where it stands now if nothing is known.
  void reprobe() { to_probe(match_ == Index{} ? next_ : match_.plus(1)); }
  void to_snapshot(Index at_least);
  /// No snapshot is asked for before the next heartbeat.
  void pause() { paused_ = true; }
  bool paused() const { return paused_; }
  /// The follower restarted: what it holds is to be learned anew.
  void forget_match();
  /// A heartbeat interval passed: an unanswered probe is taken as lost.
  void heartbeat_passed();
  void tick();
  bool is_sound(Index last) const;

  // Written by the leader, without rules of their own.
  BrokerId broker;
  bool tell = false;          ///< an empty append is due
  uint32_t silent_ticks = 0;  ///< since its last answer; counts while the group is not quiet
  bool reachable = true;      ///< its broker's session stands
  Index told_commit;          ///< highest commit sent to it that it could take
  Index known_commit;         ///< as its answers say
  uint64_t read_round = 0;    ///< newest it echoed in this term

 private:
  struct Sent {
    Index last;
    uint64_t bytes;
  };

  static constexpr uint32_t kNever = ~uint32_t{0};

  void clear_flight();

  Pace pace_ = Pace::kProbe;
  Index match_;
  Index next_;
  Index snapshot_index_;
  bool probe_out_ = false;
  bool paused_ = false;
  uint32_t stalled_ticks_ = 0;
  std::optional<Index> goal_;  ///< of the round under way
  uint32_t round_ticks_ = 0;
  uint32_t last_round_ticks_ = kNever;
  std::optional<Send> asked_;
  bool asked_void_ = false;  ///< the pace changed since asked_: its answer moves nothing
  std::deque<Sent> flight_;
  uint64_t unanswered_bytes_ = 0;
};

}  // namespace strandlog::raft
