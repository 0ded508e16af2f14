// Backoff: how long to wait before the next attempt.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/env.h"

namespace strandlog::client {

/// Later than anything.
constexpr Time kNoDeadline{std::numeric_limits<int64_t>::max()};

constexpr int64_t kFirstBackoffMs = 50;

/// 50, 100, 200, 400, 500, 500 … ms, or from `first_ms` on. At least that much passes between two
/// attempts.
class Backoff {
 public:
  Backoff() = default;
  explicit Backoff(int64_t first_ms) : first_ms_(first_ms) {}
  int64_t next_ms() {
    current_ms_ = current_ms_ == 0 ? first_ms_ : std::min(current_ms_ * 2, kLongestMs);
    return current_ms_;
  }
  void reset() { current_ms_ = 0; }

 private:
  static constexpr int64_t kLongestMs = 500;
  int64_t first_ms_ = kFirstBackoffMs;
  int64_t current_ms_ = 0;
};

}  // namespace strandlog::client
