// SegmentReads: read requests that memory cannot answer, under way against segment files.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/env.h"
#include "store/segment.h"
#include "store/store.h"

namespace strandlog::store {

/// One thread. What is returned passed header, chain and body checks.
class SegmentReads {
 public:
  static constexpr uint64_t kTicket = uint64_t{1} << 60;  ///< bit of all its disk tickets

  explicit SegmentReads(Disk& disk) : disk_(disk) {}

  /// Tickets of this start differ from those of any earlier one on the same Disk.
  void set_boot_epoch(BootEpoch epoch) { next_ticket_ = (epoch.value & 0xffffff) << 32 | 1; }
  struct Wanted {
    SegmentFile file;
    const SegmentIndex* index = nullptr;  ///< null: not known; the file is scanned for it first
    SegmentReader::Wish wish;
    uint64_t ticket = 0;  ///< the asker's
  };
  /// Starts it. kCorruption when the file cannot be opened, kBusy when too many are under way.
  Result<void> start(const Wanted& wanted);

  struct Finished {
    Uid uid;
    ReadDone done;  ///< error kCorruption: whatever was wrong with the bytes
  };
  /// None while the read goes on. `done` carries one of this object's tickets.
  std::optional<Finished> on_done(const DiskDone& done);
  /// The remembered index of a segment scanned for a read.
  const SegmentIndex* index_of(Uid uid, Index first, Term term) const;
  uint64_t disk_reads() const { return disk_reads_; }

 private:
  static constexpr size_t kMaxReads = 1024;
  static constexpr size_t kKeptIndexes = 256;
  struct Read {
    SegmentFile file;
    SegmentReader::Wish wish;
    uint64_t ticket = 0;
    FileHandle handle;
    std::optional<SegmentScan> scan;
    std::optional<SegmentReader> reader;
    std::vector<uint8_t> window;
  };
  struct Name {
    Uid uid;
    Index first;
    Term term;
    auto operator<=>(const Name&) const = default;
  };
  void ask(std::unique_ptr<Read> read, const ByteRange& range);
  Result<std::optional<ByteRange>> take(Read& read, uint64_t bytes);
  Finished finish(std::unique_ptr<Read> read, Result<ReadResult> result);

  Disk& disk_;
  std::map<uint64_t, std::unique_ptr<Read>> reads_;  ///< by disk ticket
  std::map<Name, SegmentIndex> indexes_;
  uint64_t next_ticket_ = 1;
  uint64_t disk_reads_ = 0;
};

}  // namespace strandlog::store
