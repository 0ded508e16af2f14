// Counters and histograms of one shard: plain numbers, touched by its thread alone, copied out.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <string>

namespace strandlog {

/// Log-linear buckets (16 per power of two): quantiles within 6.25 %, constant size.
class Histogram {
 public:
  void add(uint64_t value) {
    ++buckets_[bucket_of(value)];
    ++count_;
    sum_ += value;
    if (value > max_) max_ = value;
  }
  uint64_t count() const { return count_; }
  uint64_t sum() const { return sum_; }
  uint64_t max() const { return max_; }
  /// The value below which a share `q` (0 to 1) of the values lies; 0 when empty.
  uint64_t quantile(double q) const {
    auto wanted = static_cast<uint64_t>(q * static_cast<double>(count_));
    uint64_t seen = 0;
    for (size_t b = 0; b < buckets_.size(); ++b) {
      seen += buckets_[b];
      if (seen > wanted) return std::min(upper_bound_of(b), max_);
    }
    return max_;
  }

 private:
  static constexpr size_t kPerPower = 16;
  static size_t bucket_of(uint64_t v) {
    if (v < kPerPower) return v;
    auto power = static_cast<size_t>(std::bit_width(v)) - 5;
    return (power + 1) * kPerPower + ((v >> power) - kPerPower);
  }
  static uint64_t upper_bound_of(size_t b) {
    if (b < kPerPower) return b;
    size_t power = b / kPerPower - 1;
    return ((b % kPerPower + kPerPower + 1) << power) - 1;
  }
  std::array<uint64_t, 61 * kPerPower> buckets_{};
  uint64_t count_ = 0, sum_ = 0, max_ = 0;
};

/// Names are the contract with `strandlog status`; adding one is cheap, renaming one is not.
struct Metrics {
  std::map<std::string, uint64_t> counters;
  std::map<std::string, Histogram> histograms;
};

}  // namespace strandlog
