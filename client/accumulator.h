// Accumulator: records of a producer gathering into batches, until the core takes them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/record_batch.h"
#include "strandlog/producer.h"

namespace strandlog::client {

/// A number for each partition that was ever sent to; small, dense, of one producer.
using Slot = uint32_t;

/// A batch on its way from send() to the core.
struct GatheredBatch {
  uint64_t id = 0;  ///< rising in the order of opening
  Slot slot = 0;
  TopicPartition where;
  BatchBuilder builder;
  std::vector<Callback> callbacks;  ///< one per record, or empty when none has any
  uint64_t memory_bytes = 0;        ///< of buffer.memory, until completion
  Time opened;
};

/// What the core finished since it last said so.
struct Settled {
  std::vector<uint64_t> batches;  ///< ids
  uint64_t memory_bytes = 0;
  uint64_t acked = 0;
  uint64_t failed = 0;
  uint64_t possible_duplicates = 0;
  uint64_t requests = 0;
  uint64_t sent_batches = 0;
  std::vector<BatchBuilder> builders;  ///< emptied, for the next batches
  bool empty() const {
    return batches.empty() && possible_duplicates == 0 && requests == 0 && builders.empty();
  }
};

/// Where the core gets its batches. In a program it is an Accumulator behind a lock.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  using MayTakeOpen = std::function<bool(const GatheredBatch&)>;
  /// Moves out all closed batches, and the open ones that `may_take` agrees to; each partition's
  /// in their order.
  virtual void collect(const MayTakeOpen& may_take, std::vector<GatheredBatch>& out) = 0;
  virtual void settle(Settled settled) = 0;
  /// No such topic any more: later records are looked up again.
  virtual void forget_topic(const std::string& topic) = 0;
};

/// Not synchronised. Bounded by buffer.memory and by the number of batches not completed.
class Accumulator : public BatchSource {
 public:
  explicit Accumulator(const ProducerConfig& config);

  enum class Verdict {
    kGathered,          ///< into an open batch; nobody needs to be woken
    kOpenedOrClosed,    ///< and the core should look
    kUnknownTopic,      ///< set_partitions() first
    kUnknownPartition,  ///< the topic may have it by now: set_partitions(), else see `refusal`
    kFull,              ///< wait for settle()
    kRefused,           ///< never: see `refusal`
  };
  /// Takes `record` and `done` only when it answers kGathered or kOpenedOrClosed.
  Verdict append(Time now, int64_t wall_ms, const Record& record, Callback& done, Error& refusal);
  void set_partitions(const std::string& topic, uint32_t count);
  void forget_topic(const std::string& topic) override;
  /// Closes what is open, so that it leaves without waiting for linger.
  void close_open();

  void collect(const MayTakeOpen& may_take, std::vector<GatheredBatch>& out) override;
  void settle(Settled settled) override;

  /// Batches opened from now on have at least this id.
  uint64_t next_batch_id() const { return next_id_; }
  /// True when every batch with an id below is completed.
  bool completed_below(uint64_t id) const {
    return unfinished_.empty() || *unfinished_.begin() >= id;
  }
  const Producer::Totals& totals() const { return totals_; }

 private:
  struct Partition {
    Slot slot = 0;
    const TopicPartition* where = nullptr;  ///< its key in partitions_
    std::unique_ptr<GatheredBatch> open;
  };
  struct Topic {
    std::vector<Partition*> partitions;
    uint32_t sticky = 0;
    bool sticky_used = false;
  };

  Partition* choose(Topic& topic, const Record& record, Error& refusal);
  Verdict add(Time now, Partition& partition, const Record& record, const RecordView& view,
              Callback& done, Error& refusal);
  void open_batch(Time now, Partition& partition);
  void close_batch(Partition& partition);
  size_t batch_limit() const;

  ProducerConfig config_;
  std::map<std::string, Topic, std::less<>> topics_;
  std::map<TopicPartition, Partition> partitions_;
  std::map<Slot, Partition*> with_open_;
  std::deque<GatheredBatch> closed_;
  std::vector<BatchBuilder> spare_builders_;
  std::set<uint64_t> unfinished_;
  uint64_t memory_used_ = 0;
  uint64_t next_id_ = 1;
  Slot next_slot_ = 0;
  Producer::Totals totals_;
};

}  // namespace strandlog::client
