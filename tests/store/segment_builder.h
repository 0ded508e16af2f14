// Logs of stored entries, and a disk with a writer of segments, for tests.
#pragma once

#include <vector>

#include "base/crc32c.h"
#include "base/entry.h"
#include "store/segment_writer.h"
#include "tests/store/fake_disk.h"

namespace strandlog::store {

/// A log that grows; keeps every entry as stored.
class LogBuilder {
 public:
  explicit LogBuilder(GroupId group, Index first = Index{1}) : group_(group) {
    end_ = {first.previous(), Term{0}, Offset{0}, 0, 0};
  }
  /// Data entries when `records` > 0, no-ops otherwise. The body is a pattern of the index.
  LogBuilder& add(size_t body_bytes, uint32_t records = 1, Term term = Term{5}) {
    std::vector<uint8_t> entry(kEntryHeaderBytes + body_bytes);
    EntryHeader h;
    h.kind = records > 0 ? EntryKind::kData : EntryKind::kNoop;
    h.body_bytes = static_cast<uint32_t>(body_bytes);
    h.record_count = records;
    h.index = end_.index.plus(1);
    h.term = term;
    h.base_offset = end_.next_offset;
    h.append_time_ms = 1000;
    for (size_t i = 0; i < body_bytes; ++i) {
      entry[kEntryHeaderBytes + i] = static_cast<uint8_t>(h.index.value * 7 + i);
    }
    h.body_crc = crc32c(ByteView(entry).subspan(kEntryHeaderBytes));
    h.chain = chain_after(end_.chain, h);
    encode_entry_header(h, group_, std::span<uint8_t, kEntryHeaderBytes>(entry.data(), 64));
    end_ = {h.index, h.term, h.next_offset(), h.chain, h.append_time_ms};
    entries_.push_back(std::move(entry));
    return *this;
  }
  LogBuilder& add_many(size_t count, size_t body_bytes, uint32_t records = 1) {
    for (size_t i = 0; i < count; ++i) add(body_bytes, records);
    return *this;
  }
  /// Entries [first, last] by position in this log, from 0, back to back.
  std::vector<uint8_t> run(size_t first, size_t last) const {
    std::vector<uint8_t> out;
    for (size_t i = first; i <= last; ++i) {
      out.insert(out.end(), entries_[i].begin(), entries_[i].end());
    }
    return out;
  }
  std::vector<uint8_t> all() const { return run(0, entries_.size() - 1); }
  size_t size() const { return entries_.size(); }
  const LogPoint& end() const { return end_; }
  const GroupId& group() const { return group_; }

 private:
  GroupId group_;
  LogPoint end_;
  std::vector<std::vector<uint8_t>> entries_;
};

inline GroupId test_group(uint8_t n) {
  GroupId group;
  group.bytes.fill(n);
  return group;
}

class CountingTickets : public TicketSource {
 public:
  uint64_t take(Uid) override { return ++last_; }

 private:
  uint64_t last_ = 0;
};

/// A disk, a pool and what belongs to one replica's segments.
struct SegmentBench {
  FakeDisk disk;
  PiecePool pool{4, 16 << 10};
  CountingTickets tickets;
  GroupId group = test_group(9);

  SegmentWriter::Seams seams() { return {disk, pool, tickets}; }
  SegmentHeader header() const {
    return {Uid{7}, group, "orders", 3, Index{1}, Term{5}, Offset{0}, 0};
  }
  std::unique_ptr<SegmentWriter> create(uint64_t segment_bytes = 64 << 20) {
    return std::move(SegmentWriter::create(seams(), header(), segment_bytes)).value();
  }
  /// Polls the disk and tells the writer; the errors it answered.
  std::vector<Error> poll(SegmentWriter& writer) {
    std::vector<DiskDone> done;
    std::vector<Error> errors;
    disk.poll(done);
    for (const DiskDone& d : done) {
      if (auto result = writer.on_done(d); !result.ok()) errors.push_back(result.error());
    }
    return errors;
  }
  /// Appends all of `run`, padded at its end, and waits for it.
  void write(SegmentWriter& writer, ByteView run) {
    while (!run.empty()) {
      auto taken = writer.append(run);
      CHECK(taken.ok() && (*taken > 0 || disk.pending_count() > 0));
      run = run.subspan(*taken);
      CHECK(poll(writer).empty());
    }
    writer.flush_partial();
    CHECK(poll(writer).empty());
  }
};

}  // namespace strandlog::store
