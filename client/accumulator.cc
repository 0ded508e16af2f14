// Accumulator: partitioning, batching and the bounds of a producer.
#include "client/accumulator.h"

#include <algorithm>

#include "client/error.h"

namespace strandlog::client {
namespace {

constexpr size_t kSpareBuilders = 64;

RecordView view_record(const Record& record, int64_t wall_ms) {
  RecordView view;
  view.timestamp_ms = record.timestamp_ms.value_or(wall_ms);
  if (record.key) view.key = view_of(*record.key);
  if (record.value) view.value = view_of(*record.value);
  view.headers.reserve(record.headers.size());
  for (const Header& header : record.headers) {
    HeaderView shown{header.key, std::nullopt};
    if (header.value) shown.value = view_of(*header.value);
    view.headers.push_back(shown);
  }
  return view;
}

}  // namespace

Accumulator::Accumulator(const ProducerConfig& config) : config_(config) {}

size_t Accumulator::batch_limit() const {
  return std::min(config_.batch_size, config_.max_message_bytes);
}

void Accumulator::set_partitions(const std::string& name, uint32_t count) {
  Topic& topic = topics_[name];
  for (auto number = static_cast<uint32_t>(topic.partitions.size()); number < count; ++number) {
    auto [partition, added] = partitions_.try_emplace({name, static_cast<int32_t>(number)});
    if (added) {
      partition->second.slot = next_slot_++;
      partition->second.where = &partition->first;
    }
    topic.partitions.push_back(&partition->second);
  }
}

void Accumulator::forget_topic(const std::string& name) { topics_.erase(name); }

Accumulator::Partition* Accumulator::choose(Topic& topic, const Record& record, Error& refusal) {
  auto count = static_cast<uint32_t>(topic.partitions.size());
  if (record.partition) {
    auto number = static_cast<uint32_t>(*record.partition);
    if (*record.partition >= 0 && number < count) return topic.partitions[number];
    refusal =
        public_error(strandlog::Code::kNotFound,
                     "topic \"" + record.topic + "\" has partitions 0 to " +
                         std::to_string(count - 1) + ", not " + std::to_string(*record.partition));
    return nullptr;
  }
  if (record.key) {
    auto hash = static_cast<uint32_t>(murmur2(record.key->data(), record.key->size()));
    return topic.partitions[(hash & 0x7fffffff) % count];
  }
  // The next partition, whenever the batch of the last one was closed or taken.
  if (topic.sticky_used && !topic.partitions[topic.sticky]->open) {
    topic.sticky = (topic.sticky + 1) % count;
  }
  topic.sticky_used = true;
  return topic.partitions[topic.sticky];
}

Accumulator::Verdict Accumulator::append(Time now, int64_t wall_ms, const Record& record,
                                         Callback& done, Error& refusal) {
  auto topic = topics_.find(record.topic);
  if (topic == topics_.end() || topic->second.partitions.empty()) return Verdict::kUnknownTopic;
  RecordView view = view_record(record, wall_ms);
  size_t alone = BatchBuilder().estimated_bytes_with(view);
  if (alone > config_.max_message_bytes || alone > config_.buffer_memory) {
    refusal =
        public_error(strandlog::Code::kTooLarge,
                     "a record of " + std::to_string(alone) + " bytes in its batch is over " +
                         (alone > config_.max_message_bytes
                              ? "max.message.bytes = " + std::to_string(config_.max_message_bytes)
                              : "buffer.memory = " + std::to_string(config_.buffer_memory)));
    return Verdict::kRefused;
  }
  Partition* partition = choose(topic->second, record, refusal);
  if (partition == nullptr) {
    return *record.partition < 0 ? Verdict::kRefused : Verdict::kUnknownPartition;
  }
  bool closed = false;
  while (partition->open && partition->open->builder.estimated_bytes_with(view) > batch_limit()) {
    close_batch(*partition);
    closed = true;
    if (!record.partition && !record.key) partition = choose(topic->second, record, refusal);
  }
  Verdict verdict = add(now, *partition, record, view, done, refusal);
  return closed && verdict == Verdict::kGathered ? Verdict::kOpenedOrClosed : verdict;
}

Accumulator::Verdict Accumulator::add(Time now, Partition& partition, const Record& record,
                                      const RecordView& view, Callback& done, Error& refusal) {
  bool look = false;
  BatchBuilder* builder = partition.open ? &partition.open->builder : nullptr;
  size_t before = builder != nullptr ? builder->estimated_bytes() : 0;
  size_t grown = (builder != nullptr ? builder->estimated_bytes_with(view)
                                     : BatchBuilder().estimated_bytes_with(view)) -
                 before;
  bool too_many = builder == nullptr && config_.max_in_flight_batches != 0 &&
                  unfinished_.size() >= config_.max_in_flight_batches;
  if (too_many || memory_used_ + grown > config_.buffer_memory) {
    close_open();  // nothing may wait for linger while a sender waits for room
    return Verdict::kFull;
  }
  if (builder == nullptr) {
    open_batch(now, partition);
    look = true;
  }
  GatheredBatch& batch = *partition.open;
  if (auto added = batch.builder.add(view); !added.ok()) {
    refusal = public_error(added.error());
    return Verdict::kRefused;
  }
  if (done) {
    batch.callbacks.resize(static_cast<size_t>(batch.builder.record_count() - 1));
    batch.callbacks.push_back(std::move(done));
  }
  batch.memory_bytes += grown;
  memory_used_ += grown;
  ++totals_.records;
  totals_.bytes +=
      (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
  if (batch.builder.estimated_bytes() + kMinRecordBytes > batch_limit()) {
    close_batch(partition);
    look = true;
  }
  return look ? Verdict::kOpenedOrClosed : Verdict::kGathered;
}

void Accumulator::open_batch(Time now, Partition& partition) {
  partition.open = std::make_unique<GatheredBatch>();
  partition.open->id = next_id_++;
  partition.open->slot = partition.slot;
  partition.open->where = *partition.where;
  partition.open->opened = now;
  if (!spare_builders_.empty()) {
    partition.open->builder = std::move(spare_builders_.back());
    spare_builders_.pop_back();
  }
  unfinished_.insert(partition.open->id);
  with_open_[partition.slot] = &partition;
}

void Accumulator::close_batch(Partition& partition) {
  closed_.push_back(std::move(*partition.open));
  partition.open.reset();
  with_open_.erase(partition.slot);
}

void Accumulator::close_open() {
  while (!with_open_.empty()) close_batch(*with_open_.begin()->second);
}

void Accumulator::collect(const MayTakeOpen& may_take, std::vector<GatheredBatch>& out) {
  // Closed ones first: an open batch of the same partition is younger.
  for (GatheredBatch& batch : closed_) out.push_back(std::move(batch));
  closed_.clear();
  std::vector<Partition*> taken;
  for (auto& [slot, partition] : with_open_) {
    if (may_take(*partition->open)) taken.push_back(partition);
  }
  for (Partition* partition : taken) {
    close_batch(*partition);
    out.push_back(std::move(closed_.back()));
    closed_.pop_back();
  }
}

void Accumulator::settle(Settled settled) {
  for (uint64_t id : settled.batches) unfinished_.erase(id);
  memory_used_ -= settled.memory_bytes;
  totals_.acked += settled.acked;
  totals_.failed += settled.failed;
  totals_.possible_duplicates += settled.possible_duplicates;
  totals_.requests += settled.requests;
  totals_.batches += settled.sent_batches;
  for (BatchBuilder& builder : settled.builders) {
    if (spare_builders_.size() >= kSpareBuilders) break;
    spare_builders_.push_back(std::move(builder));
  }
}

}  // namespace strandlog::client
