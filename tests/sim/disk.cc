// When operations finish.
#include "tests/sim/disk.h"

#include <utility>

namespace strandlog::sim {
namespace {
constexpr int64_t kLookMs = 20;  // whether a stall is over
}  // namespace

SimDisk::SimDisk(store::FakeDisk& disk, Schedule& schedule, Dice dice, DiskSpeed speed,
                 std::function<void()> wake)
    : ForwardingDisk(disk),
      fake_(disk),
      schedule_(schedule),
      dice_(dice),
      speed_(speed),
      wake_(std::move(wake)) {
  fake_.hold();
}

SimDisk::~SimDisk() { *alive_ = false; }

void SimDisk::submit(DiskOp op) {
  uint64_t bytes = op.into != nullptr ? op.into->size() : 0;
  for (const Bytes& piece : op.pieces) bytes += piece.size();
  int64_t takes =
      dice_.spread(speed_.operation_us) + static_cast<int64_t>(bytes * 1000 / speed_.bytes_per_ms);
  auto lane = static_cast<size_t>(op.lane);
  fake_.submit(std::move(op));
  lanes_[lane].waiting.push_back(takes);
  if (lanes_[lane].waiting.size() == 1) begin(lane);
}

void SimDisk::begin(size_t lane) {
  Time done{schedule_.now().us + lanes_[lane].waiting.front()};
  schedule_.at(done, [this, lane, alive = alive_] {
    if (*alive) finish(lane);
  });
}

void SimDisk::finish(size_t lane) {
  if (schedule_.now() < stalled_until_) {
    if (!std::exchange(lanes_[lane].is_stalled, true)) ++stalled_operations_;
    Time again = std::min(stalled_until_, schedule_.now().plus_ms(kLookMs));
    schedule_.at(again, [this, lane, alive = alive_] {
      if (*alive) finish(lane);
    });
    return;
  }
  fake_.finish_one(static_cast<DiskOp::Lane>(lane));
  lanes_[lane].waiting.pop_front();
  lanes_[lane].is_stalled = false;
  if (!lanes_[lane].waiting.empty()) begin(lane);
  wake_();
}

}  // namespace strandlog::sim
