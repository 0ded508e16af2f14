// SimDisk: a FakeDisk whose operations take virtual time.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>

#include "tests/sim/schedule.h"
#include "tests/store/fake_disk.h"

namespace strandlog::sim {

struct DiskSpeed {
  int64_t operation_us = 300;  ///< about; of a write with its flush, a read, a flush
  uint64_t bytes_per_ms = 500'000;
};

/// One process's view of a directory: lanes run beside each other, each in order. Blocking calls
/// take no time. Ends with its process; the FakeDisk stays. One thread.
class SimDisk : public Disk {
 public:
  /// `wake` is called when an operation finished.
  SimDisk(store::FakeDisk& disk, Schedule& schedule, Dice dice, DiskSpeed speed,
          std::function<void()> wake);
  ~SimDisk() override;

  /// Whatever finishes next on the lanes, finishes no earlier.
  void stall_until(Time until) { stalled_until_ = std::max(stalled_until_, until); }

  Result<FileHandle> open(const std::string& path, OpenMode mode) override {
    return disk_.open(path, mode);
  }
  void close(FileHandle file) override { disk_.close(file); }
  Result<uint64_t> size(FileHandle file) override { return disk_.size(file); }
  Result<uint64_t> read(FileHandle file, uint64_t position, MutableByteView into) override {
    return disk_.read(file, position, into);
  }
  Result<void> write(FileHandle file, uint64_t position, ByteView bytes) override {
    return disk_.write(file, position, bytes);
  }
  Result<void> flush(FileHandle file) override { return disk_.flush(file); }
  Result<void> allocate(FileHandle file, uint64_t bytes) override {
    return disk_.allocate(file, bytes);
  }
  Result<void> make_directory(const std::string& path) override {
    return disk_.make_directory(path);
  }
  Result<void> flush_directory(const std::string& path) override {
    return disk_.flush_directory(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return disk_.list(path);
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return disk_.rename(from, to);
  }
  Result<void> remove(const std::string& path) override { return disk_.remove(path); }
  Result<uint64_t> free_bytes() override { return disk_.free_bytes(); }
  void submit(DiskOp op) override;
  void poll(std::vector<DiskDone>& done) override { disk_.poll(done); }

 private:
  struct Lane {
    std::deque<int64_t> waiting;  ///< how long each operation takes
  };
  void begin(size_t lane);
  void finish(size_t lane);

  store::FakeDisk& disk_;
  Schedule& schedule_;
  Dice dice_;
  DiskSpeed speed_;
  std::function<void()> wake_;
  Time stalled_until_;
  std::array<Lane, DiskOp::kLanes> lanes_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace strandlog::sim
