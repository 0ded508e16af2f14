// Producer: packs records into batches and sends them, in order per partition.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "strandlog/client.h"

namespace strandlog::client {

enum class Acks : uint8_t {
  kNone = 0,    ///< no answer; may be lost
  kLeader = 1,  ///< durable on the leader
  kAll = 2,     ///< durable on a majority of the replicas
};
enum class Compression : uint8_t { kNone = 0, kLz4 = 3, kZstd = 4 };

/// Names and meanings as Kafka's producer has them; defaults differ where stated.
struct ProducerConfig {
  Acks acks = Acks::kAll;
  milliseconds linger{0};                 ///< linger.ms; 0: what gathered while the last request was out
  uint32_t batch_size = 131072;           ///< batch.size: bytes of one batch before compression
  Compression compression = Compression::kLz4;  ///< compression.type (Kafka: none)
  uint64_t buffer_memory = 33554432;      ///< buffer.memory: bytes accepted and not yet completed
  uint32_t max_request_size = 1048576;    ///< max.request.size: of one request
  uint32_t max_message_bytes = 1048576;   ///< a record or batch above it is refused here already
  milliseconds request_timeout{5000};     ///< request.timeout.ms
  milliseconds delivery_timeout{120000};  ///< delivery.timeout.ms: from send() to its completion
  milliseconds max_block{60000};          ///< max.block.ms: send() waiting for buffer space
  uint32_t max_in_flight_batches = 0;     ///< unacknowledged batches over all partitions; 0: no limit
};

struct Header {
  std::string key;
  std::optional<std::string> value;
};

struct Record {
  std::string topic;
  std::optional<int32_t> partition;  ///< else by key (murmur2), else sticky round robin
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<Header> headers;
  std::optional<int64_t> timestamp_ms;  ///< since 1970; else now
};

struct Ack {
  int32_t partition = 0;
  int64_t offset = -1;  ///< -1 with Acks::kNone
};

using Callback = std::function<void(Result<Ack>)>;

/// Any thread. Each accepted send() completes exactly once, by its callback, on the library's
/// thread. A callback must not block; it may send(), which then never waits (kBusy), but
/// send_sync(), flush() and close() answer kInvalidArgument in it. Completions of one partition come
/// in the order of their sends.
class Producer {
 public:
  struct Totals {
    uint64_t records = 0;              ///< accepted by send()
    uint64_t acked = 0;
    uint64_t failed = 0;
    uint64_t possible_duplicates = 0;  ///< records sent again after an answer was missing
    uint64_t bytes = 0;                ///< of keys and values accepted
    uint64_t requests = 0;
    uint64_t batches = 0;
  };
  Producer(Producer&&) noexcept;
  Producer& operator=(Producer&&) noexcept;
  /// Closes with 5 s of patience, unless it is closed already.
  ~Producer();

  /// Accepts one record; waits up to max_block for buffer space (kBusy after it) and for what is
  /// known of a new topic. After any error no callback follows: kTooLarge, kNotFound,
  /// kInvalidArgument and kClosed come at once, kUnreachable when no broker can be asked.
  Result<void> send(Record record, Callback done = {});
  /// As send(), and waits for the outcome.
  Result<Ack> send_sync(Record record);
  /// Waits until everything accepted so far is completed, or kTimeout.
  Result<void> flush(milliseconds patience);
  /// Flushes, then fails what is left with kClosed (written: maybe). Every callback has run when it
  /// returns. Later sends answer kClosed; a later close() just returns the totals.
  Result<Totals> close(milliseconds patience);
  Totals totals() const;

 private:
  friend class Client;
  class Impl;
  explicit Producer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

/// Kafka's default partitioner hash (murmur2, seed 0x9747b28c), as a signed 32-bit number.
int32_t murmur2(const void* data, size_t bytes);

}  // namespace strandlog::client
