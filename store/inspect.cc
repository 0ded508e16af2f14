// Walking a stopped store through the code that would restore it.
#include "store/inspect.h"

#include <algorithm>

#include "store/data_directory.h"
#include "store/journal_scan.h"
#include "store/posix_disk.h"
#include "store/read_only_disk.h"
#include "store/recovery.h"
#include "store/segment.h"

namespace strandlog::store {
namespace {

// Recovery hands its journal over for writing; here nobody writes.
class NoRandom : public Random {
 public:
  uint64_t next() override { CHECK(false); }
};

class Inspector {
 public:
  Inspector(Disk& disk, const StoreId& store, const EntryVisitor& visit)
      : disk_(disk), store_(store), visit_(visit), table_(kChunkBytes) {}
  Result<Inspection> run();

 private:
  static constexpr uint64_t kChunkBytes = 1u << 20;

  Result<void> look_at_journal(const JournalScan& scan, RoundNumber after);
  Result<void> look_at_round(const JournalScan& scan, const ScannedRound& round, bool last);
  Result<void> look_at_replaced(const JournalScan& scan);
  void find_damage(const std::string& file, const ScannedRound& round, const Item& item,
                   ByteView bytes);
  Result<void> look_at_replica(const ReplicaLog& log);
  Result<void> look_at_segment(const ReplicaLog& log, const SegmentRange& range,
                               InspectedReplica& out);
  void look_at_memory(const ReplicaLog& log, InspectedReplica& out);
  void count(const EntryView& entry, bool in_segment, InspectedReplica& out);
  void add_damage(const std::string& file, uint64_t position, Uid uid, Index index,
                  const std::string& what) {
    out_.damage.push_back({file, position, uid, index, what});
  }

