// Filling segment files.
#include "store/segment_writer.h"

#include <algorithm>
#include <utility>

#include "base/mutant.h"

namespace strandlog::store {

std::shared_ptr<Pages> PiecePool::take(uint64_t bytes) {
  if (out_ >= max_pieces_) return nullptr;
  ++out_;
  if (bytes <= piece_bytes_ && !spare_.empty()) {
    std::shared_ptr<Pages> piece = std::move(spare_.back());
    spare_.pop_back();
    return piece;
  }
  return std::make_shared<Pages>(std::max(bytes, piece_bytes_));
}

void PiecePool::give_back(std::shared_ptr<Pages> piece) {
  CHECK(out_ > 0);
  --out_;
  if (piece->size() == piece_bytes_) spare_.push_back(std::move(piece));
}

SegmentWriter::SegmentWriter(Seams seams, SegmentHeader header, uint64_t segment_bytes)
    : seams_(seams),
      header_(std::move(header)),
      path_(segment_file_path(header_.uid, {header_.first, header_.term})),
      segment_bytes_(segment_bytes) {
  taken_.first = header_.first;
  taken_.term = header_.term;
  taken_.base_offset = header_.base_offset;
  taken_.end = {header_.first.previous(), Term{0}, header_.base_offset, header_.chain_before, 0};
  taken_.end_position = kSegmentHeaderBytes;
  written_ = durable_ = taken_;
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(Seams seams,
                                                             const SegmentHeader& header,
                                                             uint64_t segment_bytes) {
  CHECK(header.first.value > 0);
  std::unique_ptr<SegmentWriter> writer(new SegmentWriter(seams, header, segment_bytes));
  TRY(seams.disk.make_directory(segment_directory(header.uid)));
  ASSIGN(writer->handle_, seams.disk.open(writer->path_, OpenMode::kWriteDirect));
  writer->header_due_ = writer->name_due_ = true;
  return writer;
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::reopen(Seams seams, const SegmentFile& file,
                                                             SegmentIndex index,
                                                             uint64_t segment_bytes) {
  auto damaged = [&](const std::string& what) {
    return Error{Code::kCorruption, file.path + " at 0, entry " +
                                        std::to_string(file.range.first.value) + ": " + what};
  };
  // Opened for reading first: opening for writing would make a missing file.
  auto reader = seams.disk.open(file.path, OpenMode::kRead);
  if (!reader.ok() && reader.error().code == Code::kNotFound) return damaged("no such file");
  if (!reader.ok()) return reader.error();
  std::vector<uint8_t> page(kSegmentHeaderBytes);
  auto size = seams.disk.size(*reader);
  auto got = seams.disk.read(*reader, 0, page);
  seams.disk.close(*reader);
  if (!size.ok()) return size.error();
  if (!got.ok()) return got.error();
  auto header = decode_segment_header(ByteView(page).first(*got));
  if (!header.ok()) return damaged(header.error().text);
  if (header->uid != file.uid || header->group != file.group || header->first != file.range.first ||
      header->term != file.range.term) {
    return damaged("its header names another replica or entry");
  }
  if (*size < file.range.end_position) {
    return damaged("the file has " + std::to_string(*size) + " bytes, entries end at " +
                   std::to_string(file.range.end_position));
  }
  std::unique_ptr<SegmentWriter> writer(new SegmentWriter(seams, *header, segment_bytes));
  ASSIGN(writer->handle_, seams.disk.open(file.path, OpenMode::kWriteDirect));
  writer->taken_ = writer->written_ = writer->durable_ = file.range;
  writer->index_ = std::move(index);
  writer->piece_position_ = page_up(file.range.end_position);
  return writer;
}

SegmentWriter::~SegmentWriter() {
  if (piece_) seams_.pool.give_back(std::move(piece_));
  for (Piece& piece : under_way_) {
    if (piece.memory) seams_.pool.give_back(std::move(piece.memory));
  }
  if (handle_.value != 0) seams_.disk.close(handle_);
}

// --------------------------------------------------------------------------------------- taking

bool SegmentWriter::open_piece(uint64_t entry_bytes) {
  uint64_t begin = header_due_ ? kSegmentHeaderBytes : 0;
  piece_ = seams_.pool.take(begin + entry_bytes);
  if (!piece_) return false;
  piece_used_ = begin;
  if (header_due_) encode_segment_header(header_, piece_->view().first(kSegmentHeaderBytes));
  header_due_ = false;
  return true;
}

void SegmentWriter::add_entry(const EntryHeader& h, ByteView whole) {
  CHECK(h.index == taken_.end.index.plus(1));
  CHECK(h.index != header_.first || h.term == header_.term);
  CHECK(h.term >= taken_.end.term);
  CHECK(h.base_offset == taken_.end.next_offset);
  CHECK(h.chain == chain_after(taken_.end.chain, h));
  std::memcpy(piece_->data() + piece_used_, whole.data(), whole.size());
  uint64_t position = piece_position_ + piece_used_;
  piece_used_ += whole.size();
  index_.add({h.index, h.base_offset, position});
  taken_.end = {h.index, h.term, h.next_offset(), h.chain, h.append_time_ms};
  taken_.end_position = position + whole.size();
  taken_.bytes += whole.size();
}

Result<uint64_t> SegmentWriter::append(ByteView run) {
  uint64_t taken = 0;
  while (!run.empty() && !full()) {
    ASSIGN(EntryHeader header, decode_entry_header(run, header_.group));
    uint64_t bytes = kEntryHeaderBytes + header.body_bytes;
    CHECK(bytes <= run.size());
    if (piece_ && piece_->size() - piece_used_ < bytes) flush_partial();
    if (!piece_ && !open_piece(bytes)) break;
    add_entry(header, run.first(bytes));
    run = run.subspan(bytes);
    taken += bytes;
  }
  return taken;
}

void SegmentWriter::flush_partial() {
  if (!piece_) return;
  uint64_t bytes = page_up(piece_used_);
  std::memset(piece_->data() + piece_used_, 0, bytes - piece_used_);
  under_way_.push_back(
      {0, Piece::State::kWriting, piece_position_, bytes, std::move(piece_), taken_});
  piece_.reset();
  piece_used_ = 0;
  piece_position_ += bytes;
  submit_piece(under_way_.back());
}

void SegmentWriter::submit_piece(Piece& piece) {
  piece.ticket = seams_.tickets.take(header_.uid);
  piece.state = Piece::State::kWriting;
  DiskOp op;
  op.kind = DiskOp::Kind::kWrite;
  op.lane = DiskOp::Lane::kBackground;
  op.ticket = piece.ticket;
  op.file = handle_;
  op.position = piece.position;
  op.pieces = {Bytes(piece.memory, ByteView(piece.memory->data(), piece.bytes))};
  seams_.disk.submit(std::move(op));
}

SegmentHeader SegmentWriter::next_header(Term term) const {
  SegmentHeader next = header_;
  next.first = taken_.end.index.plus(1);
  next.term = term;
  next.base_offset = taken_.end.next_offset;
  next.chain_before = taken_.end.chain;
  return next;
}

// ------------------------------------------------------------------------------------- flushing

void SegmentWriter::submit_flush(DiskOp::Kind kind, const std::string& path) {
  DiskOp op;
  op.kind = kind;
  op.lane = DiskOp::Lane::kBackground;
  op.ticket = seams_.tickets.take(header_.uid);
  if (kind == DiskOp::Kind::kFlush) op.file = handle_;
  op.path = path;
  bool of_name = kind == DiskOp::Kind::kFlushDirectory;
  flushes_.push_back({op.ticket, of_name});
  seams_.disk.submit(std::move(op));
}

void SegmentWriter::flush() {
  bool name_asked =
      std::any_of(flushes_.begin(), flushes_.end(), [](auto& f) { return f.of_name; });
  if (is_mutant(Mutant::kNamesNotFlushed)) name_due_ = false;
  if (name_due_ && !name_asked) {
    submit_flush(DiskOp::Kind::kFlushDirectory, segment_directory(header_.uid));
    submit_flush(DiskOp::Kind::kFlushDirectory, "partitions");
  }
  submit_flush(DiskOp::Kind::kFlush, "");
}

// ---------------------------------------------------------------------------------- completions

Result<bool> SegmentWriter::on_done(const DiskDone& done) {
  for (Piece& piece : under_way_) {
    if (piece.ticket == done.ticket && piece.state == Piece::State::kWriting) {
      return on_piece_done(piece, done);
    }
  }
  return on_flush_done(done);
}

Result<bool> SegmentWriter::on_piece_done(Piece& piece, const DiskDone& done) {
  if (!done.result.ok()) {
    piece.state = Piece::State::kRefused;
    return done.result.error();
  }
  CHECK(*done.result == piece.bytes);
  piece.state = Piece::State::kWritten;
  bytes_written_ += piece.bytes;
  seams_.pool.give_back(std::move(piece.memory));
  // A refused piece is a hole: what lies behind it does not count until it is filled.
  while (!under_way_.empty() && under_way_.front().state == Piece::State::kWritten) {
    written_ = under_way_.front().after;
    under_way_.pop_front();
  }
  return true;
}

Result<bool> SegmentWriter::on_flush_done(const DiskDone& done) {
  auto it = std::find_if(flushes_.begin(), flushes_.end(),
                         [&](const Flush& f) { return f.ticket == done.ticket; });
  if (it == flushes_.end()) return false;
  Flush flush = *it;
  flushes_.erase(it);
  if (!done.result.ok()) {
    // Nothing a flush says may be taken back or asked again: a full disk is a failure here too.
    return Error{Code::kIo, path_ + ": " + done.result.error().text};
  }
  // The lane runs in order: what counts as written now was written before this flush.
  if (flush.of_name) return true;
  bool name_pending =
      std::any_of(flushes_.begin(), flushes_.end(), [](auto& f) { return f.of_name; });
  if (!name_pending) name_due_ = false;
  durable_ = written_;
  return true;
}

bool SegmentWriter::must_retry() const {
  return std::any_of(under_way_.begin(), under_way_.end(),
                     [](const Piece& p) { return p.state == Piece::State::kRefused; });
}

void SegmentWriter::give_up() {
  if (piece_) seams_.pool.give_back(std::move(piece_));
  piece_.reset();
  std::erase_if(under_way_, [this](Piece& piece) {
    bool refused = piece.state == Piece::State::kRefused;
    if (refused) seams_.pool.give_back(std::move(piece.memory));
    return refused;
  });
}

void SegmentWriter::retry() {
  for (Piece& piece : under_way_) {
    if (piece.state == Piece::State::kRefused) submit_piece(piece);
  }
}

}  // namespace strandlog::store
