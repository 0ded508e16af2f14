// CountingDisk: a Disk that knows what it was given and has not answered yet.
#pragma once

#include <map>

#include "store/forwarding_disk.h"
#include "store/store.h"

namespace strandlog::store {

/// One thread. Does not own the other disk.
class CountingDisk final : public ForwardingDisk {
 public:
  using ForwardingDisk::ForwardingDisk;

  void submit(DiskOp op) override {
    open_.emplace(op.ticket, op.lane);
    ++lanes_[static_cast<size_t>(op.lane)].open;
    disk_.submit(std::move(op));
  }
  void poll(std::vector<DiskDone>& done) override {
    size_t before = done.size();
    disk_.poll(done);
    for (size_t i = before; i < done.size(); ++i) count(done[i].ticket);
  }
  const DiskLanes& lanes() const { return lanes_; }

 private:
  void count(uint64_t ticket) {
    auto op = open_.find(ticket);
    if (op == open_.end()) return;  // of an earlier user of the same disk
    DiskLane& lane = lanes_[static_cast<size_t>(op->second)];
    --lane.open;
    ++lane.answered;
    open_.erase(op);
  }

  DiskLanes lanes_{};
  std::multimap<uint64_t, DiskOp::Lane> open_;  ///< by ticket; several may have the same
};

}  // namespace strandlog::store
