// The real clock and random source.
#pragma once

#include "base/env.h"

namespace strandlog {

class SystemClock : public Clock {
 public:
  Time now() override;
  int64_t wall_ms() override;
};

/// The operating system's random numbers, fetched 256 bytes at a time.
class SystemRandom : public Random {
 public:
  uint64_t next() override;

 private:
  uint64_t buffer_[32] = {};
  size_t left_ = 0;
};

}  // namespace strandlog
