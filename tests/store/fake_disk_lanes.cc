// Operations that were submitted: when they happen, and in which order of lanes they are told.
#include <algorithm>

#include "tests/store/fake_disk.h"

namespace strandlog::store {
namespace {

size_t lane_number(DiskOp::Lane lane) { return static_cast<size_t>(lane); }

}  // namespace

void FakeDisk::submit(DiskOp op) {
  Pending pending;
  if (op.kind == DiskOp::Kind::kRemove || op.kind == DiskOp::Kind::kFlushDirectory) {
    pending.path = op.path;
  } else {
    const Open& open = opened(op.file);
    pending.file = open.file;
    pending.mode = open.mode;
    pending.path = open.path;
    uint64_t position = op.position;
    for (const Bytes& piece : op.pieces) {
      check_aligned(open.mode, position, piece.data(), piece.size());
      position += piece.size();
    }
  }
  pending.op = std::move(op);
  pending_.push_back(std::move(pending));
}

std::optional<Result<uint64_t>> FakeDisk::run(const Pending& pending) {
  if (stopped()) return std::nullopt;
  Open open{pending.file, pending.mode, pending.path};
  auto moved = [](Result<void> result) -> Result<uint64_t> {
    if (!result.ok()) return result.error();
    return uint64_t{0};
  };
  switch (pending.op.kind) {
    case DiskOp::Kind::kWrite: {
      std::vector<ByteView> pieces(pending.op.pieces.begin(), pending.op.pieces.end());
      Result<uint64_t> written = write_pieces(open, pending.op.position, pieces);
      if (!written.ok() || !pending.op.flush_after) return written;
      if (stopped()) return std::nullopt;  // between the write and its flush
      if (auto flushed = flush_file(open); !flushed.ok()) return flushed.error();
      return written;
    }
    case DiskOp::Kind::kRead:
      return read_from(open, pending.op.position, *pending.op.into);
    case DiskOp::Kind::kAllocate:
      if (auto done = allocate_in(open, pending.op.position); !done.ok()) return done.error();
      if (!pending.op.flush_after) return uint64_t{0};
      if (stopped()) return std::nullopt;  // between the two
      return moved(flush_file(open));
    case DiskOp::Kind::kFlush:
      return moved(flush_file(open));
    case DiskOp::Kind::kFlushDirectory:
      return moved(flush_directory(pending.path));
    case DiskOp::Kind::kRemove:
      return moved(remove_name(pending.path));
  }
  return std::nullopt;
}

// False: the disk stopped.
bool FakeDisk::complete(size_t i, std::vector<DiskDone>& done) {
  auto result = run(pending_[i]);
  if (!result) return false;
  uint64_t file = pending_[i].file;
  done.push_back({pending_[i].op.ticket, std::move(*result)});
  pending_.erase(pending_.begin() + static_cast<ptrdiff_t>(i));
  forget_if_unused(file);
  return true;
}

void FakeDisk::finish_one(DiskOp::Lane lane) {
  for (size_t i = 0; i < pending_.size(); ++i) {
    if (pending_[i].op.lane != lane) continue;
    complete(i, finished_);
    return;
  }
}

void FakeDisk::poll(std::vector<DiskDone>& done) {
  std::move(finished_.begin(), finished_.end(), std::back_inserter(done));
  finished_.clear();
  size_t left = poll_limit_;
  for (size_t i = 0; i < pending_.size() && left > 0;) {
    if (held_[lane_number(pending_[i].op.lane)]) {
      ++i;
      continue;
    }
    if (!complete(i, done)) return;
    --left;
  }
}

void FakeDisk::hold() { held_.fill(true); }
void FakeDisk::hold(DiskOp::Lane lane) { held_[lane_number(lane)] = true; }
void FakeDisk::release() { held_.fill(false); }
void FakeDisk::release(DiskOp::Lane lane) { held_[lane_number(lane)] = false; }

void FakeDisk::stop_after(uint64_t count) {
  stop_at_ = operations_ + count;
  partial_taken_ = false;
}

}  // namespace strandlog::store
