// Fence: once a batch of a producer was refused, the rest of that attempt is refused too.
//
// A producer has several requests of one partition under way. When one fails it waits until all are
// answered or past their deadline and sends again from the first unacknowledged batch, as the next
// attempt. Were a later request of a failed attempt accepted meanwhile (it waited here, or in the
// socket of a connection given up), its records would come first for ever. Nothing is stored.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "base/bytes.h"
#include "base/env.h"
#include "wire/messages.h"

namespace strandlog::broker {

/// Whose item it is, and which of its attempts.
struct Sender {
  int64_t producer = -1;  ///< negative: unknown, never fenced
  uint32_t attempt = 0;
};

/// The producer id from a record batch; -1 when it is too short for its header.
int64_t producer_of(ByteView batch);

class Fence {
 public:
  /// False when this attempt was refused before, or a later one has been heard of.
  bool admits(const wire::TopicPartition& where, const Sender& sender, Time now);
  /// An item of this attempt was refused, or what became of it is unknown: its producer will send
  /// it again, as a later attempt.
  void close(const wire::TopicPartition& where, const Sender& sender, Time now);
  size_t size() const { return floors_.size(); }

 private:
  /// Longer than any request may live (the shard caps deadlines), so what is forgotten is over.
  static constexpr int64_t kKeptMs = 600'000;
  static constexpr size_t kMostKept = 10'000;
  static constexpr int64_t kSweepMs = 1000;

  struct Floor {
    uint32_t attempt;  ///< the first one still admitted
    Time used;
  };
  void raise(const wire::TopicPartition& where, int64_t producer, uint32_t attempt, Time now);

  std::map<std::pair<wire::TopicPartition, int64_t>, Floor> floors_;
  Time next_sweep_;
};

}  // namespace strandlog::broker
