// SegmentFiler: moves entries of all replicas from memory into their segments.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/env.h"
#include "store/replica_table.h"
#include "store/segment_writer.h"

namespace strandlog::store {

struct FilerOptions {
  uint64_t segment_bytes = 0;
  uint64_t piece_bytes = 1u << 20;
  size_t max_pieces = 8;  ///< under way at a time
};

/// One thread. Errors other than kCorruption (of one replica) and kDiskFull (tried again by
/// retry()) mean that the process must stop.
class SegmentFiler : private TicketSource {
 public:
  static constexpr uint64_t kTicket = uint64_t{1} << 61;  ///< bit of all its tickets

  SegmentFiler(Disk& disk, const FilerOptions& options)
      : disk_(disk), options_(options), pool_(options.max_pieces, options.piece_bytes) {}

  /// Tickets of this start differ from those of any earlier one on the same Disk.
  void set_boot_epoch(BootEpoch epoch) { next_ticket_ = (epoch.value & 0xffffff) << 32 | 1; }
  /// Hands entries up to `upto` (in memory, durable) to the replica's writer, in pieces. False: no
  /// piece is free; again after a completion.
  Result<bool> file(ReplicaLog& log, Index upto);
  /// Makes what was handed over durable, in a while.
  void flush(Uid uid);
  /// Entries up to `last`, all handed over, survive a power cut where they were put.
  bool durable_through(Uid uid, Index last) const;
  /// Entries up to it can be read from segments.
  Index written_to(const ReplicaLog& log) const;
  /// Ends the segment being filled: its range joins log.segments(); the next entry begins a new
  /// one.
  void end_segment(ReplicaLog& log);
  /// All segments and their ranges as handed over, the one being filled last.
  std::vector<SegmentRange> ranges(const ReplicaLog& log) const;
  /// A segment as far as it can be read now.
  struct Readable {
    SegmentFile file;
    const SegmentIndex* index = nullptr;  ///< null: not known here
  };
  /// The one that holds the entry or offset, or the first entry after it; none when no segment
  /// does.
  std::optional<Readable> find(const ReplicaLog& log, std::variant<Index, Offset> from) const;

  /// Whose operation it was; none: not one of this filer's.
  Result<std::optional<Uid>> on_done(const DiskDone& done);
  bool must_retry() const { return !refused_.empty(); }
  void retry();
  /// The file is one of those that are being written.
  bool writes(Uid uid, Index first, Term term) const;
  /// Nothing is under way for the replica.
  bool idle(Uid uid) const;
  /// Of a dead replica: what the disk had no room for is not tried again.
  void give_up(Uid uid);
  /// Forgets a dead replica; idle() before.
  void forget(Uid uid);
  uint64_t filed_bytes() const { return filed_bytes_; }  ///< of entries handed over, ever
  /// Of entries handed over whose write has not completed.
  uint64_t unwritten_bytes() const { return unwritten_bytes_; }
  uint64_t bytes_written() const { return bytes_written_; }

 private:
  struct Files {
    std::unique_ptr<SegmentWriter> writer;                 ///< fills the last segment
    std::vector<std::unique_ptr<SegmentWriter>> draining;  ///< ended, not durable yet
    std::map<Index, SegmentIndex> indexes;                 ///< of ended ones, by first entry
  };
  static constexpr size_t kKeptIndexes = 16;  ///< per replica

  uint64_t take(Uid owner) override;
  Result<SegmentWriter*> writer_for(Files& files, ReplicaLog& log, const EntryRef& next);
  void drain(Files& files, ReplicaLog& log);
  void sweep(Files& files);
  const SegmentWriter* writer(Uid uid) const;

  Disk& disk_;
  FilerOptions options_;
  PiecePool pool_;
  std::map<Uid, Files> files_;
  std::map<uint64_t, Uid> owners_;  ///< of tickets under way
  std::vector<Uid> refused_;        ///< have pieces the disk had no room for
  uint64_t next_ticket_ = 1;
  uint64_t filed_bytes_ = 0;
  uint64_t unwritten_bytes_ = 0;
  uint64_t bytes_written_ = 0;
};

}  // namespace strandlog::store
