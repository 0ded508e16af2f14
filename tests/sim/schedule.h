// Schedule: virtual time. The earliest event comes next; among equals a seed chooses.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include "base/env.h"
#include "tests/dice.h"

namespace strandlog::sim {

/// One thread. Events may add events; none comes before the present.
class Schedule {
 public:
  explicit Schedule(uint64_t seed) : dice_(seed) {}

  Time now() const { return now_; }
  uint64_t count() const { return sequence_; }  ///< events ever added

  void at(Time when, std::function<void()> what) {
    events_.emplace(Key{std::max(when, now_), dice_.next(), sequence_++}, std::move(what));
  }
  void after_us(int64_t us, std::function<void()> what) { at(Time{now_.us + us}, std::move(what)); }
  /// Runs everything due up to `end`, which becomes the present.
  void run_until(Time end) {
    while (!events_.empty() && std::get<0>(events_.begin()->first) <= end) {
      auto event = events_.extract(events_.begin());
      now_ = std::get<0>(event.key());
      event.mapped()();
    }
    now_ = end;
  }

 private:
  using Key = std::tuple<Time, uint64_t, uint64_t>;
  Dice dice_;
  Time now_;
  uint64_t sequence_ = 0;
  std::map<Key, std::function<void()>> events_;
};

}  // namespace strandlog::sim
