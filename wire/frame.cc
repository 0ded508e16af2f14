// Checks and seals control frames; knows the shape of a flat message but not its content.
#include "wire/frame.h"

#include "base/crc32c.h"
#include "base/endian.h"
#include "wire/messages.h"

namespace strandlog::wire {
namespace {

constexpr size_t kWord = 8;

Error malformed(const std::string& what) {
  return {Code::kInvalidArgument, "control frame: " + what};
}

/// The segment table says how long the message is; it must be exactly what is there.
Result<void> check_segments(ByteView flat) {
  // A first word of 0xFFFFFFFF would wrap to zero segments in a reader that adds one in 32 bits.
  uint64_t segments = uint64_t{load_le<uint32_t>(flat.data())} + 1;
  if (segments > kMaxSegments)
    return malformed(std::to_string(segments) + " segments, at most " +
                     std::to_string(kMaxSegments));
  uint64_t words = segments / 2 + 1;  // the table: count and sizes, 4 bytes each, padded
  if (words * kWord > flat.size()) return malformed("cut inside the segment table");
  for (size_t i = 0; i < segments; ++i) words += load_le<uint32_t>(flat.data() + 4 + i * 4);
  if (words * kWord != flat.size())
    return malformed("segments of " + std::to_string(words * kWord) + " bytes in " +
                     std::to_string(flat.size()));
  return {};
}

}  // namespace

void seal_frame(MutableByteView frame) {
  CHECK(frame.size() >= kFrameHeader);
  store_le(frame.data(), kFrameMagic);
  store_le(frame.data() + 4, crc32c(frame.subspan(kFrameHeader)));
}

Result<ByteView> open_frame(ByteView frame) {
  if (frame.size() > kMaxControlFrame)
    return Error{Code::kTooLarge, "control frame of " + std::to_string(frame.size()) +
                                      " bytes, at most " + std::to_string(kMaxControlFrame)};
  if (frame.size() < kFrameHeader + 2 * kWord || frame.size() % kWord != 0)
    return malformed("length " + std::to_string(frame.size()));
  if (load_le<uint32_t>(frame.data()) != kFrameMagic)
    return Error{Code::kUnsupported, "control frame: not of wire version SLW1"};
  ByteView flat = frame.subspan(kFrameHeader);
  if (load_le<uint32_t>(frame.data() + 4) != crc32c(flat)) return malformed("wrong checksum");
  TRY(check_segments(flat));
  return flat;
}

}  // namespace strandlog::wire
