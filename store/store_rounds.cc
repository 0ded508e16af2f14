// ShardStore: rounds, from what was gathered to what is durable.
#include <algorithm>

#include "base/log.h"
#include "base/mark.h"
#include "base/mutant.h"
#include "store/shard_store.h"

namespace strandlog::store {
namespace {

constexpr uint64_t kJournalTicket = uint64_t{1} << 62;
constexpr size_t kMaxItems = 8192;            // a round with more is full
constexpr uint64_t kIdlePolls = 64;           // without work before a seal round is written
constexpr uint64_t kPieceBytes = 256u << 10;  // entries of a replica worth a segment write

}  // namespace

bool ShardStore::full() const {
  return table_.buffer.round_bytes() >= options_.round_bytes || draft_.item_count() >= kMaxItems;
}

std::vector<RoundDurable::Touched> ShardStore::take_touched() {
  std::vector<Uid> uids = draft_.take_touched();
  std::sort(uids.begin(), uids.end());
  std::vector<RoundDurable::Touched> touched;
  touched.reserve(uids.size());
  for (Uid uid : uids) {
    const ReplicaLog& log = *table_.find(uid);
    touched.push_back({uid, log.state().last, log.end().term, log.state().term, log.state().vote});
  }
  return touched;
}

RoundContent ShardStore::take_content() {
  RoundContent content;
  content.items = draft_.take_items();
  content.payload_bytes = table_.buffer.round_bytes();
  content.payload = table_.buffer.end_round();
  return content;
}

void ShardStore::submit() {
  CHECK(dirty() && !writing());
  if (failed_) return;
  send(take_content(), false);
  if (!unplaced_ && checkpoint_due()) begin_checkpoint();
}

void ShardStore::send(RoundContent content, bool seal) {
  InFlight flight;
  flight.number = journal_.next_number();
  flight.touched = take_touched();
  flight.seal = seal;
  in_flight_ = std::move(flight);
  unplaced_ = std::move(content);
  auto write = image_is_due() ? place_with_image() : journal_.place(*unplaced_);
  if (write.ok() || !passes(write.error())) return give_place(std::move(write));
  if (seal) {  // nobody waits for it: another one is tried when the store has been idle again
    unplaced_.reset();
    in_flight_.reset();
    idle_polls_ = 0;
    return;
  }
  // As on a disk that stands still; nobody was promised anything of it yet.
  mark<"store: a round waits for space">();
  LOG(kWarn, "a round waits for space", kv("round", in_flight_->number),
      kv("free", available_bytes()), kv("why", write.error().text));
}

// Without a file for both the image waits for a later round. It never joins a round that has
// waited: it may have been cut since by what only the next one tells of.
Result<RoundWrite> ShardStore::place_with_image() {
  RoundContent both = with_image(*unplaced_);
  Result<RoundWrite> write = Error{Code::kDiskFull, "no file for a base image"};
  if (journal_.has_file_for(journal_.length_of(both), available_bytes())) {
    write = journal_.place(both);
  }
  if (write.ok()) {
    in_flight_->image_shows = checkpoint_.shows();
    checkpoint_.end();
    return write;
  }
  image_waits_until_ = polls_ + kRetryPolls;
  bool nothing_else = unplaced_->items.empty();
  return nothing_else || !passes(write.error()) ? write : journal_.place(*unplaced_);
}

void ShardStore::give_place(Result<RoundWrite> write) {
  unplaced_.reset();
  if (!write.ok()) return fail(write.error());
  CHECK(write->number == in_flight_->number);
  in_flight_->bytes = write->bytes;
  // An image alone is nothing a further checkpoint could shorten.
  bool image_alone = in_flight_->image_shows && in_flight_->touched.empty();
  if (!image_alone) bytes_since_checkpoint_ += write->bytes;
  DiskOp op;
  op.kind = DiskOp::Kind::kWrite;
  op.lane = DiskOp::Lane::kJournal;
  op.ticket = in_flight_->ticket = kJournalTicket | in_flight_->number.value;
  op.file = write->file;
  op.position = write->position;
  op.pieces = std::move(write->pieces);
  op.flush_after = !is_mutant(Mutant::kAckBeforeFlush);
  disk_.submit(std::move(op));
}

// A round that waits for space is owed like one that the disk does not write.
DiskLanes ShardStore::disk_lanes() const {
  DiskLanes lanes = disk_.lanes();
  if (unplaced_) ++lanes[static_cast<size_t>(DiskOp::Lane::kJournal)].open;
  return lanes;
}

void ShardStore::finish_round(const DiskDone& done) {
  if (!done.result.ok() && !is_mutant(Mutant::kFlushErrorIgnored)) {
    fail(done.result.error());
    return;
  }
  InFlight flight = std::move(*in_flight_);
  in_flight_.reset();
  durable_ = flight.number;
  sealed_ = flight.seal;
  idle_polls_ = 0;
  for (const RoundDurable::Touched& t : flight.touched) {
    ReplicaLog& log = *table_.find(t.uid);
    if (!log.in_service()) continue;
    log.state().durable = std::max(log.state().durable, t.last);
    if (log.unfiled_bytes() >= std::min(kPieceBytes, options_.segment_bytes / 2)) {
      ready_.insert(t.uid);
    }
  }
  if (flight.image_shows) {
    older_image_ = newest_image_;
    newest_image_ = *flight.image_shows;
    journal_.release(older_image_);
    ++figures_.checkpoints;
  }
  ++figures_.rounds;
  figures_.round_bytes += flight.bytes;
  events_.push_back(RoundDurable{flight.number, std::move(flight.touched)});
}

// A failed write or flush is never tried again: what the disk holds is unknown from here on.
void ShardStore::fail(Error error) {
  if (failed_) return;
  failed_ = true;
  LOG(kError, "store failed", kv("reason", error.text));
  events_.push_back(StoreFailed{std::move(error)});
}

// A last round that another follows is provably whole; without a seal, damage to the last round
// looks like a torn write.
void ShardStore::seal_when_idle() {
  if (sealed_ || failed_ || writing() || dirty()) return;
  if (++idle_polls_ < kIdlePolls) return;
  RoundContent content;
  content.items.push_back({.kind = ItemKind::kSeal});
  send(std::move(content), true);
}

}  // namespace strandlog::store
