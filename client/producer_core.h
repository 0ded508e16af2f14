// ProducerCore: sends batches, in order per partition, until each is acknowledged or given up.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/accumulator.h"
#include "client/request_table.h"
#include "client/router.h"

namespace strandlog::client {

struct ProducerPace {
  size_t requests_per_leader = 4;  ///< in flight; what arrives meanwhile is packed together
  /// Of one partition. With more than 1 the order is also the broker's to keep: one that refuses an
  /// item (busy, say) refuses the rest of that attempt (broker/fence.h).
  size_t requests_per_partition = 4;
};

/// One ordered queue per partition. Several requests per leader are under way at a time; a link
/// and a broker keep their order. After a failure the partition is stopped, waits until all of its
/// requests are answered or past their deadline, and is sent again from the first batch without an
/// acknowledgement. Callbacks run inside turn() and abort().
class ProducerCore {
 public:
  ProducerCore(RequestTable& requests, Router& router, BatchSource& source,
               const ProducerConfig& config, int64_t producer_id, ProducerPace pace = {});
  ~ProducerCore();
  ProducerCore(const ProducerCore&) = delete;
  ProducerCore& operator=(const ProducerCore&) = delete;

  void turn(Time now);
  /// Needs turn() by then even if nothing arrives.
  Time next_deadline() const;
  /// Completes everything with kClosed; takes nothing any more.
  void abort();

 private:
  enum class State { kUnsent, kSent, kDone, kRefused };
  struct Batch {
    uint64_t id = 0;
    Bytes packed;
    uint32_t records = 0;
    uint64_t memory_bytes = 0;
    std::vector<Callback> callbacks;
    Time expires;
    State state = State::kUnsent;
    bool maybe_written = false;  ///< sent before, without a clear "not written"
    int64_t offset = -1;         ///< kDone
    Error error;                 ///< kRefused
  };
  struct Queue {
    Slot slot = 0;
    TopicPartition where;
    std::deque<Batch> batches;  ///< the first is not completed
    size_t requests = 0;        ///< under way with batches of this queue
    uint32_t attempt = 0;       ///< how often it began anew after a failure
    bool stopped = false;
    uint64_t alone_until = 0;  ///< batches with a lower id travel one to a request
    Time retry_at;
    Time refresh_at;  ///< without a usable leader: ask for metadata again
    Backoff backoff;
    Backoff refresh_backoff;
    int32_t next_sequence = 0;
    Error last_error;
    std::string leader;  ///< it was last sent to
  };
  struct SentBatch {
    uint64_t id = 0;
    uint32_t records = 0;
  };
  struct SentItem {
    Slot slot = 0;
    std::vector<SentBatch> batches;
  };
  struct Sent {
    std::string address;
    std::vector<SentItem> items;
  };

  void collect(Time now);
  bool may_take_open(Time now, const GatheredBatch& gathered);
  void enqueue(GatheredBatch gathered);
  std::map<std::string, std::vector<Slot>> sendable(Time now);
  std::string usable_leader(Time now, Queue& queue);
  void send_all(Time now, const std::string& address, std::vector<Slot> slots);
  bool pack(Slot slot, Outgoing& outgoing, wire::ProduceRequest& request, SentItem& item,
            size_t& bytes);
  bool submit(Time now, Outgoing outgoing, wire::ProduceRequest request, Sent sent);
  void count_sending(const Sent& sent);
  void on_reply(uint64_t key, Reply reply);
  void on_item(const SentItem& item, const wire::ProduceAnswer* answer, const Error& whole,
               bool clearly_not);
  void on_item_error(Queue& queue, const SentItem& item, const wire::WireError& error);
  void written(Queue& queue, const SentItem& item, int64_t base_offset);
  void refused(Queue& queue, const SentItem& item, Error error);
  void failed(Queue& queue, const SentItem& item, Error error, bool maybe, bool at_once);
  void fail_gone(Queue& queue, Error error);
  void restart(Time now, Queue& queue);
  void stop(Time now, Queue& queue);
  void expire(Time now, Queue& queue);
  void advance(Queue& queue);
  void complete(const Queue& queue, Batch& batch);
  void collect_everything();
  Batch* find(Queue& queue, uint64_t id);
  bool has_unsent(const Queue& queue) const;

  RequestTable& requests_;
  Router& router_;
  BatchSource& source_;
  ProducerConfig config_;
  int64_t producer_id_;
  ProducerPace pace_;
  Time now_;
  bool closed_ = false;
  std::map<Slot, Queue> queues_;
  std::set<Slot> active_;                    ///< with batches
  std::map<std::string, size_t> in_flight_;  ///< requests per leader address
  uint64_t next_key_ = 1;
  std::map<uint64_t, Sent> sent_;
  std::map<uint64_t, uint64_t> request_ids_;  ///< key → request
  Time next_linger_ = kNoDeadline;
  Slot rotation_ = 0;
  Settled settled_;
};

}  // namespace strandlog::client
