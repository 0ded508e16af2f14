// Placement: which brokers get the replicas of a new topic; a pure function.
#pragma once

#include <map>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace strandlog::broker {

/// For each partition, `replication` distinct brokers out of `load` (broker → replicas it has
/// now), always the least loaded first; the first one of each partition is its preferred leader
/// and these rotate. kInvalidArgument with both numbers when there are too few brokers.
Result<std::vector<std::vector<BrokerId>>> place(std::map<BrokerId, uint64_t> load,
                                                 uint32_t partitions, uint32_t replication);

}  // namespace strandlog::broker
