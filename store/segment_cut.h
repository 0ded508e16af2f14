// Cutting a log back, in memory and in its list of segments. No segment byte changes.
#pragma once

#include "base/env.h"
#include "store/replica_log.h"
#include "store/segment.h"

namespace strandlog::store {

SegmentFile segment_file(const ReplicaLog& log, const SegmentRange& range);
/// Where the first entry of a segment begins.
SegmentPoint first_point_of(const SegmentRange& range);

/// Drops every entry after `keep`, which is the log start or an entry of the log. No segment of the
/// replica is being filled. When `keep` is no longer in memory its segment is read, which blocks;
/// kCorruption when that fails its checks, and the log is as it was.
Result<void> cut_log(Disk& disk, ReplicaLog& log, Index keep);

}  // namespace strandlog::store
