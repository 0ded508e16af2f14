// Group: one replica of one Raft group as a pure function; messages and ticks in, decisions out.
//
// No clock, disk, network, thread or global; no payload bytes. The driver carries out each Output
// in field order, keeps the bytes of proposals and of received appends until the Output that names
// them, and reports what became durable. Follows the Raft thesis (sections named at the code),
// with pre-vote (9.6), check-quorum (6.2), leadership transfer (3.10), ReadIndex (6.4) and
// append-before-own-write (10.2.1).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "raft/membership.h"
#include "raft/message.h"

namespace strandlog::raft {

struct GroupConfig {
  GroupId group;
  Uid self;
  /// Silence before a campaign: between 1x and 2x of this; up to 5x longer after terms without a
  /// leader, so that elections end on disks that write slower than this.
  uint32_t election_ticks = 20;
  uint32_t heartbeat_ticks = 2;  ///< a leader's silence at most, unless quiet
  /// Per follower: from here on, sent and not yet answered, it is sent nothing more. The append
  /// that gets there may go beyond by its own length.
  uint64_t window_bytes = 8u << 20;
  uint64_t max_append_bytes = 1u << 20;  ///< one Send asks for at most this much
};

struct HardState {
  Term term;
  Uid vote;  ///< 0: none in this term
  bool operator==(const HardState&) const = default;
};

/// What a replica knows from its disk when it starts. Default: a new, empty replica.
struct Restored {
  HardState hard;
  Index start;                 ///< the entry before the first one kept; 0 when none was trimmed
  Term start_term;             ///< its term
  std::vector<TermRun> terms;  ///< of (start, last]
  Index last;                  ///< all durable
  /// The newest configuration of the log, behind the one before it if there was one; never empty.
  std::vector<Membership> memberships;
  Index commit;  ///< a floor known from disk; at least `start`
};

/// "Send the entries after `prev`": the driver answers each with sent(), once, now or later.
struct Send {
  Uid to;
  Term term;  ///< goes into the message; once Group::term() differs, drop it unanswered
  Index prev;
  Term prev_term;
  Index last;          ///< at most up to here; the driver may stop earlier
  uint64_t max_bytes;  ///< stop before exceeding it, but never before the first entry
  Index commit;
  uint64_t read_round;
  bool operator==(const Send&) const = default;
};

/// "Send a SnapshotOffer": nothing else goes to this follower until snapshot_done(), an answer
/// that reaches `at_least`, or the end of its session.
struct SnapshotSend {
  Uid to;
  Index at_least;  ///< the snapshot must reach at least the log's start
  bool operator==(const SnapshotSend&) const = default;
};

/// What a leader is asked to change a configuration to.
struct MembershipChange {
  Index seen;  ///< index of the configuration it starts from: compare and set
  std::vector<Member> voters;
  std::vector<Member> learners;
};

struct ReadReady {
  uint64_t token;
  std::optional<Index> index;  ///< everything up to it was committed when asked; none: not leader
  bool operator==(const ReadReady&) const = default;
};

/// What one take() decided. Carry it out in field order; `after_write` waits for persisted().
struct Output {
  std::vector<ReadReady> reads;
  bool lost_leadership = false;          ///< what it proposed is void, whatever commits below
  std::vector<Message> at_once;          ///< needs nothing durable
  std::optional<HardState> hard_state;   ///< to the journal
  std::optional<SnapshotOffer> install;  ///< replace the whole log by this state first
  std::optional<Index> truncate_from;    ///< then drop this entry and all later ones
  std::optional<Index> append_first;     ///< then append [first, last]: of proposals, of the
  std::optional<Index> append_last;      ///< append just stepped, …
  std::optional<Index> noop;             ///< … except this one, a leader's no-op in `term`, …
  std::optional<Membership> configuration;  ///< … and the one at its index, which carries it
  std::vector<Send> sends;                  ///< a leader's appends: safe before its own write
  std::vector<SnapshotSend> snapshots;
  std::vector<Message> after_write;   ///< votes and vote requests; never without hard_state
  Index commit;                       ///< never moves back
  std::optional<Term> became_leader;  ///< set once per won election
  bool removed = false;               ///< a leader says that this replica is no member any more
  bool empty() const;                 ///< nothing to carry out (commit aside)
};

/// Which brokers are heard from right now.
class Liveness {
 public:
  virtual ~Liveness() = default;
  virtual bool alive(BrokerId broker) const = 0;
};

enum class Role { kFollower, kPreCandidate, kCandidate, kLeader };

/// For status output.
struct Status {
  Role role = Role::kFollower;
  Term term;
  Uid leader;  ///< 0: unknown
  Index start, last, durable, commit;
  bool quiet = false;
  struct Peer {
    Member member;
    Index match;
    bool probing = false;
    bool recently_active = false;
  };
  std::vector<Peer> peers;  ///< of a leader: every member but itself
};

/// Used by one thread. take() after every call that may decide something, at the latest before
/// the next step().
class Group {
 public:
  /// `seed` drives the election jitter and nothing else.
  Group(GroupConfig config, Restored restored, uint64_t seed);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  /// One unit of logical time. A quiet follower lets its election timer stand while the session
  /// of its leader's broker is alive; a quiet leader counts sessions for check-quorum.
  void tick(const Liveness& liveness);
  /// From a peer. Stale or misdirected messages change nothing.
  void step(const Message& message);
  /// Leader only (kNotLeader otherwise; kBusy while a transfer runs). The entry gets the returned
  /// index in the current term.
  Result<Index> propose();
  /// Leader only. Takes effect at once here and wherever the entry arrives; of voters, by way of a
  /// joint configuration (thesis 4.3) that the leader leaves by itself once it is committed. A new
  /// voter must be a learner that follows the log; a voter can only be removed, not made a learner.
  /// Returns the index of the configuration that is in force now. kNotLeader; kConflict: not the
  /// one that was seen; kBusy: a transfer or another change is under way, nothing was committed in
  /// this term yet, or a new voter lags behind; kInvalidArgument.
  Result<Index> change_membership(const MembershipChange& change);
  /// The answer to one Send: entries up to `last` went out as `bytes`. last == prev: nothing could
  /// be read now (a new Send follows after a heartbeat interval); `compacted`: they are gone, a
  /// snapshot is needed.
  void sent(Uid to, Index last, uint64_t bytes, bool compacted = false);
  /// A SnapshotSend ended; ok: the receiver reported it installed or took it. Not ok, also when the
  /// receiver stayed silent for too long: it is asked for again after a heartbeat interval.
  void snapshot_done(Uid to, bool ok);
  /// Everything up to `last` (an entry of `last_term`) and `hard` is durable, both as the Outputs
  /// of one round and all rounds before it left them; rounds are reported in order. Ignored for
  /// entries that have been overwritten since (a late report of an old write).
  void persisted(Index last, Term last_term, HardState hard);
  /// The driver dropped the entries up to `start`: at most min(commit, durable).
  void trimmed(Index start);
  /// Asks for a read that is as new as this moment; the answer comes out of a take().
  void read_index(uint64_t token);
  /// Hands leadership to a voter; kNotLeader, or kInvalidArgument for another uid.
  Result<void> transfer_to(Uid target);
  /// The broker's session ended: what was under way to it may be lost.
  void peer_down(BrokerId broker);
  /// The broker's session began; a new boot means its replicas may have lost what was not durable.
  void peer_up(BrokerId broker, bool new_boot);
  /// Whatever the leader promised about silence no longer holds (its leaderships changed); a leader
  /// speaks again.
  void wake();
  /// While false: neither campaigns nor votes nor acks (creation not yet confirmed). True at first.
  void set_active(bool active);
  /// Gives up leadership without a successor (a stalled disk); nothing for others.
  void step_down();

  /// Everything decided since the last take(). A leader asks for one Send per follower at a time:
  /// answer it by sent() and take() again until the Output is empty.
  Output take();

  Role role() const;
  Term term() const;
  Uid leader() const;
  Index commit() const;
  Index last() const;
  Index durable() const;
  /// The term of an entry in [start, last]; none outside.
  std::optional<Term> term_at(Index index) const;
  const Membership& membership() const;
  /// Nothing happens at ticks while the session of its leader's broker (for a leader: of every
  /// broker it counted) stands, so they may be left out.
  bool quiet() const;
  /// True once a leader has committed an entry of its own term: from then on its ends are
  /// authoritative.
  bool committed_in_term() const;
  Status status() const;
  /// Every broken invariant in words, empty when all hold (thesis figure 3.2 and our own rules).
  std::vector<std::string> broken_invariants() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strandlog::raft
