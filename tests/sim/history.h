// History: what clients asked and were told, and what must hold of it (reliability invariants).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/env.h"
#include "strandlog/producer.h"

namespace strandlog::sim {

using Place = client::TopicPartition;

/// A record that a producer accepted.
struct Sent {
  uint32_t client = 0;
  Place where;
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

/// One read of a partition from its start by one consumer, in order of delivery.
using Run = std::vector<Seen>;

struct History {
  std::deque<Sent> sent;                             ///< in order of invocation; stays in place
  std::map<Place, std::vector<Run>> runs;            ///< while faults came and went
  std::vector<EndSeen> ends;                         ///< in order of answers
  std::map<Place, Run> final;                        ///< after everything was healed
  std::map<uint32_t, uint64_t> possible_duplicates;  ///< by client, as its producer counts them
  /// Topics whose deletion was asked for. Nothing is promised of their records any more, but that
  /// nobody is given one that was not sent there.
  std::set<std::string> deleted;
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
