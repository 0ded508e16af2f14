// History: what clients asked and were told, and what must hold of it (reliability invariants).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "strandlog/producer.h"

namespace strandlog::sim {

/// A record that a producer accepted.
struct Sent {
  uint32_t client = 0;
  int32_t partition = 0;
  std::string value;  ///< never used twice
  client::Acks acks = client::Acks::kAll;
  Time invoked;
  Time completed;  ///< valid with an outcome
  enum class Outcome { kOpen, kAcked, kFailed } outcome = Outcome::kOpen;
  int64_t offset = -1;                                ///< kAcked; -1 with Acks::kNone
  client::Written written = client::Written::kMaybe;  ///< kFailed
};

/// A record that a consumer was given.
struct Seen {
  int64_t offset = 0;
  std::string value;
};

/// The end of a partition as a broker reported it.
struct EndSeen {
  int32_t partition = 0;
  Time invoked;
  int64_t end = 0;
};

/// One read of a partition from its start by one consumer, in order of delivery.
using Run = std::vector<Seen>;

struct History {
  std::deque<Sent> sent;                             ///< in order of invocation; stays in place
  std::map<int32_t, std::vector<Run>> runs;          ///< by partition, while faults came and went
  std::vector<EndSeen> ends;                         ///< in order of answers
  std::map<int32_t, Run> final;                      ///< by partition, after everything was healed
  std::map<uint32_t, uint64_t> possible_duplicates;  ///< by client, as its producer counts them
};

/// Linear in the history. Each violation names its invariant and the records.
std::vector<std::string> check(const History& history);

}  // namespace strandlog::sim
