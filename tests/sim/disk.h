// SimDisk: a FakeDisk whose operations take virtual time.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>

#include "store/forwarding_disk.h"
#include "tests/sim/schedule.h"
#include "tests/store/fake_disk.h"

namespace strandlog::sim {

struct DiskSpeed {
  int64_t operation_us = 300;  ///< about; of a write with its flush, a read, a flush
  uint64_t bytes_per_ms = 500'000;
};

/// One process's view of a directory: lanes run beside each other, each in order. Blocking calls
/// take no time. Ends with its process; the FakeDisk stays. One thread.
class SimDisk : public store::ForwardingDisk {
 public:
  /// `wake` is called when an operation finished.
  SimDisk(store::FakeDisk& disk, Schedule& schedule, Dice dice, DiskSpeed speed,
          std::function<void()> wake);
  ~SimDisk() override;

  /// Whatever finishes next on the lanes, finishes no earlier.
  void stall_until(Time until) { stalled_until_ = std::max(stalled_until_, until); }
  void end_stall() { stalled_until_ = {}; }
  uint64_t stalled_operations() const { return stalled_operations_; }

  void submit(DiskOp op) override;
  void poll(std::vector<DiskDone>& done) override { fake_.poll(done); }

 private:
  struct Lane {
    std::deque<int64_t> waiting;  ///< how long each operation takes
    bool is_stalled = false;      ///< the first of them
  };
  void begin(size_t lane);
  void finish(size_t lane);

  store::FakeDisk& fake_;
  Schedule& schedule_;
  Dice dice_;
  DiskSpeed speed_;
  std::function<void()> wake_;
  Time stalled_until_;
  uint64_t stalled_operations_ = 0;
  std::array<Lane, DiskOp::kLanes> lanes_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace strandlog::sim
