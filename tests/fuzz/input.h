// Input: takes numbers and bytes off the front of a fuzz input.
#pragma once

#include <algorithm>

#include "base/bytes.h"

namespace strandlog::fuzz {

/// Behind the end every number is zero, so that any input means something.
class Input {
 public:
  explicit Input(ByteView bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  ByteView rest() const { return rest_; }
  ByteView take(size_t count) {
    ByteView taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  /// Little-endian, of `bytes` bytes.
  uint64_t number(size_t bytes) {
    uint64_t value = 0;
    ByteView taken = take(bytes);
    for (size_t i = 0; i < taken.size(); ++i) value |= uint64_t{taken[i]} << (8 * i);
    return value;
  }
  uint8_t byte() { return static_cast<uint8_t>(number(1)); }

 private:
  ByteView rest_;
};

}  // namespace strandlog::fuzz
