// Journal: the files rounds are written to, one after the other, and used again when no longer
// needed.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "store/journal_format.h"
#include "store/journal_scan.h"

namespace strandlog::store {

struct JournalOptions {
  StoreId store;
  uint64_t file_bytes = 0;
  uint64_t max_bytes = 0;  ///< of all files; exceeded only by what was accepted before
};

/// What a round is made of. Item positions are relative to the payload.
struct RoundContent {
  std::vector<Item> items;
  std::vector<Bytes> payload;  ///< whole pages, zero-padded
  uint64_t payload_bytes = 0;  ///< without the last padding
  bool has_image = false;
  bool begins_file = false;  ///< so that the files before it hold nothing that it does not show
};

/// A round ready for the disk: one write at one place, then one flush.
struct RoundWrite {
  RoundNumber number;
  FileHandle file;
  uint64_t position = 0;
  std::vector<Bytes> pieces;
  uint64_t bytes = 0;
};

/// What the next round follows, and tells of it.
struct LastRound {
  RoundNumber number;  ///< 0: there is none
  RoundNumber previous;
  std::vector<RepeatedItem> items;
};

/// Where a scanned journal goes on.
struct JournalEnd {
  size_t file = 0;                          ///< in JournalScan::files
  uint64_t position = kJournalHeaderBytes;  ///< behind the last round
  bool header_is_sure = false;              ///< durable: a round before the last vouches for it
  RoundNumber shown;                        ///< by a base image: rounds up to it are not needed
};

/// One shard's thread. At most one round may be under way at a time.
class Journal {
 public:
  static constexpr uint64_t kTicket = uint64_t{1} << 58;  ///< bit of all its tickets

  Journal(Disk& disk, Random& random, const JournalOptions& options)
      : disk_(disk), random_(random), options_(options) {}

  /// Continues a scanned journal, taking over its files. follow() says what its next round follows.
  void adopt(const JournalScan& scan, const JournalEnd& end);
  void follow(LastRound last);
  /// Tickets of this start differ from those of any earlier one on the same Disk.
  void set_boot_epoch(BootEpoch epoch) {
    boot_epoch_ = epoch;
    next_ticket_ = (epoch.value & 0xffffff) << 32 | 1;
  }

  /// Before the first round of a start: writes the header of the file that goes on anew if nobody
  /// knows that it is durable; one copy after the other, so that one is always whole, however often
  /// this is cut short. Blocks.
  Result<void> make_header_sure();

  /// The number the next round will have.
  RoundNumber next_number() const { return next_; }
  /// How long the next round would be with this content.
  uint64_t length_of(const RoundContent& content) const { return shape_of(content).total; }
  /// Gives the round its number and place. May create a file, which blocks. The content's payload
  /// must stay as it is until the write is done. After an error the content is as before, and the
  /// same may be tried again.
  Result<RoundWrite> place(RoundContent& content);
  /// Rounds up to `number` are no longer needed: files holding nothing else may be used again.
  /// Those that long rounds made grow are removed where they leave too little of max_bytes.
  void release(RoundNumber number);
  /// How many files release(number) would free.
  size_t would_release(RoundNumber number) const;
  /// Once the round of a start is durable: files of which the scan knew that they hold no round of
  /// the chain are blank, for this start and for those that come before another round. Blocks.
  Result<void> release_replaced();

  /// Whether a round of this length has a new file, or one that may be grown or made in
  /// `free_bytes` of the disk.
  bool has_file_for(uint64_t round_bytes, uint64_t free_bytes) const;

  uint64_t unused_files() const;
  /// Files not in use and files that may still be created.
  uint64_t free_files() const;
  /// Bytes that making files would take until `files` wait unused (as far as max_bytes allows).
  uint64_t missing_spare_bytes(uint64_t files) const;
  /// Begins to make one more file for later, on the disk's background lane; at most one at a time.
  Result<void> begin_spare();
  bool is_making() const { return making_ != nullptr; }
  /// An operation with kTicket finished; the error of a spare that failed.
  Result<void> on_done(const DiskDone& done);
  uint64_t capacity_of_file() const { return options_.file_bytes - kJournalHeaderBytes; }
  uint64_t bytes() const { return bytes_; }  ///< of all files, those being made or removed included
  uint64_t bytes_made() const { return bytes_ - (making_ ? making_->file->bytes : 0); }
  const StoreId& store() const { return options_.store; }

 private:
  struct File {
    std::string path;
    FileHandle handle;
    uint64_t bytes = 0;
    uint64_t sequence = 0;
    uint64_t salt = 0;
    bool in_use = false;
    bool is_replaced = false;  ///< nothing in it counts any more once a start has written its round
    RoundNumber last_round;
  };
  /// A file is fit for use once its blocks and its name are durable: two operations.
  struct Making {
    std::unique_ptr<File> file;
    uint64_t allocated = 0, named = 0;  ///< tickets
    std::optional<Error> error;
  };
  /// Of a round: its head, then its payload, in the same pages if that saves one.
  struct Shape {
    uint64_t head_bytes = 0, payload_at = 0;
    bool inlined = false;
    uint64_t head_pages = 0;  ///< in bytes; with an inlined payload
    uint64_t total = 0;
  };
  Shape shape_of(const RoundContent& content) const;
  void find_what_is_needed(const JournalScan& scan, RoundNumber shown);
  uint64_t files_to_make() const;
  Result<void> begin_file(uint64_t round_bytes);
  uint64_t file_bytes_for(uint64_t round_bytes) const;
  /// The best of the files not in use: one that is long enough, else the longest; null when there
  /// is none.
  File* unused_file(uint64_t bytes) const;
  Result<File*> free_file(uint64_t bytes);
  Result<std::unique_ptr<File>> open_file(uint64_t bytes);
  Result<File*> create_file(uint64_t bytes);
  void drop_file(const File& file);
  void put_aside(RoundNumber number);
  uint64_t possible_files() const;
  void remove(const File& file);
  std::shared_ptr<Pages> head_memory(uint64_t bytes);

  Disk& disk_;
  Random& random_;
  JournalOptions options_;
  BootEpoch boot_epoch_;
  std::vector<std::unique_ptr<File>> files_;
  std::unique_ptr<Making> making_;
  std::map<uint64_t, uint64_t> removing_;  ///< ticket → bytes
  uint64_t next_ticket_ = 1;
  File* active_ = nullptr;
  uint64_t position_ = 0;    ///< of the next round in the active file
  bool header_due_ = false;  ///< the active file's header goes with its first round
  std::optional<JournalFileHeader> unsure_header_;  ///< of the active file
  uint64_t next_sequence_ = 1;
  uint64_t next_name_ = 1;
  uint64_t bytes_ = 0;
  RoundNumber next_{1};
  LastRound last_;
  std::vector<std::shared_ptr<Pages>> heads_;  ///< memory for heads, used again
};

}  // namespace strandlog::store
