// FakeDisk: a Disk in memory that can lose power, tear writes, fill up and rot, all by seed.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/env.h"
#include "tests/dice.h"
#include "tests/store/sparse_bytes.h"

namespace strandlog::store {

/// Every file has two images: volatile (what a read sees) and durable (what a power cut leaves).
/// A flush of the file makes its bytes and size durable; creations, renames, removals and new
/// directories become durable by flush_directory() of the parent ("" is the root; of a rename, the
/// parent of the new name). Starts with the directories of a formatted data directory, durable.
///
/// Asynchronous operations run inside poll(), in the order of submission. Same calls and seeds,
/// same behaviour. Copyable: a copy is a backup of the directory, with its own open files. One
/// thread.
class FakeDisk : public Disk {
 public:
  static constexpr uint64_t kSector = 512;
  static constexpr uint64_t kAlignment = 4096;
  static constexpr uint64_t kAmple = uint64_t{1} << 40;  ///< the capacity at first

  FakeDisk();

  // ---- Disk
  Result<FileHandle> open(const std::string& path, OpenMode mode) override;
  void close(FileHandle file) override;  ///< a handle from before a crash is ignored
  Result<uint64_t> size(FileHandle file) override;
  Result<uint64_t> read(FileHandle file, uint64_t position, MutableByteView into) override;
  Result<void> write(FileHandle file, uint64_t position, ByteView bytes) override;
  Result<void> flush(FileHandle file) override;
  Result<void> allocate(FileHandle file, uint64_t bytes) override;
  Result<void> make_directory(const std::string& path) override;
  Result<void> flush_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<uint64_t> free_bytes() override;
  void submit(DiskOp op) override;
  void poll(std::vector<DiskDone>& done) override;

  // ---- power
  /// Power cut and restart. Of each lane's unfinished operations a random number ran unseen and the
  /// next one ran in part; then every 512-byte sector not flushed since it was written becomes old,
  /// new or garbage, unflushed growth stays or goes, every unflushed metadata operation stays or
  /// vanishes, each on its own. All handles are closed; faults set by stop_after, hold and the
  /// fail_ functions end. What is left is durable.
  void crash(uint64_t seed) { crash(seed, {true, true}); }
  struct Harm {
    bool tears = false;        ///< no: what a file was written since its flush is there or is not
    bool loses_names = false;  ///< no: all name changes stay, or the latest are gone
  };
  void crash(uint64_t seed, Harm harm);
  /// The first `count` operations from now run; afterwards nothing changes any more: asynchronous
  /// operations never complete, blocking changes fail with kIo. The one that came too late may show
  /// in part after crash(), if it was a write.
  void stop_after(uint64_t count);
  /// The process ends, the power stays: of each lane's unfinished operations a random number ran
  /// unseen. What files show stays as it is, flushed or not. Handles, holds and faults end.
  void end_process(uint64_t seed);
  /// Nothing but what was flushed is left: the durable images, as the harshest power cut has them.
  void lose_unflushed();
  /// Also of set_capacity(); read errors stay.
  void end_faults();
  bool stopped() const { return stop_at_ && operations_ >= *stop_at_; }
  /// Operations that changed something, blocking or not, since the start: file creation, write,
  /// flush, allocate, make_directory, flush_directory, rename, remove. An operation with
  /// flush_after counts twice.
  uint64_t operation_count() const { return operations_; }

  /// A new disk in its place, as empty as one at first; figures go on.
  void format();

  // ---- time
  void hold();  ///< poll() runs nothing on any lane until release()
  void hold(DiskOp::Lane lane);
  void release();
  void release(DiskOp::Lane lane);
  /// Runs the oldest operation of a lane, held or not; its completion comes out of the next poll().
  void finish_one(DiskOp::Lane lane);
  void set_poll_limit(size_t count) { poll_limit_ = count; }  ///< at most so many per poll()
  size_t pending_count() const { return pending_.size(); }    ///< submitted, not completed

  // ---- faults
  enum class Step { kWrite, kFlush, kAllocate, kFlushDirectory };
  static constexpr size_t kSteps = 4;
  /// The nth such step from now on a path that begins with `under` fails with kIo; 1: the next one.
  /// Nothing becomes durable by a failed flush.
  void fail(Step step, uint64_t nth, std::string under = "") {
    failing_.at(static_cast<size_t>(step)) = {nth, std::move(under)};
  }
  void fail_write(uint64_t nth) { fail(Step::kWrite, nth); }
  /// `forgets`: it does not become durable by later flushes either, until it is written again, as
  /// on systems that count as clean what they could not write.
  void fail_flush(uint64_t nth, bool forgets = false, std::string under = "") {
    fail(Step::kFlush, nth, std::move(under));
    flush_forgets_ = forgets;
  }
  void fail_nothing() { failing_ = {}; }
  bool is_failing() const;  ///< a step will
  /// All files together may have this many bytes; growth beyond it is kDiskFull.
  void set_capacity(uint64_t bytes) { capacity_ = bytes; }
  /// As set_capacity(): `bytes` more than there are now.
  void leave_free(uint64_t bytes) { capacity_ = used_bytes() + bytes; }
  /// Reads touching a sector of [begin, end) fail with kIo until the sector is written again.
  void add_read_error(const std::string& path, uint64_t begin, uint64_t end);
  /// How often one of these failed an operation; a full disk is none of them.
  uint64_t errors_made_up() const { return errors_made_up_; }

