// Reading segments: which bytes to ask the disk for, and what is right among the bytes it gave.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/env.h"
#include "store/replica_log.h"
#include "store/segment_format.h"

namespace strandlog::store {

/// Where one entry begins in its file.
struct SegmentPoint {
  Index index;
  Offset offset;  ///< base offset of the entry
  uint64_t position = 0;
  bool operator==(const SegmentPoint&) const = default;
};

/// A sparse index of one segment, in memory: the first entry and about one per 64 KiB.
class SegmentIndex {
 public:
  static constexpr uint64_t kDistance = 64u << 10;

  /// Tells of every entry, ascending; keeps some.
  void add(const SegmentPoint& entry);
  /// The last point at or before the entry with this index, or the one that holds the offset; the
  /// first point when it lies before the segment. Not for an empty index.
  const SegmentPoint& find(Index index) const;
  const SegmentPoint& find(Offset offset) const;
  const std::vector<SegmentPoint>& points() const { return points_; }

 private:
  std::vector<SegmentPoint> points_;
};

/// A segment file and how much of it counts: from base image and rounds, never from its size.
struct SegmentFile {
  std::string path;
  Uid uid;
  GroupId group;
  SegmentRange range;
};

/// [position, position + bytes) of a file; whole pages.
struct ByteRange {
  uint64_t position = 0;
  uint64_t bytes = 0;
  bool operator==(const ByteRange&) const = default;
};

/// One read asks for this much, or more when one entry is longer.
constexpr uint64_t kSegmentReadBytes = 1u << 20;

/// Goes from entry to entry over windows of a file that the caller reads. A pure state machine:
/// while wanted() names a range, read it, feed() it, and take entries by next() until there is
/// none.
class SegmentWalk {
 public:
  /// Begins at `from`, a point of the file's index. Reads about `window_bytes` at a time.
  SegmentWalk(SegmentFile file, const SegmentPoint& from,
              uint64_t window_bytes = kSegmentReadBytes);

  /// What the entry before `from` was, when known: the first one must continue it.
  void continue_from(const LogPoint& before) { before_ = before; }

  struct Entry {
    EntryHeader header;
    uint64_t position = 0;  ///< in the file
    ByteView whole;         ///< in the window; its body is not checked yet
  };
  /// What to read next; none when every entry that counts was taken.
  std::optional<ByteRange> wanted() const;
  /// What the disk gave from `position` on; shorter than wanted only where the file ends. Stays
  /// alive while next() is called.
  void feed(uint64_t position, ByteView window);
  /// The next entry: header CRC, dense index, rising term, offset and chain continued; none when
  /// the window holds no more whole ones. kCorruption names file, position and index.
  Result<std::optional<Entry>> next();
  /// kCorruption, in the same words, unless the body has the CRC its header says.
  Result<void> check_body(const Entry& entry) const;
  const SegmentFile& file() const { return file_; }
  uint64_t position() const { return position_; }  ///< where the next entry is expected
  Index next_index() const { return next_index_; }

 private:
  Error damaged(const std::string& what) const;
  Result<void> skip_padding(ByteView rest);
  Result<void> check_follows(const EntryHeader& header) const;
  Result<void> check_end() const;
  bool finished() const { return next_index_ > file_.range.end.index; }
  Result<std::optional<Entry>> needs(uint64_t bytes);

  SegmentFile file_;
  uint64_t window_bytes_;
  uint64_t position_;
  Index next_index_;
  std::optional<LogPoint> before_;
  uint64_t needed_ = 0;  ///< bytes from position_ on that the next window must hold
  uint64_t window_begin_ = 0;
  ByteView window_;
  bool file_ended_ = false;
};

/// Reads a whole segment, header page included, and builds its index.
class SegmentScan {
 public:
  /// With `check_bodies` every byte that counts is checked, else all but the bodies.
  SegmentScan(SegmentFile file, bool check_bodies);
  std::optional<ByteRange> wanted() const;
  /// Takes the bytes read at wanted(). kCorruption, kWrongIdentity (another replica's file).
  Result<void> take(ByteView window);
  /// Of the entries so far.
  const SegmentIndex& index() const { return index_; }
  const LogPoint& end() const { return end_; }
  uint64_t end_position() const { return end_position_; }

 private:
  Result<void> take_header(ByteView page);
  SegmentWalk walk_;
  bool check_bodies_;
  bool header_seen_ = false;
  SegmentIndex index_;
  LogPoint end_;
  uint64_t end_position_ = kSegmentHeaderBytes;
};

/// The whole scan at once. Blocks.
Result<SegmentIndex> scan_segment(Disk& disk, const SegmentFile& file, bool check_bodies);

/// One read request inside one segment. Pure: the caller reads wanted() and hands it to take()
/// until nothing is wanted any more.
class SegmentReader {
 public:
  struct Wish {
    std::variant<Index, Offset>
        from;                ///< an offset means: the entry that holds it, or the first after
    Index last;              ///< nothing above it
    uint64_t max_bytes = 0;  ///< stop before exceeding it, but never before the first entry
  };
  /// `index` must not be empty; `from` is not before the segment's first entry.
  SegmentReader(const SegmentFile& file, const SegmentIndex& index, const Wish& wish);
  std::optional<ByteRange> wanted() const;
  /// The result keeps slices of `window`. kCorruption when anything that would be served is
  /// damaged.
  Result<void> take(const Bytes& window);
  /// Whole, checked entries; `last` < `first` when there are none.
  ReadResult result() && { return std::move(result_); }

 private:
  bool wants(const EntryHeader& header) const;
  void keep(const Bytes& window, const SegmentWalk::Entry& entry);

  Wish wish_;
  SegmentWalk walk_;
  bool done_ = false;
  bool piece_open_ = false;  ///< the last piece may grow: it ends where the next entry begins
  ReadResult result_;
};

}  // namespace strandlog::store
