// Offset lookup: start and end of partitions, from their leaders.
#pragma once

#include <map>
#include <vector>

#include "client/port.h"
#include "strandlog/consumer.h"

namespace strandlog::client {

/// Asks each partition's leader, again after elections, until all have answered. kNotFound for an
/// unknown topic or partition; else the last error when `timeout_ms` is over.
Result<std::map<TopicPartition, Ends>> look_up_ends(Port& port,
                                                    const std::vector<TopicPartition>& partitions,
                                                    int64_t timeout_ms);

}  // namespace strandlog::client
