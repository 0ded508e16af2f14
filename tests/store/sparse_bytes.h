// SparseBytes: what a simulated file holds.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace strandlog::store {

/// A byte string with holes, which read as zero. Copies share their blocks until one of them
/// writes: a simulation copies whole disks to look at what a power cut would leave.
class SparseBytes {
 public:
  uint64_t size() const { return size_; }
  void resize(uint64_t bytes);
  void write(uint64_t position, ByteView bytes);  ///< grows as needed
  /// Copies what lies inside; returns how many bytes.
  uint64_t read(uint64_t position, MutableByteView into) const;
  /// Makes [begin, end) what it is in `from`, where it must lie inside; grows as needed.
  void copy(const SparseBytes& from, uint64_t begin, uint64_t end);

 private:
  static constexpr uint64_t kBlock = 4096;
  using Block = std::array<uint8_t, kBlock>;
  std::shared_ptr<Block>& slot(uint64_t block);
  Block& own(uint64_t block);

  uint64_t size_ = 0;
  std::vector<std::shared_ptr<Block>> blocks_;  ///< none: zeros, as everything behind the last
};

}  // namespace strandlog::store
