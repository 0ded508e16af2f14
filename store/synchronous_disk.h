// SynchronousDisk: a Disk whose submitted operations are carried out at once, for recovery.
#pragma once

#include <vector>

#include "store/forwarding_disk.h"

namespace strandlog::store {

/// Forwards to another disk; submit() blocks until the operation is done. Lives as long as a call.
class SynchronousDisk final : public ForwardingDisk {
 public:
  using ForwardingDisk::ForwardingDisk;
  void submit(DiskOp op) override { done_.push_back({op.ticket, run(op)}); }
  void poll(std::vector<DiskDone>& done) override {
    std::move(done_.begin(), done_.end(), std::back_inserter(done));
    done_.clear();
  }

 private:
  Result<uint64_t> run(const DiskOp& op);
  Result<uint64_t> write_pieces(const DiskOp& op);
  std::vector<DiskDone> done_;
};

}  // namespace strandlog::store