  // ---- looking and damaging; the file must exist
  std::vector<std::string> files() const;  ///< all paths, sorted
  struct Folder {
    uint64_t files = 0, bytes = 0, longest = 0;  ///< as they show
  };
  Folder folder(const std::string& directory) const;
  bool exists(const std::string& path) const { return names_.contains(path); }
  std::vector<uint8_t> bytes_of(const std::string& path) const;  ///< as a read sees them
  std::vector<uint8_t> durable_bytes_of(
      const std::string& path) const;  ///< whatever its name's fate
  void flip(const std::string& path, uint64_t position, uint8_t mask = 0xff);  ///< in both images
  void put(const std::string& path, ByteView bytes);  ///< the whole file, durable with its name
  void erase(const std::string& path);                ///< durable

  struct Figures {
    uint64_t writes = 0, flushes = 0, reads = 0, bytes_written = 0;
    uint64_t refused_for_space = 0;  ///< operations
    // What losses of power did:
    uint64_t files_undone = 0;  ///< where nothing tore: they lost what was not flushed
    uint64_t torn_sectors = 0;  ///< garbage
    uint64_t names_undone = 0;  ///< each on its own
  };
  const Figures& figures() const { return figures_; }
  size_t open_handles() const { return handles_.size(); }
  /// The most names that there ever were at a time, directories included.
  size_t most_names() const { return most_names_; }
  /// Submitted and not told by poll() yet.
  size_t under_way() const { return pending_.size() + finished_.size(); }

 private:
  struct Extent {
    uint64_t begin = 0, end = 0;
  };
  struct File {
    SparseBytes now, durable;   ///< they differ where it is dirty, and where a flush forgot it
    std::vector<Extent> dirty;  ///< what the next flush makes durable
    std::set<uint64_t> bad_sectors;
    uint64_t handles = 0;
  };
  struct Open {
    uint64_t file = 0;
    OpenMode mode = OpenMode::kRead;
    std::string path;
  };
  /// A name change not durable yet. `file` 0: a removal of `to`. Directories are names too.
  struct NameChange {
    uint64_t file = 0;
    std::string to, from;
  };
  struct Pending {
    DiskOp op;
    uint64_t file = 0;
    OpenMode mode = OpenMode::kRead;
    std::string path;
  };
  enum class Gate { kRun, kStopped };

  static std::string parent_of(const std::string& path);
  const Open& opened(FileHandle handle) const;
  bool is_directory(const std::string& path) const;
  Result<void> check_parent(const std::string& path) const;
  Gate count_operation();
  Error stopped_error(const std::string& path) const;
  void put_name(const NameChange& change);
  static void apply_name(const NameChange& change, std::map<std::string, uint64_t>& names);
  void forget_if_unused(uint64_t file);
  uint64_t used_bytes() const;
  uint64_t bytes_at(const std::string& path) const;
  void grew(const Open& open, uint64_t bytes);
  static void check_aligned(OpenMode mode, uint64_t position, const void* memory, uint64_t size);

  Result<void> allocate_in(const Open& open, uint64_t bytes);
  Result<uint64_t> write_pieces(const Open& open, uint64_t position,
                                const std::vector<ByteView>& pieces);
  void apply_write(File& file, uint64_t position, ByteView bytes);
  Result<uint64_t> read_from(const Open& open, uint64_t position, MutableByteView into);
  Result<void> flush_file(const Open& open);
  static void make_durable(File& file);
  bool fails(Step step, const std::string& path);
  Result<void> remove_name(const std::string& path);
  std::optional<Result<uint64_t>> run(const Pending& pending);  ///< none: the disk stopped
  void run_in_part(const Pending& pending);

  bool complete(size_t pending, std::vector<DiskDone>& done);
  void crash_lane(DiskOp::Lane lane, Dice& dice, bool was_stopped);
  void forget_faults();
  void forget_process();
  void crash_names(Dice& dice, Harm harm);
  void drop_orphans();
  void tear_file(File& file, Dice& dice);
  Error no_space(const std::string& what);

  static constexpr uint64_t kDirectory = 1;  ///< the "file" of every directory's name
  uint64_t next_file_ = 2;
  uint64_t next_handle_ = 1;
  std::map<uint64_t, File> files_;
  std::map<std::string, uint64_t> names_, durable_names_;
  std::vector<NameChange> changes_;
  std::map<FileHandle, Open> handles_;
  std::deque<Pending> pending_;
  std::vector<DiskDone> finished_;  ///< by finish_one(), not polled
  std::array<bool, DiskOp::kLanes> held_{};
  size_t poll_limit_ = SIZE_MAX;
  uint64_t operations_ = 0;
  std::optional<uint64_t> stop_at_;
  bool partial_taken_ = false;
  struct Failing {
    uint64_t left = 0;  ///< 0: none of them
    std::string under;
  };
  std::array<Failing, kSteps> failing_;
  bool flush_forgets_ = false;
  uint64_t errors_made_up_ = 0;
  mutable std::optional<uint64_t> used_;  ///< bytes of all files that have names; none: count again
  uint64_t capacity_ = kAmple;
  Figures figures_;
  size_t most_names_ = 0;
};

}  // namespace strandlog::store
