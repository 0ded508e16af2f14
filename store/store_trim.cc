// ShardStore: logs that begin later, and the files they leave behind.
#include <algorithm>

#include "base/mark.h"
#include "store/shard_store.h"

namespace strandlog::store {

std::vector<LogPiece> ShardStore::pieces(Uid uid) const {
  std::vector<LogPiece> pieces;
  const ReplicaLog* log = table_.find(uid);
  if (!log || !log->in_service()) return pieces;
  for (const SegmentRange& range : filer_.ranges(*log)) pieces.push_back({range.end, range.bytes});
  if (log->unfiled_bytes() > 0) pieces.push_back({log->end(), log->unfiled_bytes()});
  return pieces;
}

// What a trim entry says of its log was true where it was written: elsewhere it shows that the two
// differ.
void ShardStore::trim(Uid uid, const LogStart& start) {
  ReplicaLog& log = in_service(uid);
  const ReplicaState& state = log.state();
  CHECK(may_trim());
  CHECK(start.index > state.start.index && start.index <= state.durable);
  auto known = log.point_at(start.index);
  bool fits = log.term_at(start.index) == start.term;
  if (known) fits &= known->chain == start.chain && known->next_offset == start.offset;
  if (!fits) {
    set_fault(uid, "the group trims its log to entry " + std::to_string(start.index.value) +
                       ", which is another one here");
    return;
  }
  touch(uid);
  const std::vector<SegmentRange> before = filer_.ranges(log);
  move_start(log, start);
  drop_segments(before, log);
}

// The old log goes by a truncation, so that redo and rounds under way see what they know.
void ShardStore::install(Uid uid, const LogStart& start, KeptConfiguration configuration) {
  ReplicaLog& log = in_service(uid);
  CHECK(may_trim());
  CHECK(start.index > log.state().start.index);
  const std::vector<SegmentRange> before = filer_.ranges(log);
  truncate(uid, log.state().start.index.plus(1));
  if (!log.in_service()) return;
  touch(uid);
  move_start(log, start);
  drop_segments(before, log);
  draft_.add({.kind = ItemKind::kConfiguration, .uid = uid, .first = configuration.index},
             configuration.value, table_.buffer);
  log.set_configuration(configuration.index, std::move(configuration.value));
  mark<"store: a log is replaced by a later start">();
}

void ShardStore::move_start(ReplicaLog& log, const LogStart& start) {
  Uid uid = log.state().spec.uid;
  // Entries that were to be filed next are gone, and a file of which nothing counts is not filled.
  if (log.filed_to() <= start.index) filer_.end_segment(log);
  uint64_t unfiled = log.unfiled_bytes();
  draft_.add({.kind = ItemKind::kTrim, .uid = uid, .first = start.index, .term = start.term},
             encode_trim(start.offset, start.chain), table_.buffer);
  log.trim(start);
  appended_bytes_ -= unfiled - log.unfiled_bytes();
  if (log.unfiled_bytes() == 0) ready_.erase(uid);
  const std::vector<SegmentRange> all = filer_.ranges(log);
  if (all.size() > log.segments().size()) log.state().bytes += all.back().bytes;
}

void ShardStore::drop_segments(const std::vector<SegmentRange>& before, const ReplicaLog& log) {
  const std::vector<SegmentRange> kept = filer_.ranges(log);
  Dropped dropped{log.state().spec.uid, {}, gathering()};
  for (const SegmentRange& range : before) {
    auto is_it = [&](const SegmentRange& other) { return other.is_in_file_of(range); };
    if (std::any_of(kept.begin(), kept.end(), is_it)) continue;
    dropped.names.push_back({range.first, range.term});
  }
  if (!dropped.names.empty()) dropped_.push_back(std::move(dropped));
}

// One replica at a time: directories are read.
void ShardStore::look_for_dropped() {
  if (not_looked_at_.empty()) return;
  Uid uid = not_looked_at_.front();
  not_looked_at_.pop_front();
  const ReplicaLog* log = table_.find(uid);
  if (!log || !log->in_service()) return;
  auto names = disk_.list(segment_directory(uid));
  if (!names.ok()) return;  // it never had any
  Dropped dropped{uid, {}, durable_};
  std::vector<SegmentRange> kept = filer_.ranges(*log);
  for (const std::string& text : *names) {
    auto name = parse_segment_file_name(text);
    if (!name || name->first > log->state().start.index) continue;
    auto is_it = [&](const SegmentRange& range) {
      return range.first == name->first && range.term == name->term;
    };
    if (std::none_of(kept.begin(), kept.end(), is_it)) dropped.names.push_back(*name);
  }
  if (!dropped.names.empty()) dropped_.push_back(std::move(dropped));
}

// Redo from the older image may walk through a segment that a later trim drops.
void ShardStore::remove_dropped() {
  while (!dropped_.empty() && dropped_.front().round <= older_image_) {
    const Dropped& first = dropped_.front();
    auto writes = [&](const SegmentName& name) {
      return filer_.writes(first.uid, name.first, name.term);
    };
    if (std::any_of(first.names.begin(), first.names.end(), writes)) return;
    for (const SegmentName& name : first.names) remove_file(segment_file_path(first.uid, name));
    mark<"store: segments that a trim dropped are removed">();
    dropped_.pop_front();
  }
}

}  // namespace strandlog::store
