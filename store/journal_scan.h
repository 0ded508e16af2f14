// JournalScan: what a journal directory holds: files in order of use, and the chain of rounds.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "store/journal_format.h"

namespace strandlog::store {

constexpr char kJournalDirectory[] = "journal";

struct ScannedFile {
  std::string path;
  FileHandle handle;
  uint64_t bytes = 0;
  std::optional<JournalFileHeader> header;  ///< none: not in use (new, or its reuse was torn)
};

struct ScannedRound {
  RoundFixed fixed;
  size_t file = 0;  ///< in JournalScan::files
  uint64_t position = 0;
};

/// A round of the chain. When its head is lost, only its number is known.
struct ChainLink {
  RoundNumber number;
  std::optional<ScannedRound> found;
};

struct JournalScan {
  std::vector<ScannedFile> files;  ///< in use first, by sequence; then the others, by path
  size_t files_in_use = 0;
  std::vector<ChainLink> chain;  ///< ascending; follows each head's `previous`, so rounds cut at
                                 ///< an earlier start are not in it
  /// Rounds below the last one that follow the same one, newest first: those that were torn, and
  /// those that a start wrote anew under a higher number. One of these counts if the last is torn.
  std::vector<ScannedRound> replaced;
  bool reaches_first_round = false;  ///< chain.front() is the first round of the store's life, or
                                     ///< there is none
  RoundNumber highest;               ///< of any head seen, of rounds cut included
};

/// Opens every file of the journal and finds all round heads, page by page where the chain of
/// lengths breaks. Blocks. The handles stay open and belong to the caller.
Result<JournalScan> scan_journal(Disk& disk, const StoreId& store);

/// The newest of `replaced` that is whole; null: none is. Blocks; `memory` grows as needed.
Result<const ScannedRound*> newest_whole_replaced(Disk& disk, const JournalScan& scan,
                                                  std::optional<Pages>& memory);

/// Disk::read, but pages that cannot be read (kIo) come out as zeroes. Blocks.
Result<uint64_t> read_around_damage(Disk& disk, FileHandle file, uint64_t position,
                                    MutableByteView into);

/// Reads pages of one open file, a window at a time. Blocks.
class PageReader {
 public:
  PageReader(Disk& disk, FileHandle file, uint64_t file_bytes)
      : disk_(disk), file_(file), file_bytes_(file_bytes), window_(kWindowBytes) {}
  /// The page at `position`; short or empty at the end of the file.
  Result<ByteView> page(uint64_t position);

 private:
  static constexpr uint64_t kWindowBytes = 256u << 10;
  Disk& disk_;
  FileHandle file_;
  uint64_t file_bytes_;
  Pages window_;
  uint64_t begin_ = 0, end_ = 0;
};

/// Reads a whole round, or what the file has of it, into `memory`, which grows as needed. Blocks.
Result<ByteView> read_round(Disk& disk, const JournalScan& scan, const ScannedRound& round,
                            std::optional<Pages>& memory);

}  // namespace strandlog::store
