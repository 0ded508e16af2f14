// SegmentWriter: fills one segment file in aligned pieces, off the path of an ack.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "base/env.h"
#include "store/replica_log.h"
#include "store/segment.h"
#include "store/segment_format.h"

namespace strandlog::store {

/// The memory of pieces under way, bounded and used again. Used by one thread; outlives its
/// writers.
class PiecePool {
 public:
  explicit PiecePool(size_t max_pieces, uint64_t piece_bytes = 1u << 20)
      : max_pieces_(max_pieces), piece_bytes_(page_up(piece_bytes)) {}
  /// Memory of at least `bytes`; null while max_pieces are out. Not cleared.
  std::shared_ptr<Pages> take(uint64_t bytes);
  void give_back(std::shared_ptr<Pages> piece);
  uint64_t piece_bytes() const { return piece_bytes_; }
  size_t out() const { return out_; }

 private:
  const size_t max_pieces_;
  const uint64_t piece_bytes_;
  size_t out_ = 0;
  std::vector<std::shared_ptr<Pages>> spare_;
};

/// Names disk operations so that their completions find back to the writer.
class TicketSource {
 public:
  virtual ~TicketSource() = default;
  virtual uint64_t take(Uid owner) = 0;
};

/// Entries go from memory into pieces (the one copy made here) and from there to the file, in
/// order, on the background lane. A piece holds whole entries and is padded with zeroes to a page;
/// an entry longer than a piece has one of its own. No byte before an announced end is written
/// again.
///
/// taken ≥ written ≥ durable: copied into a piece; its write completed; survives a power cut.
///
/// A pure state machine over Disk::submit and on_done(). Not thread-safe. Destroy it only when
/// idle(), or with the disk's completions no longer wanted.
class SegmentWriter {
 public:
  /// Whom it works with; all of them outlive it.
  struct Seams {
    Disk& disk;
    PiecePool& pool;
    TicketSource& tickets;
  };
  /// A new file, header first; whatever an earlier life left under its name is overwritten. Makes
  /// the replica's directory. Blocks for two metadata calls.
  static Result<std::unique_ptr<SegmentWriter>> create(Seams seams, const SegmentHeader& header,
                                                       uint64_t segment_bytes);
  /// Goes on behind `file.range`, whose `index` was scanned. kCorruption when the file is missing,
  /// too short or another's. Blocks for one small read.
  static Result<std::unique_ptr<SegmentWriter>> reopen(Seams seams, const SegmentFile& file,
                                                       SegmentIndex index, uint64_t segment_bytes);
  ~SegmentWriter();
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;

  /// Takes whole entries off the front of `run`, which continues taken(). Returns their bytes:
  /// fewer than all when the pool is empty (offer the rest after on_done) or the segment is full().
  /// kCorruption when an entry in memory fails its header CRC.
  Result<uint64_t> append(ByteView run);
  /// Submits what the open piece holds, padded. Until then the piece occupies the pool: call it
  /// whenever no more entries of this replica are at hand.
  void flush_partial();
  /// Makes everything written durable, the file's name included, once idle again. Call it after
  /// flush_partial(); a second call before the first completed is fine.
  void flush();
  /// The segment has reached its length: flush_partial(), then begin next_header() in a new one.
  bool full() const { return taken_.end_position >= segment_bytes_; }
  /// The header of the segment that follows this one; `term` is that of its first entry.
  SegmentHeader next_header(Term term) const;

  /// Whether the completion was this writer's. kDiskFull: a piece waits for retry(). Other errors:
  /// the process must stop.
  Result<bool> on_done(const DiskDone& done);
  /// Submits again what did not fit on the disk.
  void retry();
  bool must_retry() const;
  /// Lets go of what did not fit: nobody will read it. Nothing more may be appended.
  void give_up();
  bool idle() const { return under_way_.empty() && flushes_.empty() && !piece_; }

  const SegmentRange& taken() const { return taken_; }
  const SegmentRange& written() const { return written_; }
  const SegmentRange& durable() const { return durable_; }
  const SegmentIndex& index() const { return index_; }  ///< of all taken entries
  /// For readers: what is written, and no more.
  SegmentFile file() const { return {path_, header_.uid, header_.group, written_}; }
  uint64_t bytes_written() const { return bytes_written_; }  ///< padding and header included

 private:
  SegmentWriter(Seams seams, SegmentHeader header, uint64_t segment_bytes);
  struct Piece {
    enum class State { kWriting, kWritten, kRefused };
    uint64_t ticket = 0;
    State state = State::kWriting;
    uint64_t position = 0;
    uint64_t bytes = 0;
    std::shared_ptr<Pages> memory;
    SegmentRange after;
  };
  bool open_piece(uint64_t entry_bytes);
  void add_entry(const EntryHeader& header, ByteView whole);
  void submit_piece(Piece& piece);
  void submit_flush(DiskOp::Kind kind, const std::string& path);
  Result<bool> on_piece_done(Piece& piece, const DiskDone& done);
  Result<bool> on_flush_done(const DiskDone& done);

  Seams seams_;
  SegmentHeader header_;
  std::string path_;
  uint64_t segment_bytes_;
  FileHandle handle_;
  bool header_due_ = false;  ///< the header page goes with the first piece
  bool name_due_ = false;    ///< the file's name is not durable yet

  std::shared_ptr<Pages> piece_;  ///< being filled
  uint64_t piece_used_ = 0;
  uint64_t piece_position_ = 0;  ///< in the file; of the next piece while there is none

  SegmentRange taken_, written_, durable_;
  SegmentIndex index_;
  std::deque<Piece> under_way_;
  struct Flush {
    uint64_t ticket = 0;
    bool of_name = false;
  };
  std::deque<Flush> flushes_;
  uint64_t bytes_written_ = 0;
};

}  // namespace strandlog::store
