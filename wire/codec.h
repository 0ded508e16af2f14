// Codec: wire structs to Cap'n Proto control frames and back; the only user of Cap'n Proto.
//
// Decoding trusts nothing: size, CRC, segment count and shape are checked before the reader runs,
// traversal and nesting are bounded, every list has a limit. Frame layout: wire/frames.md.
#pragma once

#include "base/bytes.h"
#include "wire/messages.h"

namespace strandlog::wire {

/// Strings up to 64 KiB and lists up to 65536 items are read; the frame's size bounds them earlier.
/// So many of each in one PeerMessage always fit a control frame, with everything else it holds.
constexpr size_t kRaftMessagesPerFrame = 4096;
constexpr size_t kLeaderNoticesPerFrame = 2048;
constexpr size_t kReplicaReportsPerFrame = 2048;

/// Encoding does not fail, but a frame over kMaxControlFrame is read by nobody: the caller keeps
/// within the numbers above, and asks for less at once.
Bytes encode(const Request& request);
/// An answer that does not fit becomes one with the error kTooLarge.
Bytes encode(const Answer& answer);
Bytes encode(const PeerMessage& message);
Bytes encode(const catalog::Command& command);
Bytes encode(const catalog::Row& row);
Bytes encode(const FoundingDocument& document);
Bytes encode(const Configuration& configuration);
Bytes encode(const std::vector<RememberedStore>& stores);

/// kTooLarge, kUnsupported (another wire version, an unknown kind) or kInvalidArgument otherwise.
Result<Request> decode_request(ByteView frame);
Result<Answer> decode_answer(ByteView frame);
Result<PeerMessage> decode_peer_message(ByteView frame);
Result<catalog::Command> decode_command(ByteView frame);
Result<catalog::Row> decode_catalog_row(ByteView frame);
Result<FoundingDocument> decode_founding_document(ByteView frame);
Result<Configuration> decode_configuration(ByteView frame);
Result<std::vector<RememberedStore>> decode_remembered_stores(ByteView frame);

}  // namespace strandlog::wire
