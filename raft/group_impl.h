// Group::Impl: the state of one replica, its role as a variant, and the handlers by file.
#pragma once

#include <map>
#include <variant>

#include "raft/group.h"
#include "raft/log_view.h"
#include "raft/memberships.h"
#include "raft/progress.h"
#include "raft/quorum.h"

namespace strandlog::raft {

struct Follower {
  Uid leader;                 ///< 0: none known in this term
  uint32_t silent_ticks = 0;  ///< since it was heard; the lease ends at election_ticks
  bool quiet = false;         ///< it announced silence
};

/// Voters' answers so far: +1 or -1.
using Ballot = std::map<Uid, int>;

struct PreCandidate {
  Ballot ballot;
};

struct Candidate {
  Ballot ballot;  ///< the own vote stands in it once it is durable
  bool transfer = false;
};

/// Reads that one read round confirms.
struct ReadBatch {
  uint64_t round;
  Index index;
  std::vector<uint64_t> tokens;
};

struct Transfer {
  Uid target;
  uint32_t ticks = 0;
  bool fired = false;
};

struct Leader {
  Index noop;                         ///< first entry of the term
  std::map<Uid, Progress> followers;  ///< every member but itself
  uint32_t heartbeat_ticks = 0;
  uint32_t check_ticks = 0;    ///< while quiet: since sessions were counted
  uint32_t settled_ticks = 0;  ///< how long nobody lacked anything
  bool quiet = false;
  uint64_t read_round = 0;
  std::vector<uint64_t> waiting_reads;  ///< no round of theirs has begun
  std::vector<ReadBatch> reads;         ///< oldest first
  std::optional<Transfer> transfer;
};

/// What a replica learned from the one leader a term can have. Outlives a failed campaign.
struct Following {
  Index verified;           ///< our log is equal to the leader's up to this
  bool answer_due = false;  ///< accepted entries that were not durable then
  Index answered;           ///< highest match told
  uint64_t read_round = 0;  ///< newest seen
};

class Group::Impl {
 public:
  Impl(GroupConfig config, Restored restored, uint64_t seed);

  // group.cc: what the public face forwards to.
  void tick(const Liveness& liveness);
  void persisted(Index last, Term last_term, HardState hard);
  void trimmed(Index start);
  void set_active(bool active);
  Output take();
  Status status() const;
  // invariants.cc
  std::vector<std::string> broken_invariants() const;
  // step.cc: the term rule and the dispatch.
  void step(const Message& message);
  // change.cc
  Result<Index> change_membership(const MembershipChange& change);
  // leader.cc
  Result<Index> propose();
  Result<void> transfer_to(Uid target);
  void step_down();
  // replication.cc
  void sent(Uid to, Index last, uint64_t bytes, bool compacted);
  void snapshot_done(Uid to, bool ok);
  // reads.cc
  void read_index(uint64_t token);
  // sessions.cc
  void peer_down(BrokerId broker);
  void peer_up(BrokerId broker, bool new_boot);
  void wake();

  Role role() const;
  Uid leader() const;
  bool quiet() const;
  bool committed_in_term() const;
  const HardState& hard() const { return hard_; }
  Index commit() const { return commit_; }
  const LogView& log() const { return log_; }
  const Membership& membership() const { return memberships_.current(); }

 private:
  Uid self() const { return config_.self; }
  Term term() const { return hard_.term; }
  Leader* leading() { return std::get_if<Leader>(&role_); }
  const Leader* leading() const { return std::get_if<Leader>(&role_); }
  bool is_sole_voter() const;
  bool hard_is_durable() const { return hard_ == durable_hard_; }
  Message message_to(Uid to, Body body) const;
  void send_now(Uid to, Body body);
  /// A promise that must not be forgotten: leaves once term and vote are durable.
  void send_durably(Uid to, Body body);
  void set_hard(HardState hard);
  void advance_commit(Index commit);

  // step.cc
  void on_lower_term(const Message& message);
  void dispatch(const Message& message);

  // election.cc
  void restart_timer();
  /// Evidence that the leader is gone: campaign soon, spread by jitter.
  void hurry_timer();
  uint64_t random();
  void tick_election();
  void campaign(bool transfer);
  void start_pre_vote();
  void start_election(bool transfer);
  void request_votes(const VoteRequest& request);
  void decide();
  bool in_lease() const;
  bool is_up_to_date(const VoteRequest& request) const;
  void on_vote_request(const Message& message, const VoteRequest& request);
  void refuse_in_lease(const Message& message, const VoteRequest& request);
  void on_vote_answer(const Message& message, const VoteAnswer& answer);
  void become_follower(Term term, Uid leader);

  // follower.cc
  void tick_follower(Follower& follower, const Liveness& liveness);
  void lose_leader();
  /// The follower of `leader` after hearing from it; nullptr if another leads in this term.
  Follower* follow(Uid leader);
  void on_append(const Message& message, const Append& append);
  void take_entries(const Append& append);
  void refuse(Uid leader, Index prev, Term prev_term);
  void accept(Uid leader);
  void answer_durable();
  void on_snapshot(const Message& message, const SnapshotOffer& offer);
  void on_timeout_now(const Message& message);
  void on_step_down(const Message& message);

  // change.cc: all but on_gone() of a leader
  /// Whether a change may begin now, from the configuration that was `seen`.
  Result<void> may_change(Index seen) const;
  bool is_caught_up(Uid uid) const;
  Index append_configuration(Membership next);
  /// Followers are the members of the configuration in force.
  void match_followers();
  void advance_change();
  void tell_gone(const Message& request);
  void on_gone(const Gone& gone);

  // leader.cc
  void become_leader();
  Error not_leading() const;
  Error transferring() const;
  void lose_leadership();
  Index append_own();
  void tick_leader(Leader& leader, const Liveness& liveness);
  bool has_answers(const Leader& leader) const;
  bool has_sessions(const Leader& leader, const Liveness& liveness) const;
  void tick_busy(Leader& leader, const Liveness& liveness);
  bool is_settled(const Leader& leader, const Liveness& liveness) const;
  void maybe_commit();
  /// Ends being quiet and tells everybody.
  void stir(Leader& leader);
  void on_append_answer(const Message& message, const AppendAnswer& answer);
  void on_refusal(Progress& progress, const AppendAnswer& answer);
  void advance_transfer(Leader& leader);

  // replication.cc
  void fill_sends(Leader& leader);
  void fill_send(Leader& leader, Uid to, Progress& progress);
  void request_snapshot(Uid to, Progress& progress, Index at_least);
  /// Where an empty append to it stands; 0 when nothing known of it lies in the log.
  Index prev_to_tell(const Progress& progress) const;
  void tell(Leader& leader, Uid to, Progress& progress);
  void tell_all(Leader& leader);

  // reads.cc
  void start_read_round(Leader& leader);
  void confirm_reads(Leader& leader);
  void drop_reads(Leader& leader);

  GroupConfig config_;
  Memberships memberships_;
  HardState hard_;
  HardState durable_hard_;
  LogView log_;
  Index commit_;
  std::variant<Follower, PreCandidate, Candidate, Leader> role_;
  Following following_;
  Term ended_;  ///< its leader said StepDown: a late message of it is no sign of life
  bool active_ = true;
  bool removed_ = false;  ///< a leader says so; what a leader sends ends it
  uint64_t random_state_;
  uint32_t vain_terms_ = 0;   ///< begun since a leader was known
  uint32_t timer_ticks_ = 0;  ///< election timer; stands still in a leader
  uint32_t timeout_ticks_ = 0;
  Index taken_commit_;
  Output out_;
};

}  // namespace strandlog::raft
