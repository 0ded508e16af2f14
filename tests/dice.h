// Dice: all chance in tests and simulations comes from here, so that a seed decides everything.
#pragma once

#include <vector>

#include "base/check.h"
#include "base/env.h"

namespace strandlog {

/// splitmix64: the same numbers with every compiler and library. One thread.
class Dice : public Random {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t next() override {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// 0 to n - 1.
  uint64_t below(uint64_t n) {
    CHECK(n > 0);
    return next() % n;
  }
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low) + 1));
  }
  bool percent(uint64_t chance) { return below(100) < chance; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }
  /// Around `mean`, never above eight times that. Sums of halvings: no floating point, whose last
  /// bits differ between machines.
  int64_t spread(int64_t mean) {
    int64_t value = between(mean / 2, mean);
    while (value < 8 * mean && percent(30)) value += between(0, mean);
    return value;
  }
  /// A stream of its own, independent of how much others draw from this one.
  Dice fork() { return Dice(next()); }

 private:
  uint64_t state_;
};

}  // namespace strandlog
