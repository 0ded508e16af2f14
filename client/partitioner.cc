// The hash that decides a keyed record's partition: murmur2, as Kafka's default partitioner.
#include "base/endian.h"
#include "strandlog/producer.h"

namespace strandlog::client {

int32_t murmur2(const void* data, size_t bytes) {
  constexpr uint32_t kSeed = 0x9747b28c;
  constexpr uint32_t kMultiplier = 0x5bd1e995;
  const auto* p = static_cast<const uint8_t*>(data);
  uint32_t hash = kSeed ^ static_cast<uint32_t>(bytes);
  for (; bytes >= 4; p += 4, bytes -= 4) {
    uint32_t word = load_le<uint32_t>(p) * kMultiplier;
    word = (word ^ word >> 24) * kMultiplier;
    hash = hash * kMultiplier ^ word;
  }
  if (bytes >= 3) hash ^= uint32_t{p[2]} << 16;
  if (bytes >= 2) hash ^= uint32_t{p[1]} << 8;
  if (bytes >= 1) hash = (hash ^ p[0]) * kMultiplier;
  hash = (hash ^ hash >> 13) * kMultiplier;
  return static_cast<int32_t>(hash ^ hash >> 15);
}

}  // namespace strandlog::client
