// SmallDisk: a store on a disk of 6 MiB, with files that are short as well.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/store/store_model.h"

namespace strandlog::store {

constexpr uint64_t kSmallReserve = 1u << 20;

inline StoreOptions small() {
  StoreOptions options;
  options.journal_file_bytes = 128u << 10;
  options.journal_max_bytes = 2u << 20;
  options.segment_bytes = 256u << 10;
  options.tail_cache_bytes = 512u << 10;
  options.reserve_bytes = kSmallReserve;
  return options;
}

/// One on which more can be wrong than that it is full.
class CrampedDisk : public FakeDisk {
 public:
  Result<FileHandle> open(const std::string& path, OpenMode mode) override {
    if (no_descriptors) return Error{Code::kBusy, "open " + path + ": too many open files"};
    return FakeDisk::open(path, mode);
  }
  Result<uint64_t> free_bytes() override {
    if (said_to_be_free) return *said_to_be_free;
    return FakeDisk::free_bytes();
  }
  bool no_descriptors = false;
  std::optional<uint64_t> said_to_be_free;  ///< the file system needs some of it for itself
};

class SmallDisk : public testing::Test {
 protected:
  explicit SmallDisk(const StoreOptions& options = small()) : tested_(disk_, options) {
    disk_.set_capacity(6u << 20);
    EXPECT_TRUE(tested_.open(1).ok());
    tested_.make(1);
    round();
  }
  void round() {
    tested_.submit();
    EXPECT_TRUE(tested_.settle());
  }
  Result<void> room() { return tested_.store().room_for(10'000); }
  /// Appends while there is room; returns how many entries it took.
  int fill() {
    int taken = 0;
    for (int waits = 0; waits < 1000;) {
      auto answer = room();
      if (answer.ok()) {
        tested_.append(1, Term{1}, 10'000 - kEntryHeaderBytes);
        ++taken;
        if (tested_.store().full() || taken % 7 == 0) round();
        waits = 0;
        continue;
      }
      // The journal alone may be full for a while; a full disk stays so.
      waits = answer.error().code == Code::kDiskFull ? waits + 10 : waits + 1;
      if (tested_.store().dirty()) round();
      tested_.poll();
    }
    EXPECT_FALSE(tested_.failed);
    return taken;
  }

  /// Votes, each in a round of its own, until one has to wait; returns its number.
  RoundNumber vote_until_one_waits() {
    while (!tested_.store().writing() && term_ < 1000) {
      tested_.hard_state(1, Term{++term_}, Uid{1});
      tested_.submit();
      for (int i = 0; i < 50; ++i) tested_.poll();
    }
    EXPECT_TRUE(tested_.store().writing());
    return tested_.store().durable().plus(1);
  }
  uint64_t owed_rounds() {
    return tested_.store().disk_lanes()[static_cast<size_t>(DiskOp::Lane::kJournal)].open;
  }

  CrampedDisk disk_;
  ModelledStore tested_;
  uint64_t term_ = 1;
};

}  // namespace strandlog::store
