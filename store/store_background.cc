// ShardStore: what goes on behind the rounds: segments, checkpoints, memory, files of the dead.
#include <algorithm>

#include "base/log.h"
#include "store/shard_store.h"

namespace strandlog::store {
namespace {

constexpr uint64_t kRemoveTicket = uint64_t{1} << 59;
constexpr uint64_t kLookEveryPolls = 16;
constexpr uint64_t kMeasureEveryBytes = 8u << 20;  // handed to the disk
constexpr uint64_t kMeasureEveryPolls = 64;        // others write to it, too
constexpr uint64_t kShortOfSpace = 32u << 20;      // this close to a refusal: measure at every poll

}  // namespace

bool ShardStore::passes(const Error& error) {
  return error.code == Code::kDiskFull || error.code == Code::kBusy;
}

// Damage of one replica was dealt with where it was found; what passes is asked again at a later
// poll; what is left stops the store.
void ShardStore::check(Result<void> result) {
  if (!result.ok() && !passes(result.error())) fail(result.error());
}

// ------------------------------------------------------------------------------------------ space

void ShardStore::measure_free_space() {
  if (auto bytes = disk_.free_bytes(); bytes.ok()) measured_.free = *bytes;
  measured_.filed = filer_.filed_bytes();
  measured_.unwritten = filer_.unwritten_bytes();
  measured_.journal = journal_.bytes_made();
}

// Without what has gone to the disk since, and what had not arrived there yet.
uint64_t ShardStore::available_bytes() const {
  uint64_t gone = filer_.filed_bytes() - measured_.filed + measured_.unwritten + journal_.bytes() -
                  measured_.journal;
  return measured_.free > gone ? measured_.free - gone : 0;
}

bool ShardStore::space_is_short() const {
  return available_bytes() < options_.reserve_bytes + unsegmented_bytes() + kShortOfSpace;
}

// A checkpoint begins a new file; votes and truncations must find one when the disk is full.
void ShardStore::keep_spare_files() {
  if (failed_ || journal_.is_making() || journal_.missing_spare_bytes(kKeptFiles) == 0) return;
  uint64_t promised = options_.reserve_bytes + unsegmented_bytes();
  if (available_bytes() < promised + journal_.capacity_of_file() + kJournalHeaderBytes) return;
  check(journal_.begin_spare());
}

// ------------------------------------------------------------------------------------- segments

void ShardStore::on_disk_done(const DiskDone& done) {
  if ((done.ticket & SegmentFiler::kTicket) != 0) {
    auto uid = filer_.on_done(done);
    if (!uid.ok()) {
      fail(uid.error());
    } else if (*uid) {
      checkpoint_.on_filed(**uid, filer_);
    }
  } else if ((done.ticket & SegmentReads::kTicket) != 0) {
    auto finished = reads_.on_done(done);
    if (!finished) return;
    if (!finished->done.result.ok()) set_fault(finished->uid, finished->done.result.error().text);
    events_.push_back(std::move(finished->done));
  } else if ((done.ticket & Journal::kTicket) != 0) {
    auto added = journal_.on_done(done);
    check(added);
    if (added.ok()) keep_spare_files();
  } else if (done.ticket == kRemoveTicket && !done.result.ok()) {
    LOG(kWarn, "segment not removed", kv("reason", done.result.error().text));
  }
}

void ShardStore::background() {
  ++polls_;
  uint64_t grown = filer_.filed_bytes() - measured_.filed + journal_.bytes() - measured_.journal;
  if (grown >= kMeasureEveryBytes || polls_ % kMeasureEveryPolls == 0 || space_is_short()) {
    measure_free_space();
  }
  if (polls_ % kRetryPolls == 0) keep_spare_files();
  if (unplaced_ && polls_ % kRetryPolls == 0) {
    auto write = journal_.place(*unplaced_);
    if (write.ok() || !passes(write.error())) give_place(std::move(write));
  }
  if (filer_.must_retry() && polls_ % kRetryPolls == 0) filer_.retry();
  // The checkpoint comes first: what waits for it must not go past the end that it froze.
  if (durable_ >= checkpoint_.shows()) check(checkpoint_.advance(table_, filer_));
  file_ready();
  evict();
  bury();
  if (polls_ % kLookEveryPolls == 0) look_for_dropped();
  remove_dropped();
  if (dirty() || writing() || failed_) return;
  if (image_is_due()) {
    send({}, true);  // it protects the round before it as a seal would
  } else if (checkpoint_due()) {
    begin_checkpoint();
  }
}

// Entries that fill a piece go to their segment as soon as they are durable.
void ShardStore::file_ready() {
  for (auto next = ready_.begin(); next != ready_.end();) {
    Uid uid = *next++;
    if (checkpoint_.files(uid)) continue;
    ReplicaLog& log = *table_.find(uid);
    auto filed = filer_.file(log, log.state().durable);
    if (!filed.ok() && filed.error().code == Code::kCorruption) {
      set_fault(uid, filed.error().text);
    } else if (!filed.ok()) {
      check(filed.error());
      return;
    } else if (!*filed) {
      return;
    } else {
      ready_.erase(uid);
    }
  }
}

// Memory is let go by whole chunks, oldest first, once every entry in them can be read elsewhere.
bool ShardStore::may_drop_oldest() {
  bool may = true;
  for (Uid uid : table_.buffer.users_of_oldest()) {
    ReplicaLog& log = *table_.find(uid);
    auto last = log.last_in_chunk(table_.buffer.oldest());
    if (!log.in_service() || !last || filer_.written_to(log) >= *last) continue;
    may = false;
    if (log.filed_to() < log.state().durable) ready_.insert(uid);
  }
  return may;
}

void ShardStore::evict() {
  while (table_.buffer.bytes() > options_.tail_cache_bytes && table_.buffer.chunk_count() > 1) {
    if (!may_drop_oldest()) return;
    for (Uid uid : table_.buffer.users_of_oldest()) {
      table_.find(uid)->forget_chunk(table_.buffer.oldest());
    }
    table_.buffer.drop_oldest();
  }
}

// Removes the segments of one dead replica, unless some are still being written.
void ShardStore::bury() {
  auto next = std::find_if(dead_.begin(), dead_.end(), [&](const Dead& dead) {
    if (dead.round > durable_) return false;
    filer_.give_up(dead.uid);  // what the disk had no room for
    return filer_.idle(dead.uid);
  });
  if (next == dead_.end()) return;
  Uid uid = next->uid;
  dead_.erase(next);
  filer_.forget(uid);
  auto names = disk_.list(segment_directory(uid));
  if (!names.ok()) return;  // it never had any
  for (const std::string& name : *names) remove_file(segment_directory(uid) + "/" + name);
}

void ShardStore::remove_file(const std::string& path) {
  DiskOp op;
  op.kind = DiskOp::Kind::kRemove;
  op.lane = DiskOp::Lane::kBackground;
  op.ticket = kRemoveTicket;
  op.path = path;
  disk_.submit(std::move(op));
}

// On a full disk an image waits for a file; rounds go on in what is left of the last one.
bool ShardStore::image_is_due() const {
  return checkpoint_.phase() == Checkpoint::Phase::kReady && polls_ >= image_waits_until_ &&
         journal_.has_file_for(0, available_bytes());
}

// Due when redo would take long, or when the journal has no files left to give.
bool ShardStore::checkpoint_due() const {
  if (checkpoint_.phase() != Checkpoint::Phase::kIdle || dirty() || failed_) return false;
  if (bytes_since_checkpoint_ >=
      std::max(options_.journal_file_bytes, options_.journal_max_bytes / 8)) {
    return true;
  }
  if (images_are_wanted()) return true;
  bool low = journal_.free_files() <= kKeptFiles + 1;
  return low && (bytes_since_checkpoint_ > 0 || journal_.would_release(newest_image_) > 1);
}

// What a trim dropped stays on the disk until two images know of it, and so do damaged rounds. But
// while a replica is out of service for them, whatever else they hold of it may be its last copy.
bool ShardStore::images_are_wanted() const {
  if (!dropped_.empty() && dropped_.front().round > older_image_) return true;
  if (damaged_until_ <= older_image_) return false;
  return std::none_of(table_.states.begin(), table_.states.end(), [](const auto& entry) {
    return entry.second.fault && entry.second.life != Life::kDead;
  });
}

void ShardStore::begin_checkpoint() {
  bytes_since_checkpoint_ = 0;
  checkpoint_.begin(RoundNumber{journal_.next_number().value - 1}, table_, filer_);
}

RoundContent ShardStore::with_image(RoundContent content) const {
  Checkpoint::Image image = checkpoint_.image();
  uint64_t begin = 0;
  for (const Bytes& piece : content.payload) begin += piece.size();
  for (Item& item : image.items) {
    item.position += static_cast<uint32_t>(begin);
    content.items.push_back(item);
  }
  content.has_image = content.begins_file = true;
  if (image.bytes == 0) return content;
  content.payload.push_back(std::move(image.payload));
  content.payload_bytes = begin + image.bytes;
  return content;
}

}  // namespace strandlog::store
