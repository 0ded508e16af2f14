// Deliveries: what a producer's callbacks reported, and how long a sample of them took.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "base/metrics.h"
#include "strandlog/producer.h"

namespace strandlog::tools {

/// Made on one thread, fed by callbacks on the library's; must outlive the producer.
class Deliveries {
 public:
  using Clock = std::chrono::steady_clock;

  /// A callback that measures from the last restart(), or from its making, to the answer.
  struct Timed {
    client::Callback callback;
    std::shared_ptr<std::atomic<Clock::rep>> begun;
    void restart() { begun->store(Clock::now().time_since_epoch().count()); }
  };
  Timed timed() {
    auto begun = std::make_shared<std::atomic<Clock::rep>>(Clock::now().time_since_epoch().count());
    return {[this, begun](const client::Result<client::Ack>& ack) {
              if (!ack.ok()) return fail(ack.error());
              add_latency(Clock::now() - Clock::time_point(Clock::duration(begun->load())));
            },
            begun};
  }
  /// A callback that hears of failures alone; small enough that no memory is taken for it.
  client::Callback untimed() {
    return [this](const client::Result<client::Ack>& ack) {
      if (!ack.ok()) fail(ack.error());
    };
  }
  /// A record that was refused or reported as failed; the first one is kept.
  void fail(const client::Error& error) {
    if (error.retry == client::Retry::kSafe) gave_up_.store(true);
    if (failed_.load()) return;
    const std::lock_guard lock(mutex_);
    if (!first_failure_) first_failure_ = error;
    failed_.store(true);
  }

  /// Some record was tried until its time was over: the next one would fare no better.
  bool gave_up() const { return gave_up_.load(); }
  std::optional<client::Error> first_failure() const {
    const std::lock_guard lock(mutex_);
    return first_failure_;
  }
  Histogram latency_us() const {
    const std::lock_guard lock(mutex_);
    return latency_us_;
  }
  void forget_latencies() {
    const std::lock_guard lock(mutex_);
    latency_us_ = {};
  }

 private:
  void add_latency(Clock::duration taken) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(taken).count();
    const std::lock_guard lock(mutex_);
    latency_us_.add(us < 0 ? 0 : static_cast<uint64_t>(us));
  }

  mutable std::mutex mutex_;
  std::atomic<bool> failed_{false};
  std::atomic<bool> gave_up_{false};
  Histogram latency_us_;
  std::optional<client::Error> first_failure_;
};

}  // namespace strandlog::tools
