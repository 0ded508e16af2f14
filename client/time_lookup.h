// Time lookup: the first offset of partitions at or after a moment, by halving.
#pragma once

#include <map>

#include "client/port.h"
#include "strandlog/consumer.h"

namespace strandlog::client {

/// For each partition the offset of the first batch whose append time is at least `times`' value
/// (ms since 1970), or its confirmed end. Append times never decrease along a log, so the leader is
/// asked for one batch in the middle of what is left, about log2(records) times, all partitions of
/// a leader at once. Errors as look_up_ends(), and kCorruption for a batch that cannot be read.
Result<std::map<TopicPartition, int64_t>> look_up_times(
    Port& port, const std::map<TopicPartition, int64_t>& times, int64_t timeout_ms);

}  // namespace strandlog::client
