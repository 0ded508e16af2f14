// ReplicaLog: one replica in memory: its state, and where its recent entries lie.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "store/round_buffer.h"
#include "store/store.h"

namespace strandlog::store {

/// An entry in a chunk of the round buffer.
struct EntryRef {
  const uint8_t* data = nullptr;
  uint64_t chunk = 0;
  Offset base;
  uint32_t bytes = 0;  ///< header and body
  uint32_t records = 0;
  uint64_t filed_end = 0;  ///< where it ends in its segment file; 0: in none yet
};

/// One segment file of a replica and how much of it counts. Only what is in such a list is believed
/// of a segment; file sizes are not.
struct SegmentRange {
  Index first;                ///< in the file's name
  Term term;                  ///< of entry `first`, in the file's name
  Offset base_offset;         ///< of entry `first`
  LogPoint end;               ///< the last entry that counts
  uint64_t end_position = 0;  ///< in the file, behind that entry
  uint64_t bytes = 0;         ///< of the entries that count
  bool operator==(const SegmentRange&) const = default;
  bool is_in_file_of(const SegmentRange& other) const {
    return first == other.first && term == other.term;
  }
};

/// A replica as a base image holds it.
struct ImageReplica {
  ReplicaState state;
  std::vector<SegmentRange> segments;
};

/// Keeps `state` (owned by the caller, living longer) in step with the log.
/// Entries in memory are always the newest ones, without a gap.
class ReplicaLog {
 public:
  explicit ReplicaLog(ReplicaState& state) : state_(state) {}

  ReplicaState& state() { return state_; }
  const ReplicaState& state() const { return state_; }
  /// Whether operations may act on it.
  bool in_service() const { return state_.life != Life::kDead && !state_.fault; }

  // ---- growing and shrinking
  /// Takes over what a base image shows. Nothing of it is in memory, all of it is in segments.
  void restore(ImageReplica image);
  /// The end of the log, where the next entry attaches.
  LogPoint end() const;
  /// The header the next entry of this log has. `body_crc` is left to the caller, then chain.
  EntryHeader next_header(const NewEntry& entry) const;
  /// kCorruption unless `run` continues this log by index, term, offset and chain; fills `headers`.
  Result<void> check_run(ByteView run, std::vector<EntryHeader>& headers) const;
  /// Attaches an entry that continues the log and lies at `data`.
  void add(const EntryHeader& header, const uint8_t* data, uint64_t chunk);
  /// Drops all entries after `point`, which is an entry of this log or its start.
  void cut_to(const LogPoint& point);
  /// Moves the log start up to `start`; a log that ends below it is empty then. What is left of
  /// state().bytes counts kept segments as wholes; one that is being filled is the caller's to add.
  void trim(const LogStart& start);
  /// Drops the log; what is known of the replica stays.
  void clear();
  void set_configuration(Index index, Bytes value);

  std::vector<SegmentRange>& segments() { return segments_; }
  const std::vector<SegmentRange>& segments() const { return segments_; }

  /// A trim entry is part of the log.
  void want_trim(Index index, ByteView body);

  // ---- looking
  Index memory_begin() const { return Index{state_.last.value + 1 - entries_.size()}; }
  bool in_memory(Index index) const { return index >= memory_begin() && index <= state_.last; }
  const EntryRef& entry(Index index) const { return entries_[index.value - memory_begin().value]; }
  std::optional<Term> term_at(Index index) const;
  /// The entry in memory that holds `offset`, or the first after it; last + 1 when there is none.
  Index find_offset(Offset offset) const;
  /// From memory, the log start or the end of a segment; none when the entry lies inside one.
  std::optional<LogPoint> point_at(Index index) const;

  // ---- segments: entries up to filed_to() were handed to a segment writer
  Index filed_to() const { return filed_to_; }
  uint64_t unfiled_bytes() const { return unfiled_bytes_; }
  /// Entry filed_to() + 1 was handed over and ends at `end_position` of its file.
  void mark_filed(uint64_t end_position);

  // ---- letting go of memory
  /// The last entry in chunk `chunk`, the oldest that has any; none when the log has none there.
  std::optional<Index> last_in_chunk(uint64_t chunk) const;
  /// Forgets the oldest entries while they lie in `chunk`. Only filed ones.
  void forget_chunk(uint64_t chunk);

  // ---- bookkeeping of the store
  uint64_t noted_chunk = 0;     ///< chunk that knows of this replica
  RoundNumber touched_round;    ///< gathering round that knows of it
  std::optional<Index> beyond;  ///< redo alone: last entry as journalled, past what is here

 private:
  ReplicaState& state_;
  std::deque<EntryRef> entries_;
  std::vector<SegmentRange> segments_;  ///< ended ones; the one being filled is its writer's
  Index filed_to_;
  uint64_t unfiled_bytes_ = 0;
};

}  // namespace strandlog::store
