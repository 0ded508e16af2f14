// Cutting a log back.
#include "store/segment_cut.h"

#include <numeric>

namespace strandlog::store {
namespace {

// `range` cut to the entry `keep`, found by walking through the file.
Result<SegmentRange> cut_by_walking(Disk& disk, const SegmentFile& file, Index keep) {
  ASSIGN(FileHandle handle, disk.open(file.path, OpenMode::kRead));
  SegmentRange cut = file.range;
  cut.bytes = 0;
  SegmentWalk walk(file, first_point_of(file.range));
  std::vector<uint8_t> window;
  Result<void> result;
  bool found = false;
  while (result.ok() && !found) {
    auto range = walk.wanted();
    if (!range) break;
    window.resize(range->bytes);
    auto got = disk.read(handle, range->position, window);
    if (!got.ok()) {
      result = got.error();
      break;
    }
    walk.feed(range->position, ByteView(window).first(*got));
    while (!found) {
      auto entry = walk.next();
      if (!entry.ok()) result = entry.error();
      if (!entry.ok() || !*entry) break;
      const EntryHeader& h = (*entry)->header;
      cut.bytes += (*entry)->whole.size();
      cut.end = {h.index, h.term, h.next_offset(), h.chain, h.append_time_ms};
      cut.end_position = (*entry)->position + (*entry)->whole.size();
      found = h.index == keep;
    }
  }
  disk.close(handle);
  if (!result.ok()) return result.error();
  if (!found)
    return Error{Code::kCorruption, file.path + ": no entry " + std::to_string(keep.value)};
  return cut;
}

SegmentRange cut_in_memory(const ReplicaLog& log, SegmentRange range, const LogPoint& point) {
  for (Index at = point.index.plus(1); at <= range.end.index; at = at.plus(1)) {
    range.bytes -= log.entry(at).bytes;
  }
  range.end = point;
  range.end_position = log.entry(point.index).filed_end;
  return range;
}

}  // namespace

SegmentFile segment_file(const ReplicaLog& log, const SegmentRange& range) {
  const ReplicaSpec& spec = log.state().spec;
  return {segment_file_path(spec.uid, {range.first, range.term}), spec.uid, spec.group, range};
}

SegmentPoint first_point_of(const SegmentRange& range) {
  return {range.first, range.base_offset, kSegmentHeaderBytes};
}

Result<void> cut_log(Disk& disk, ReplicaLog& log, Index keep) {
  std::vector<SegmentRange>& segments = log.segments();
  size_t kept = segments.size();
  while (kept > 0 && segments[kept - 1].first > keep) --kept;
  auto point = log.point_at(keep);
  bool inside = kept > 0 && segments[kept - 1].end.index > keep;
  if (inside) {
    SegmentRange& range = segments[kept - 1];
    if (point && log.in_memory(keep)) {
      range = cut_in_memory(log, range, *point);
    } else if (keep > log.state().start.index) {
      ASSIGN(range, cut_by_walking(disk, segment_file(log, range), keep));
      point = range.end;
    } else {
      --kept;  // a trim left the front of this segment; nothing of it counts any more
    }
  }
  if (!point) return Error{Code::kCorruption, "no entry " + std::to_string(keep.value)};
  segments.resize(kept);
  bool all_in_segments = keep < log.memory_begin();
  log.cut_to(*point);
  if (all_in_segments) {
    log.state().bytes = std::accumulate(segments.begin(), segments.end(), uint64_t{0},
                                        [](uint64_t n, auto& s) { return n + s.bytes; });
  }
  return {};
}

}  // namespace strandlog::store
