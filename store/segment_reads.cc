// Reading segments without blocking.
#include "store/segment_reads.h"

namespace strandlog::store {

Result<void> SegmentReads::start(const Wanted& wanted) {
  if (reads_.size() >= kMaxReads) {
    return Error{Code::kBusy, std::to_string(reads_.size()) + " reads are under way; retry"};
  }
  auto read = std::make_unique<Read>();
  auto handle = disk_.open(wanted.file.path, OpenMode::kRead);
  if (!handle.ok() && handle.error().code == Code::kBusy) return handle.error();
  if (!handle.ok()) return Error{Code::kCorruption, handle.error().text};
  read->file = wanted.file;
  read->wish = wanted.wish;
  read->ticket = wanted.ticket;
  read->handle = *handle;
  std::optional<ByteRange> range;
  if (wanted.index && !wanted.index->points().empty()) {
    read->reader.emplace(wanted.file, *wanted.index, wanted.wish);
    range = read->reader->wanted();
  } else {
    read->scan.emplace(wanted.file, false);
    range = read->scan->wanted();
  }
  CHECK(range.has_value());
  ask(std::move(read), *range);
  return {};
}

void SegmentReads::ask(std::unique_ptr<Read> read, const ByteRange& range) {
  uint64_t ticket = kTicket | next_ticket_++;
  read->window.resize(range.bytes);
  DiskOp op;
  op.kind = DiskOp::Kind::kRead;
  op.lane = DiskOp::Lane::kRead;
  op.ticket = ticket;
  op.file = read->handle;
  op.position = range.position;
  op.into = &read->window;
  reads_[ticket] = std::move(read);
  ++disk_reads_;
  disk_.submit(std::move(op));
}

// Hands over a window; what to read next, none when finished.
Result<std::optional<ByteRange>> SegmentReads::take(Read& read, uint64_t bytes) {
  read.window.resize(bytes);
  if (read.scan) {
    TRY(read.scan->take(read.window));
    if (auto more = read.scan->wanted()) return more;
    const SegmentRange& range = read.file.range;
    if (indexes_.size() >= kKeptIndexes) indexes_.erase(indexes_.begin());
    const SegmentIndex& index = read.scan->index();
    read.reader.emplace(read.file, index, read.wish);
    indexes_.insert_or_assign(Name{read.file.uid, range.first, range.term}, index);
    read.scan.reset();
    return read.reader->wanted();
  }
  TRY(read.reader->take(Bytes::take(std::exchange(read.window, {}))));
  return read.reader->wanted();
}

SegmentReads::Finished SegmentReads::finish(std::unique_ptr<Read> read, Result<ReadResult> result) {
  disk_.close(read->handle);
  return {read->file.uid, {read->ticket, std::move(result)}};
}

std::optional<SegmentReads::Finished> SegmentReads::on_done(const DiskDone& done) {
  auto found = reads_.find(done.ticket);
  if (found == reads_.end()) return std::nullopt;
  std::unique_ptr<Read> read = std::move(found->second);
  reads_.erase(found);
  auto more = done.result.ok() ? take(*read, *done.result)
                               : Result<std::optional<ByteRange>>(done.result.error());
  if (!more.ok()) {
    Error error{Code::kCorruption, more.error().text};
    return finish(std::move(read), error);
  }
  if (*more) {
    ask(std::move(read), **more);
    return std::nullopt;
  }
  ReadResult result = std::move(*read->reader).result();
  return finish(std::move(read), std::move(result));
}

const SegmentIndex* SegmentReads::index_of(Uid uid, Index first, Term term) const {
  auto found = indexes_.find({uid, first, term});
  return found == indexes_.end() ? nullptr : &found->second;
}

}  // namespace strandlog::store
