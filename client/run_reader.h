// RunReader: stored entries, as fetched, into records.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/record_batch.h"
#include "strandlog/consumer.h"

namespace strandlog::client {

/// What is gone from a log: offsets up to `next`, and why.
struct Missing {
  int64_t next = 0;
  Error why;
};

/// Entries of one partition from one answer, or what that says instead.
struct FetchedRun {
  TopicPartition where;
  uint64_t generation = 0;  ///< of the assignment it was fetched for
  GroupId group;
  std::vector<Bytes> frames;  ///< each: whole entries
  uint64_t bytes = 0;
  std::optional<Missing> missing = {};  ///< with it: no frames
};

/// Where the entries of `frames` end, when the reader starts at `from`: the offset to fetch next.
/// Stops at an entry whose header is damaged. Reads headers only.
int64_t offset_after(const std::vector<Bytes>& frames, const GroupId& group, int64_t from);

/// Unpacks batch by batch as records are asked for. Control entries and what lies below the
/// position are skipped; a batch that cannot be read is a gap, and reading goes on behind it, as it
/// does behind what is missing.
class RunReader {
 public:
  RunReader(FetchedRun run, uint64_t max_unpacked_bytes)
      : run_(std::move(run)), max_unpacked_bytes_(max_unpacked_bytes) {}

  /// Appends at most `max_records` records or events and moves `position` behind them.
  void read(size_t max_records, int64_t& position, Polled& out);
  bool finished() const {
    return frame_ >= run_.frames.size() && next_record_ >= records_.size() && !run_.missing;
  }
  const FetchedRun& run() const { return run_; }

 private:
  void next_entry(int64_t& position, Polled& out);
  void emit(const RecordView& record, Polled& out) const;
  void gap(int64_t begin, int64_t end, Error error, int64_t& position, Polled& out) const;

  FetchedRun run_;
  uint64_t max_unpacked_bytes_;
  size_t frame_ = 0;
  size_t at_ = 0;  ///< in that frame
  std::vector<RecordView> records_;
  std::vector<uint8_t> scratch_;
  size_t next_record_ = 0;
};

}  // namespace strandlog::client
