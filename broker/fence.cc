// Sequences compare around their wrap at 2^31; see fence.h.
#include "broker/fence.h"

#include "base/endian.h"
#include "base/record_batch.h"

namespace strandlog::broker {
namespace {
constexpr size_t kProducerIdAt = 43, kSequenceAt = 53;  // record_batch.h, BatchHeader

bool is_behind(int32_t sequence, int32_t refused) {
  uint32_t ahead = (static_cast<uint32_t>(sequence) - static_cast<uint32_t>(refused)) & 0x7fffffff;
  return ahead != 0 && ahead < 0x40000000;
}
}  // namespace

Sender sender_of(ByteView batch) {
  if (batch.size() < kBatchHeaderBytes) return {};
  return {static_cast<int64_t>(load_be<uint64_t>(batch.data() + kProducerIdAt)),
          static_cast<int32_t>(load_be<uint32_t>(batch.data() + kSequenceAt))};
}

bool Fence::admits(const wire::TopicPartition& where, const Sender& sender, Time now) {
  auto found = closed_.find({where, sender.producer});
  if (found == closed_.end()) return true;
  if (now < found->second.until && is_behind(sender.sequence, found->second.sequence)) return false;
  closed_.erase(found);
  return true;
}

void Fence::close(const wire::TopicPartition& where, const Sender& sender, Time now) {
  if (sender.producer < 0) return;
  if (closed_.size() >= kMostFences) {
    std::erase_if(closed_, [&](const auto& entry) { return entry.second.until <= now; });
    if (closed_.size() >= kMostFences) closed_.erase(closed_.begin());
  }
  Closed closed{sender.sequence, now.plus_ms(kOpensAfterMs)};
  auto [entry, is_new] = closed_.try_emplace({where, sender.producer}, closed);
  if (!is_new && is_behind(entry->second.sequence, sender.sequence)) entry->second = closed;
}

}  // namespace strandlog::broker
