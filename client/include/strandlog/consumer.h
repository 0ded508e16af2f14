// Consumer: reads assigned partitions by offset.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "strandlog/client.h"
#include "strandlog/producer.h"

namespace strandlog::client {

struct ConsumerConfig {
  uint32_t fetch_min_bytes = 1;                 ///< fetch.min.bytes
  milliseconds fetch_max_wait{500};             ///< fetch.max.wait.ms
  uint32_t fetch_max_bytes = 8u << 20;          ///< fetch.max.bytes, of one answer
  uint32_t max_partition_fetch_bytes = 1u << 20;  ///< max.partition.fetch.bytes
  uint64_t max_unpacked_batch_bytes = 64u << 20;  ///< a batch that unpacks to more is malformed
};

/// Where to read from: the log's start, its end as of now, an offset, or a time.
struct Position {
  enum class Kind { kStart, kEnd, kOffset, kTime } kind = Kind::kStart;
  int64_t offset = 0;  ///< kOffset; kTime: milliseconds since 1970
  static Position start() { return {Kind::kStart, 0}; }
  static Position end() { return {Kind::kEnd, 0}; }
  static Position at(int64_t offset) { return {Kind::kOffset, offset}; }
  /// The first record that the log took at that time or later; its end if there is none. It is the
  /// leader's clock that counts, which never goes back along a log, not Record::timestamp_ms.
  static Position at_time(int64_t ms_since_1970) { return {Kind::kTime, ms_since_1970}; }
};

struct ConsumedRecord {
  TopicPartition where;
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<Header> headers;
};

/// Something other than a record; errors never pose as records.
struct ConsumerEvent {
  enum class Kind { kGap, kError };  ///< kGap: offsets [offset, next) cannot be read: see error
  Kind kind = Kind::kError;
  TopicPartition where;
  int64_t offset = 0;
  int64_t next = 0;
  Error error;
};

struct Polled {
  std::vector<ConsumedRecord> records;  ///< in offset order per partition
  std::vector<ConsumerEvent> events;
};

struct Ends {
  int64_t start = 0;
  int64_t end = 0;  ///< confirmed by a quorum at the time of asking
};

/// One owner thread, plus wake() from any other.
class Consumer {
 public:
  Consumer(Consumer&&) noexcept;
  Consumer& operator=(Consumer&&) noexcept;
  ~Consumer();

  /// Replaces the assignment; reading begins at the given positions. kNotFound for a topic or
  /// partition that does not exist. An offset outside a log is not looked for here: poll() reports
  /// it, once. Above the end: an error of kOutOfRange. Below the start, there or later on the way: a
  /// gap of kExpired up to the start, and reading goes on behind it.
  Result<void> assign(const std::map<TopicPartition, Position>& positions);
  /// Up to `max_records`, waiting up to `wait` for the first. Empty after that or after wake().
  Result<Polled> poll(size_t max_records = 500, milliseconds wait = milliseconds{500});
  Result<void> seek(const TopicPartition& where, Position position);
  /// The offset of the next record poll() will return for it.
  Result<int64_t> position(const TopicPartition& where) const;
  Result<std::map<TopicPartition, Ends>> ends(const std::vector<TopicPartition>& partitions);
  /// The offsets that positions mean now: what assign() would begin at.
  Result<std::map<TopicPartition, int64_t>> offsets(
      const std::map<TopicPartition, Position>& positions);
  void wake() noexcept;

 private:
  friend class Client;
  class Impl;
  explicit Consumer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace strandlog::client
