// Producing: one client that sends unique values at a rate and writes down what became of each.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "strandlog/client.h"
#include "tests/sim/history_file.h"

namespace strandlog::chaos {

/// What all clients of a load share.
struct Load {
  std::vector<std::string> servers;
  std::string topic;
  int32_t partitions = 1;
  int64_t rate = 1000;    ///< records a second of one client, as long as they are answered
  int64_t window = 1000;  ///< records of one client without an answer, at most
  size_t padding = 100;   ///< bytes of each record's key; values are short
  std::string directory;  ///< where history files go
  std::atomic<bool> stop{false};
};

/// What became of one client's records so far; any thread may look at it.
class Totals {
 public:
  explicit Totals(int32_t partitions) : newest_us(static_cast<size_t>(partitions)) {}
  void acknowledged(const sim::Sent& sent);
  void failed(const client::Error& error);
  void refused(const client::Error& error);
  /// Of what failed or was refused; empty: nothing was.
  std::string first_error() const;

  std::atomic<uint64_t> acked{0}, failures{0}, refusals{0};
  /// By partition: when the latest of its acknowledged records was sent; 0: none was.
  std::vector<std::atomic<int64_t>> newest_us;

 private:
  void keep(const client::Error& error);
  mutable std::mutex mutex_;
  std::string first_error_;
};

class Producing {
 public:
  /// Begins at once. `load` must outlive it.
  Producing(const Load& load, uint32_t number);
  ~Producing();
  /// After Load::stop: waits until each record has its outcome; then the file is complete.
  Result<void> finish();
  /// Its records wait longer for an answer than any fault lasts.
  bool is_patient() const { return number_ % 2 == 1; }
  const Totals& totals() const { return totals_; }

 private:
  void run();
  Result<void> produce();
  void send_one(client::Producer& producer);

  const Load& load_;
  const uint32_t number_;
  Totals totals_;
  std::optional<sim::HistoryWriter> history_;  // used by the library's thread until it is closed
  uint64_t next_value_ = 0;
  std::atomic<int64_t> unanswered_{0};
  Result<void> outcome_;
  std::thread thread_;
};

}  // namespace strandlog::chaos
