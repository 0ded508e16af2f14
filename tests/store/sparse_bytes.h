// SparseBytes: what a simulated file holds.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "base/bytes.h"

namespace strandlog::store {

/// A byte string with holes; only touched blocks take memory. Holes read as zero.
class SparseBytes {
 public:
  uint64_t size() const { return size_; }
  void resize(uint64_t bytes);
  void write(uint64_t position, ByteView bytes);  ///< grows as needed
  /// Copies what lies inside; returns how many bytes.
  uint64_t read(uint64_t position, MutableByteView into) const;

 private:
  static constexpr uint64_t kBlock = 4096;
  uint64_t size_ = 0;
  std::map<uint64_t, std::array<uint8_t, kBlock>> blocks_;
};

}  // namespace strandlog::store
