// Raft messages between replicas: small structs in one closed variant, entries by range only.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "raft/membership.h"

namespace strandlog::raft {

/// Entries [first, …] of one term; a run ends where the next begins.
struct TermRun {
  Index first;
  Term term;
  bool operator==(const TermRun&) const = default;
};

struct VoteRequest {
  bool pre = false;       ///< pre-vote (thesis 9.6): changes nothing at the receiver
  bool transfer = false;  ///< the leader asked for this election: the lease does not refuse it
  Index last;
  Term last_term;
  bool operator==(const VoteRequest&) const = default;
};

struct VoteAnswer {
  bool pre = false;
  bool granted = false;
  bool operator==(const VoteAnswer&) const = default;
};

/// Replication, commit notice and heartbeat in one. The bodies travel beside it: a message that
/// the driver made from a Send carries the bytes of (prev, last].
struct Append {
  Index prev;
  Term prev_term;
  Index last;                 ///< == prev: no entries
  std::vector<TermRun> runs;  ///< terms of (prev, last]; filled by the receiver's driver
  Index commit;
  uint64_t read_round = 0;  ///< echoed in the answer; confirms leadership for reads
  bool quiet = false;       ///< the leader will be silent while its session stands
  std::vector<Membership> configurations = {};  ///< entries of (prev, last]; filled like `runs`
  bool operator==(const Append&) const = default;
};

struct AppendAnswer {
  bool accepted = false;
  Index match;     ///< accepted: durable here and equal to the leader's log up to this
  Index prev;      ///< refused: the prev that did not fit
  Index hint;      ///< refused: the leader should try prev = hint next …
  Term hint_term;  ///< … or its own last entry of a term <= hint_term, if that is lower
  Index commit;    ///< what this follower knows to be committed
  uint64_t read_round = 0;
  bool operator==(const AppendAnswer&) const = default;
};

/// The state at `index` instead of the entries up to it. The driver adds chain and log start.
struct SnapshotOffer {
  Index index;
  Term index_term;
  Membership membership = {};  ///< as of `index`
  bool operator==(const SnapshotOffer&) const = default;
};

struct TimeoutNow {  ///< leadership transfer: start an election at once
  bool operator==(const TimeoutNow&) const = default;
};

struct StepDown {  ///< the sender no longer leads in `term`: silence means nothing any more
  bool operator==(const StepDown&) const = default;
};

/// From a leader to who asks for votes and is no member: it was removed.
struct Gone {
  Index configuration;  ///< committed, without it
  bool operator==(const Gone&) const = default;
};

using Body = std::variant<VoteRequest, VoteAnswer, Append, AppendAnswer, SnapshotOffer, TimeoutNow,
                          StepDown, Gone>;

struct Message {
  GroupId group;
  Uid from;
  Uid to;
  Term term;  ///< the sender's; a pre-vote request carries the term it would campaign in
  Body body;
  bool operator==(const Message&) const = default;
};

}  // namespace strandlog::raft
