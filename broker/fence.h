// Fence: once a batch of a producer was refused, those behind it in the pipeline are refused too.
//
// A producer has several requests of one partition under way and sends again from the first one
// that was refused. Were a later one accepted meanwhile, its records would come first for ever.
// Producer id and sequence in the batch header tell what came first; nothing is stored.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "base/bytes.h"
#include "base/env.h"
#include "wire/messages.h"

namespace strandlog::broker {

/// Who sent a batch, and where it stands in what it sends to this partition.
struct Sender {
  int64_t producer = -1;  ///< negative: unknown, never fenced
  int32_t sequence = -1;
};

/// From a record batch; unknown when it is too short for its header.
Sender sender_of(ByteView batch);

class Fence {
 public:
  /// False while an earlier batch of this producer must come first. The arrival of the refused
  /// batch, or of an earlier one, opens the fence.
  bool admits(const wire::TopicPartition& where, const Sender& sender, Time now);
  /// The batch was refused, or what became of it is unknown, and its producer will send it again.
  void close(const wire::TopicPartition& where, const Sender& sender, Time now);
  size_t size() const { return closed_.size(); }

 private:
  /// A producer that gave the batch up opens its own way by waiting: all that it had under way
  /// when it was refused has long arrived by then.
  static constexpr int64_t kOpensAfterMs = 10'000;
  static constexpr size_t kMostFences = 10'000;

  struct Closed {
    int32_t sequence;
    Time until;
  };
  std::map<std::pair<wire::TopicPartition, int64_t>, Closed> closed_;
};

}  // namespace strandlog::broker
