// A floor per producer and partition, for those that ever failed; see fence.h.
#include "broker/fence.h"

#include <algorithm>

#include "base/endian.h"
#include "base/record_batch.h"

namespace strandlog::broker {
namespace {
constexpr size_t kProducerIdAt = 43;  // record_batch.h, BatchHeader
}  // namespace

int64_t producer_of(ByteView batch) {
  if (batch.size() < kBatchHeaderBytes) return -1;
  return static_cast<int64_t>(load_be<uint64_t>(batch.data() + kProducerIdAt));
}

bool Fence::admits(const wire::TopicPartition& where, const Sender& sender, Time now) {
  if (sender.producer < 0) return true;
  auto found = floors_.find({where, sender.producer});
  if (found != floors_.end() && sender.attempt < found->second.attempt) return false;
  // First attempts need no memory: nothing came before them.
  if (sender.attempt > 0) raise(where, sender.producer, sender.attempt, now);
  return true;
}

void Fence::close(const wire::TopicPartition& where, const Sender& sender, Time now) {
  if (sender.producer >= 0) raise(where, sender.producer, sender.attempt + 1, now);
}

void Fence::raise(const wire::TopicPartition& where, int64_t producer, uint32_t attempt, Time now) {
  if (floors_.size() >= kMostKept && now >= next_sweep_) {
    next_sweep_ = now.plus_ms(kSweepMs);
    std::erase_if(floors_,
                  [&](const auto& entry) { return entry.second.used.plus_ms(kKeptMs) <= now; });
  }
  if (floors_.size() >= kMostKept) floors_.erase(floors_.begin());
  Floor& floor = floors_[{where, producer}];
  floor.attempt = std::max(floor.attempt, attempt);
  floor.used = now;
}

}  // namespace strandlog::broker
