#include "base/system_env.h"

#include <sys/random.h>

#include <chrono>

namespace strandlog {

Time SystemClock::now() {
  auto since = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
}

int64_t SystemClock::wall_ms() {
  auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

uint64_t SystemRandom::next() {
  if (left_ == 0) {
    CHECK(getrandom(buffer_, sizeof buffer_, 0) == sizeof buffer_);
    left_ = std::size(buffer_);
  }
  return buffer_[--left_];
}

}  // namespace strandlog
