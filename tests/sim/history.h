// History: what clients asked and were told, and what must hold of it (reliability invariants).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/env.h"
#include "strandlog/producer.h"
#include "tests/sim/incarnations.h"

namespace strandlog::sim {

using Place = client::TopicPartition;

/// A record that a producer accepted.
struct Sent {
  uint32_t client = 0;
  Place where;        ///< its topic as it was when the record was accepted
  std::string value;  ///< never used twice
  client::Acks acks = client::Acks::kAll;
  Time invoked;
  Time completed;  ///< valid with an outcome
  enum class Outcome { kOpen, kAcked, kFailed } outcome = Outcome::kOpen;
  int64_t offset = -1;                                ///< kAcked; -1 with Acks::kNone
  client::Written written = client::Written::kMaybe;  ///< kFailed
};

/// What a consumer was given.
struct Seen {
  int64_t offset = 0;
  std::string value;   ///< or what went wrong
  bool record = true;  ///< false: an event or trouble
};

/// The end of a partition as a broker reported it.
struct EndSeen {
  Place where;
  Time invoked;
  int64_t end = 0;
};

/// Without a gap, when all is well.
using Log = std::vector<Seen>;

/// One read of a partition by one consumer, in order of delivery.
struct Run {
  Log seen;
  bool from_start = true;  ///< false: from wherever the first one is
};

struct History {
  std::deque<Sent> sent;                             ///< in order of invocation; stays in place
  std::map<Place, int64_t> starts;                   ///< of final logs that begin later than at 0
  std::map<Place, std::vector<Run>> runs;            ///< while faults came and went
  std::vector<EndSeen> ends;                         ///< in order of answers
  std::map<Place, Log> final;                        ///< after everything was healed
  std::map<uint32_t, uint64_t> possible_duplicates;  ///< by client, as its producer counts them
  Incarnations incarnations;  ///< whose names are the topics of all places above
  /// Topics that are gone in the end, with when their deletion was asked for. Nothing is kept of
  /// what was told of them before, and nothing that they gave away may contradict it. What was on
  /// its way to one then may be in a later one of the same name.
  std::map<std::string, Time> deleted;
};

struct Judgement {
  std::vector<std::string> violations;  ///< the first ones; each names its invariant and records
  std::map<std::string, uint64_t>
      broken;          ///< how often, by invariant; those that hold are not here
  uint64_t twice = 0;  ///< records of the final log that stand before as well
};

/// Linear in the history, but for sorting what is not in order yet.
Judgement judge(const History& history);
/// The violations alone.
std::vector<std::string> check(const History& history);

}  // namespace strandlog::sim
