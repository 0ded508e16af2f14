// ShardStore: the start, what goes into rounds, and what their end tells.
#include "store/shard_store.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/mutant.h"
#include "base/record_batch.h"
#include "store/segment_cut.h"

namespace strandlog::store {
namespace {

constexpr size_t kMaxNoteBytes = 64u << 10;
constexpr size_t kMaxNotes = 256;
constexpr uint64_t kRoundSlack = 1u << 20;  // head and gaps between chunks of a round, at most
constexpr uint64_t kPaddingBytes = 64u << 10;
constexpr uint64_t kLargeAppend = 1u << 20;  // a disk without room for it is called full

uint64_t chunk_bytes(const StoreOptions& options) {
  return std::clamp<uint64_t>(page_up(options.tail_cache_bytes / 4), kPageBytes, 1u << 20);
}

FilerOptions filer_options(const StoreOptions& options) {
  FilerOptions filer;
  filer.segment_bytes = options.segment_bytes;
  return filer;
}

// Whether it has the shape a leader checked: then its own CRC is known to be right.
bool looks_like_batch(ByteView body) { return decode_batch_header(body).ok(); }

}  // namespace

ShardStore::ShardStore(const StoreOptions& options, Disk& disk, Random& random, StoreId store)
    : options_(options),
      disk_(disk),
      random_(random),
      table_(chunk_bytes(options)),
      journal_(disk_, random,
               {store, page_up(options.journal_file_bytes), options.journal_max_bytes}),
      filer_(disk_, filer_options(options)),
      reads_(disk_) {}

Result<std::unique_ptr<Store>> Store::open(StoreOptions options, Disk& disk, Random& random,
                                           StoreId store) {
  CHECK(options.segment_bytes >= 2 * kSegmentHeaderBytes);  // or nothing would ever fit into one
  auto opened = std::make_unique<ShardStore>(options, disk, random, store);
  TRY(opened->start());
  return std::unique_ptr<Store>(std::move(opened));
}

Result<void> ShardStore::start() {
  RecoveryLimits limits{options_.tail_cache_bytes, filer_options(options_)};
  ASSIGN(Recovered recovered, recover(disk_, journal_.store(), table_, journal_, limits));
  newest_image_ = recovered.newest_image;
  older_image_ = recovered.older_image;
  bytes_since_checkpoint_ = recovered.bytes_after_image;
  for (const auto& [uid, log] : table_.logs) {
    appended_bytes_ += log.unfiled_bytes();
    if (log.state().life == Life::kDead) dead_.push_back({uid, RoundNumber{0}});
    if (log.state().start.index > Index{0}) not_looked_at_.push_back(uid);
  }
  bool recovered_damage = recovered.damaged;
  boot_epoch_ = recovered.highest_epoch.plus(1);
  do {
    boot_id_ = BootId{random_.next()};
  } while (boot_id_.value == 0);
  journal_.set_boot_epoch(boot_epoch_);
  filer_.set_boot_epoch(boot_epoch_);
  reads_.set_boot_epoch(boot_epoch_);
  measure_free_space();
  TRY(write_boot_round(std::move(recovered)));
  if (recovered_damage) damaged_until_ = durable_;
  measure_free_space();
  keep_spare_files();
  return {};
}

// Without room for the last round as well the start would fail where it could serve: on a full
// disk.
Result<RoundWrite> ShardStore::place_boot_round(Recovered recovered) {
  const Item boot{
      .kind = ItemKind::kBoot, .first = Index{boot_epoch_.value}, .extra = boot_id_.value};
  RoundContent content = std::move(recovered.last_round);
  sealed_ = content.items.empty();
  content.items.push_back(boot);
  auto write = journal_.place(content);
  if (write.ok() || sealed_ || !passes(write.error())) return write;
  mark<"store: a start has no room to write the last round anew">();
  LOG(kWarn, "no room to write the last journal round anew", kv("round", recovered.last.number),
      kv("bytes", journal_.length_of(content)), kv("why", write.error().text));
  sealed_ = true;
  journal_.follow(std::move(recovered.last));
  content = {};
  content.items.push_back(boot);
  return journal_.place(content);
}

// Nothing of this start may be announced before this round is durable.
Result<void> ShardStore::write_boot_round(Recovered recovered) {
  TRY(journal_.make_header_sure());
  ASSIGN(RoundWrite write, place_boot_round(std::move(recovered)));
  uint64_t position = write.position;
  for (const Bytes& piece : write.pieces) {
    TRY(disk_.write(write.file, position, piece));
    position += piece.size();
  }
  TRY(disk_.flush(write.file));
  durable_ = write.number;
  return journal_.release_replaced();
}

Bytes ShardStore::note(const std::string& name) const {
  auto found = table_.notes.find(name);
  return found == table_.notes.end() ? Bytes{} : found->second;
}

// ------------------------------------------------------------------------- the gathering round

ReplicaLog& ShardStore::in_service(Uid uid) {
  ReplicaLog* log = table_.find(uid);
  CHECK(log != nullptr && log->in_service());
  return *log;
}

ReplicaLog& ShardStore::touch(Uid uid) {
  ReplicaLog& log = in_service(uid);
  draft_.touch(log, gathering());
  return log;
}

void ShardStore::make(const ReplicaSpec& spec, Bytes configuration) {
  CHECK(spec.uid.value != 0 && table_.find(spec.uid) == nullptr);
  ReplicaLog& log = table_.add(spec);
  log.set_configuration(Index{0}, configuration);
  draft_.touch(log, gathering());
  draft_.add({.kind = ItemKind::kMade, .uid = spec.uid}, encode_made(spec, configuration),
             table_.buffer);
}

void ShardStore::set_life(Uid uid, Life life) {
  ReplicaLog* log = table_.find(uid);
  CHECK(log != nullptr && log->state().life != Life::kDead);
  CHECK(!log->state().fault || life == Life::kDead);
  draft_.touch(*log, gathering());
  draft_.add({.kind = ItemKind::kLife, .argument = static_cast<uint16_t>(life), .uid = uid});
  log->state().life = life;
  if (life != Life::kDead) return;
  filer_.end_segment(*log);
  appended_bytes_ -= log->unfiled_bytes();
  log->clear();
  clip_in_flight(uid, {});
  checkpoint_.on_dead(uid);
  ready_.erase(uid);
  dead_.push_back({uid, gathering()});
  std::erase_if(dropped_, [&](const Dropped& dropped) { return dropped.uid == uid; });
}

void ShardStore::set_hard_state(Uid uid, Term term, Uid vote) {
  ReplicaState& state = touch(uid).state();
  state.term = term;
  state.vote = vote;
  if (is_mutant(Mutant::kVoteInSecondWrite)) vote = Uid{};  // which a crash comes before
  draft_.set_hard_state({.kind = ItemKind::kHardState, .uid = uid, .term = term, .vote = vote});
}

void ShardStore::truncate(Uid uid, Index from) {
  ReplicaLog& log = in_service(uid);
  CHECK(from > log.state().start.index);
  if (from > log.state().last) return;
  touch(uid);
  draft_.add({.kind = ItemKind::kTruncation, .uid = uid, .first = from});
  // No byte of a segment is written twice: what comes instead begins a new one. The last entry that
  // stays may be known to the writer of its segment alone.
  if (log.filed_to() >= from.previous()) filer_.end_segment(log);
  uint64_t unfiled = log.unfiled_bytes();
  if (auto cut = cut_log(disk_, log, from.previous()); !cut.ok()) {
    // Without a descriptor to look with nothing is known to be damaged: the next start cuts it.
    if (cut.error().code == Code::kBusy) return fail(cut.error());
    set_fault(uid, cut.error().text);
    return;
  }
  appended_bytes_ -= unfiled - log.unfiled_bytes();
  clip_in_flight(uid, log.end());
  checkpoint_.on_cut(log, filer_);
}

// Entries on their way to disk that are no longer in the log are not reported durable.
void ShardStore::clip_in_flight(Uid uid, const LogPoint& end) {
  if (!in_flight_) return;
  for (RoundDurable::Touched& t : in_flight_->touched) {
    if (t.uid != uid || t.last <= end.index) continue;
    t.last = end.index;
    t.last_term = end.term;
  }
}

void ShardStore::put_note(const std::string& name, Bytes value) {
  CHECK(value.size() <= kMaxNoteBytes);
  draft_.add({.kind = ItemKind::kNote}, encode_note(name, value), table_.buffer);
  table_.notes[name] = std::move(value);
  CHECK(table_.notes.size() <= kMaxNotes);
}

EntryHeader ShardStore::append(Uid uid, const NewEntry& entry) {
  ReplicaLog& log = touch(uid);
  EntryHeader header = log.next_header(entry);
  CHECK(entry.term >= log.end().term);
  RoundBuffer::Place place = table_.buffer.take(kEntryHeaderBytes + entry.body.size());
  MutableByteView body(place.data + kEntryHeaderBytes, entry.body.size());
  if (!entry.body.empty()) std::memcpy(body.data(), entry.body.data(), entry.body.size());
  if (entry.kind == EntryKind::kData && looks_like_batch(body)) {
    stamp_batch(body, header.base_offset, header.term);
    header.body_crc = stored_body_crc(body);
  } else {
    header.body_crc = crc32c(body);
  }
  header.chain = chain_after(log.state().chain, header);
  std::span<uint8_t, kEntryHeaderBytes> stored(place.data, kEntryHeaderBytes);
  encode_entry_header(header, log.state().spec.group, stored);

  Item run{.kind = ItemKind::kEntries, .uid = uid};
  run.crc = crc32c(stored, draft_.crc_before(uid, place));
  run.bytes = static_cast<uint32_t>(kEntryHeaderBytes + body.size());
  run.first = run.last = header.index;
  run.term = header.term;
  draft_.add_entries(run, place);
  log.add(header, place.data, place.chunk);
  appended_bytes_ += run.bytes;
  table_.note_chunk(log, place.chunk);
  return header;
}

Result<void> ShardStore::append_stored(Uid uid, ByteView run) {
  ReplicaLog& log = in_service(uid);
  TRY(log.check_run(run, headers_));
  if (headers_.empty()) return {};
  touch(uid);
  RoundBuffer::Place place = table_.add_run(log, run, headers_);
  appended_bytes_ += run.size();
  Item item{.kind = ItemKind::kEntries, .uid = uid};
  item.crc = draft_.crc_before(uid, place);
  const uint8_t* at = place.data;
  for (const EntryHeader& header : headers_) {
    item.crc = crc32c({at, kEntryHeaderBytes}, item.crc);
    at += kEntryHeaderBytes + header.body_bytes;
  }
  item.bytes = static_cast<uint32_t>(run.size());
  item.first = headers_.front().index;
  item.last = headers_.back().index;
  item.term = headers_.back().term;
  draft_.add_entries(item, place);
  return {};
}

Result<void> ShardStore::room_for(uint64_t bytes) const {
  // A round longer than a journal file makes the file it goes to grow.
  uint64_t round = table_.buffer.round_bytes() + bytes + kRoundSlack;
  uint64_t grown = round > journal_.capacity_of_file() ? round - journal_.capacity_of_file() : 0;
  uint64_t spare = journal_.missing_spare_bytes(kKeptFiles) + grown;
  uint64_t padding = unsegmented_bytes() / 32 + kPaddingBytes;  // of segment pieces to whole pages
  uint64_t needed = options_.reserve_bytes + unsegmented_bytes() + padding + spare + bytes;
  if (available_bytes() < needed) {
    mark<"store: an append is refused for want of space">();
    return Error{Code::kDiskFull, "free space is " + std::to_string(available_bytes()) +
                                      " bytes; needed are " + std::to_string(bytes) + " now, " +
                                      std::to_string(unsegmented_bytes()) + " already accepted, " +
                                      std::to_string(spare) + " for the journal and a reserve of " +
                                      std::to_string(options_.reserve_bytes)};
  }
  uint64_t files = journal_.free_files();
  uint64_t usable = files > kKeptFiles ? (files - kKeptFiles) * journal_.capacity_of_file() : 0;
  // What is longer than all of them together would wait for ever: alone it makes one file grow.
  bool alone = table_.buffer.round_bytes() == 0 && usable > 0;
  if (!alone && table_.buffer.round_bytes() + bytes > usable) {
    return Error{Code::kBusy, "the journal is full: " + std::to_string(journal_.bytes()) + " of " +
                                  std::to_string(options_.journal_max_bytes) +
                                  " bytes wait for segments; retry"};
  }
  return {};
}

// ------------------------------------------------------------------------------------- the driver

void ShardStore::set_fault(Uid uid, const std::string& why) {
  ReplicaLog* log = table_.find(uid);
  if (!log || !log->in_service()) return;
  table_.set_fault(uid, why);
  ready_.erase(uid);
  events_.push_back(ReplicaFault{uid, why});
}

void ShardStore::poll(std::vector<StoreEvent>& events) {
  done_.clear();
  disk_.poll(done_);
  for (const DiskDone& done : done_) {
    if (in_flight_ && done.ticket == in_flight_->ticket) {
      finish_round(done);
    } else {
      on_disk_done(done);
    }
  }
  if (!failed_) background();
  seal_when_idle();
  std::move(events_.begin(), events_.end(), std::back_inserter(events));
  events_.clear();
}

Store::Figures ShardStore::figures() const {
  Figures figures = figures_;
  figures.journal_bytes = journal_.bytes();
  figures.tail_cache_bytes = table_.buffer.bytes();
  figures.free_bytes = available_bytes();
  auto room = room_for(kLargeAppend);
  figures.disk_full = !room.ok() && room.error().code == Code::kDiskFull ? 1 : 0;
  figures.unsegmented_bytes = unsegmented_bytes();
  figures.segment_bytes_written = filer_.bytes_written();
  figures.disk_reads = reads_.disk_reads();
  return figures;
}

}  // namespace strandlog::store
