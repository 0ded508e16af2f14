// Compression: the codecs of record batches, framed as Kafka frames them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace strandlog {

/// The numbers are those of a batch's attributes and never change.
enum class Codec : uint8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };
constexpr uint8_t kCodecCount = 5;

/// "none", "gzip", "snappy", "lz4", "zstd".
constexpr std::string_view codec_name(Codec codec) {
  switch (codec) {
    case Codec::kNone:
      return "none";
    case Codec::kGzip:
      return "gzip";
    case Codec::kSnappy:
      return "snappy";
    case Codec::kLz4:
      return "lz4";
    case Codec::kZstd:
      return "zstd";
  }
  return "unknown";
}

/// Neither side of these functions takes more than this many bytes: beyond is kTooLarge.
constexpr size_t kMaxCodecInputBytes = size_t{1} << 30;

/// One frame holding `raw`: an lz4 frame with independent 64 KiB blocks, a zstd frame, a gzip
/// member, or snappy in xerial framing. kNone copies. The same input gives the same bytes with the
/// same library version. kInternal when the library fails.
Result<std::vector<uint8_t>> compress(Codec codec, ByteView raw);

/// The bytes that were compressed; gzip, lz4 and zstd frames may follow one another. Snappy is read
/// with or without xerial framing.
/// kCorruptBatch when `packed` is damaged, cut short, empty or has anything after its last frame;
/// kTooLarge when it holds more than `max_bytes`, or is zstd with a window larger than 8 MiB and
/// twice `max_bytes`. Never allocates more than about twice `max_bytes` for output, and that only as
/// output really appears; zstd's window comes on top.
Result<std::vector<uint8_t>> decompress(Codec codec, ByteView packed, size_t max_bytes);

}  // namespace strandlog