  Disk& disk_;
  StoreId store_;
  const EntryVisitor& visit_;
  ReplicaTable table_;
  std::optional<Pages> memory_;
  Inspection out_;
};

// -------------------------------------------------------------------------------------- journal

// Which entry of a damaged item it is, as far as that can still be said.
void Inspector::find_damage(const std::string& file, const ScannedRound& round, const Item& item,
                            ByteView bytes) {
  ByteView payload = item_payload(item, round.fixed, bytes);
  uint64_t position = round.position + round.fixed.payload_at + item.position;
  std::string where = "round " + std::to_string(round.fixed.number.value) + ": ";
  Index index = item.first;
  const ReplicaLog* log = table_.find(item.uid);
  if (item.kind == ItemKind::kEntries && log && !payload.empty()) {
    for (ByteView rest = payload; !rest.empty(); index = index.plus(1)) {
      auto entry = decode_entry(rest, log->state().spec.group);
      if (!entry.ok()) {
        add_damage(file, position, item.uid, index, where + entry.error().text);
        return;
      }
      rest = rest.subspan(entry->whole.size());
      position += entry->whole.size();
    }
    index = item.first;
    position = round.position;
  }
  add_damage(
      file, position, item.uid, index,
      where + "item of kind " + std::to_string(static_cast<unsigned>(item.kind)) + " is damaged");
}

Result<void> Inspector::look_at_round(const JournalScan& scan, const ScannedRound& round,
                                      bool last) {
  const ScannedFile& file = scan.files[round.file];
  ASSIGN(ByteView bytes, read_round(disk_, scan, round, memory_));
  auto head = decode_round_head(bytes, *file.header);
  if (!head.ok() && head.error().code != Code::kCorruption) return head.error();
  auto whole = [&](const Item& item) { return item_is_whole(item, round.fixed, bytes); };
  if (head.ok() && round_is_whole(*head, bytes)) return {};
  if (last) {
    out_.torn_bytes = round.fixed.total_bytes;
    return {};
  }
  if (!head.ok()) {
    add_damage(file.path, round.position, Uid{}, Index{},
               "round " + std::to_string(round.fixed.number.value) + ": " + head.error().text);
    return {};
  }
  for (const Item& item : head->items) {
    if (!whole(item)) find_damage(file.path, round, item, bytes);
  }
  return {};
}

// A torn boot round leaves the round that it repeats, as recovery judges it.
Result<void> Inspector::look_at_replaced(const JournalScan& scan) {
  ASSIGN(const ScannedRound* counts, newest_whole_replaced(disk_, scan, memory_));
  if (!counts) return {};
  ++out_.rounds;
  out_.last_round = counts->fixed.number;
  return {};
}

Result<void> Inspector::look_at_journal(const JournalScan& scan, RoundNumber after) {
  out_.journal_files = scan.files.size();
  for (const ScannedFile& file : scan.files) {
    out_.journal_bytes += file.bytes;
    if (file.header) out_.boot_epoch = std::max(out_.boot_epoch, file.header->boot_epoch);
  }
  for (const ChainLink& link : scan.chain) {
    if (link.number <= after) continue;  // a base image shows what these did
    if (out_.rounds++ == 0) out_.first_round = link.number;
    bool last = &link == &scan.chain.back();
    if (link.found) {
      out_.boot_epoch = std::max(out_.boot_epoch, link.found->fixed.boot_epoch);
      TRY(look_at_round(scan, *link.found, last));
    } else {
      add_damage(kJournalDirectory, 0, Uid{}, Index{},
                 "round " + std::to_string(link.number.value) + ": its head is lost");
    }
    if (!last || out_.torn_bytes == 0) {
      out_.last_round = link.number;
    } else {
      TRY(look_at_replaced(scan));
    }
  }
  return {};
}

// ------------------------------------------------------------------------------------- replicas

void Inspector::count(const EntryView& entry, bool in_segment, InspectedReplica& out) {
  const EntryHeader& h = entry.header;
  bool data = h.kind == EntryKind::kData;
  out.batches += data ? 1 : 0;
  out.control_entries += data ? 0 : 1;
  out.records += h.record_count;
  out.bytes += entry.whole.size();
  if (visit_) visit_({out.spec, entry, in_segment});
}

Result<void> Inspector::look_at_segment(const ReplicaLog& log, const SegmentRange& range,
                                        InspectedReplica& out) {
  const ReplicaSpec& spec = log.state().spec;
  SegmentFile file{segment_file_path(spec.uid, {range.first, range.term}), spec.uid, spec.group,
                   range};
  auto handle = disk_.open(file.path, OpenMode::kRead);
  if (!handle.ok()) {
    if (handle.error().code != Code::kNotFound) return handle.error();
    add_damage(file.path, 0, spec.uid, range.first, "the file is missing");
    return {};
  }
  ++out.segments;
  std::vector<uint8_t> window(kSegmentHeaderBytes);
  auto damaged = [&](uint64_t position, Index index, const Error& error) {
    add_damage(file.path, position, spec.uid, index, error.text);
  };
  auto got = read_around_damage(disk_, *handle, 0, window);
  auto header = decode_segment_header(ByteView(window).first(got.ok() ? *got : 0));
  if (!header.ok()) damaged(0, range.first, header.error());
  SegmentWalk walk(file, {range.first, range.base_offset, kSegmentHeaderBytes});
  for (bool sound = true; sound && walk.wanted();) {
    ByteRange wanted = *walk.wanted();
    window.resize(wanted.bytes);
    got = read_around_damage(disk_, *handle, wanted.position, window);
    if (!got.ok()) break;
    walk.feed(wanted.position, ByteView(window).first(*got));
    while (true) {
      auto next = walk.next();
      if (!next.ok()) damaged(walk.position(), walk.next_index(), next.error());
      sound = next.ok();
      if (!sound || !*next) break;
      const SegmentWalk::Entry& entry = **next;
      if (entry.header.index <= log.state().start.index) continue;
      if (auto body = walk.check_body(entry); !body.ok()) {
        damaged(entry.position, entry.header.index, body.error());
        continue;
      }
      count({entry.header, entry.whole.subspan(kEntryHeaderBytes), entry.whole}, true, out);
    }
  }
  disk_.close(*handle);
  if (!got.ok()) return got.error();
  return {};
}

void Inspector::look_at_memory(const ReplicaLog& log, InspectedReplica& out) {
  const ReplicaState& state = log.state();
  Index begin = std::max(log.memory_begin(), state.start.index.plus(1));
  if (!log.segments().empty()) begin = std::max(begin, log.segments().back().end.index.plus(1));
  for (Index index = begin; index <= state.last; index = index.plus(1)) {
    const EntryRef& ref = log.entry(index);
    auto entry = decode_entry(ByteView(ref.data, ref.bytes), state.spec.group);
    if (entry.ok()) {
      count(*entry, false, out);
    } else {
      add_damage(kJournalDirectory, 0, state.spec.uid, index, entry.error().text);
    }
  }
}

Result<void> Inspector::look_at_replica(const ReplicaLog& log) {
  const ReplicaState& state = log.state();
  InspectedReplica out;
  out.spec = state.spec;
  out.life = state.life;
  out.term = state.term;
  out.vote = state.vote;
  out.first = state.start.index.plus(1);
  out.last = state.last;
  out.start = state.start.offset;
  out.end = state.next_offset;
  out.fault = state.fault;
  if (!state.configurations.empty()) out.configuration = state.configurations.back().value;
  size_t found_before = out_.damage.size();
  for (const SegmentRange& range : log.segments()) TRY(look_at_segment(log, range, out));
  look_at_memory(log, out);
  bool named = found_before != out_.damage.size() ||
               std::any_of(out_.damage.begin(), out_.damage.end(),
                           [&](const Damage& d) { return d.uid == state.spec.uid; });
  if (state.fault && !named) {
    add_damage(kJournalDirectory, 0, state.spec.uid, Index{}, *state.fault);
  }
  out_.replicas.push_back(std::move(out));
  return {};
}

Result<Inspection> Inspector::run() {
  NoRandom random;
  Journal journal(disk_, random, JournalOptions{store_, 0, 0});
  auto recovered = recover(disk_, store_, table_, journal);
  if (!recovered.ok() && recovered.error().code != Code::kCorruption) return recovered.error();
  ASSIGN(JournalScan scan, scan_journal(disk_, store_));
  TRY(look_at_journal(scan, recovered.ok() ? recovered->newest_image : RoundNumber{}));
  if (recovered.ok()) {
    for (const auto& [uid, log] : table_.logs) TRY(look_at_replica(log));
  } else {
    add_damage(kJournalDirectory, 0, Uid{}, Index{}, recovered.error().text);
  }
  return std::move(out_);
}

}  // namespace

Result<Inspection> inspect(Disk& disk, const StoreId& store, const EntryVisitor& visit) {
  ReadOnlyDisk read_only(disk);
  return Inspector(read_only, store, visit).run();
}

Result<Inspection> inspect_directory(const std::string& path, const EntryVisitor& visit) {
  ASSIGN(DataDirectory directory, DataDirectory::open_read_only(path));
  ASSIGN(std::unique_ptr<PosixDisk> disk, PosixDisk::open(path));
  return inspect(*disk, directory.identity().store, visit);
}

}  // namespace strandlog::store
