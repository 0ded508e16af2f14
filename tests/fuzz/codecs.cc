// Compressed bytes: unpacked within their bound, and what was packed here comes back.
#include "base/compression.h"
#include "tests/fuzz/entries.h"
#include "tests/fuzz/input.h"

namespace strandlog::fuzz {
namespace {

void unpack(Codec codec, ByteView packed, size_t max_bytes) {
  auto raw = decompress(codec, packed, max_bytes);
  if (!raw.ok()) {
    CHECK(raw.error().code == Code::kCorruptBatch || raw.error().code == Code::kTooLarge);
    return;
  }
  CHECK(raw->size() <= max_bytes && raw->capacity() <= 2 * max_bytes);
  auto again = compress(codec, *raw);
  CHECK(again.ok());
  auto back = decompress(codec, *again, raw->size());
  // Snappy alone gives nothing for nothing: a frame without blocks.
  CHECK(back.ok() && *back == *raw);
}

void pack(Codec codec, ByteView raw) {
  auto packed = compress(codec, raw);
  CHECK(packed.ok());
  auto back = decompress(codec, *packed, raw.size());
  CHECK(back.ok() && std::equal(raw.begin(), raw.end(), back->begin(), back->end()));
  if (raw.empty()) return;
  auto cut = decompress(codec, *packed, raw.size() - 1);
  CHECK(!cut.ok() && cut.error().code == Code::kTooLarge);
}

}  // namespace

void feed_codecs(ByteView bytes) {
  Input input(bytes);
  auto codec = static_cast<Codec>(input.byte() % kCodecCount);
  uint8_t bound = input.byte();
  unpack(codec, input.rest(), size_t{1} << bound % 19);
  if (bound >= 128) pack(codec, input.rest());
}

}  // namespace strandlog::fuzz
