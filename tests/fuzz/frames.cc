// Frames and messages: decodes, encodes and decodes again.
#include "tests/fuzz/entries.h"
#include "wire/codec.h"
#include "wire/frame.h"

namespace strandlog::fuzz {
namespace {

template <class Decode>
void round_trip(ByteView frame, Decode decode) {
  auto value = decode(frame);
  if (!value.ok()) return;
  Bytes again = wire::encode(*value);
  if (again.size() > wire::kMaxControlFrame) return;  // shared parts may unfold beyond the limit
  auto back = decode(again);
  CHECK(back.ok() && *back == *value);
}

/// Behind the checksum a fuzzer would never get by itself: the input's own header is replaced.
std::vector<uint8_t> resealed(ByteView input) {
  std::vector<uint8_t> frame(input.begin(), input.end());
  if (frame.size() >= wire::kFrameHeader) wire::seal_frame(frame);
  return frame;
}

template <auto kDecode>
void feed(ByteView input) {
  round_trip(input, kDecode);
  round_trip(resealed(input), kDecode);
}

}  // namespace

void feed_frame(ByteView input) {
  (void)wire::open_frame(input).ok();
  auto frame = resealed(input);
  auto flat = wire::open_frame(frame);
  if (flat.ok()) CHECK(flat->size() + wire::kFrameHeader == frame.size());
}

void feed_request(ByteView input) { feed<wire::decode_request>(input); }
void feed_answer(ByteView input) { feed<wire::decode_answer>(input); }
void feed_peer_message(ByteView input) { feed<wire::decode_peer_message>(input); }
void feed_command(ByteView input) { feed<wire::decode_command>(input); }
void feed_catalog_row(ByteView input) { feed<wire::decode_catalog_row>(input); }
void feed_founding_document(ByteView input) { feed<wire::decode_founding_document>(input); }
void feed_configuration(ByteView input) { feed<wire::decode_configuration>(input); }
void feed_remembered_stores(ByteView input) { feed<wire::decode_remembered_stores>(input); }

}  // namespace strandlog::fuzz
