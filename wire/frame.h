// The control frame around a Cap'n Proto message: magic, CRC and shape, checked before any reader.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace strandlog::wire {

constexpr size_t kFrameHeader = 8;            ///< magic 4, CRC32C of the rest 4 (little-endian)
constexpr uint32_t kFrameMagic = 0x31574C53;  ///< "SLW1" as the bytes stand on the wire
constexpr uint32_t kMaxSegments = 16;

/// Writes the header over the first kFrameHeader bytes of `frame`, whose rest is complete.
void seal_frame(MutableByteView frame);

/// The flat Cap'n Proto message inside `frame`, if length, magic, CRC, segment count and segment
/// sizes agree. Never reads outside `frame`. kTooLarge, kUnsupported (another magic) or
/// kInvalidArgument otherwise. The message is as unaligned as the frame.
Result<ByteView> open_frame(ByteView frame);

}  // namespace strandlog::wire
