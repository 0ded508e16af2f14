// Stored structures inside rounds: specs, notes, log starts, and one replica's part of a base
// image. Every byte: store/format.md, "Item payloads".
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/replica_log.h"

namespace strandlog::store {

std::vector<uint8_t> encode_image_replica(const ImageReplica& replica);
/// kCorruption when it cannot have been written by encode_image_replica().
Result<ImageReplica> decode_image_replica(ByteView payload);

/// Why a store in good order cannot have written this part, if so: start, terms, segments and end
/// do not make one log. Of a faulty replica nothing is asked.
std::optional<std::string> contradiction_of(const ImageReplica& replica);

std::vector<uint8_t> encode_made(const ReplicaSpec& spec, ByteView configuration);
struct Made {
  ReplicaSpec spec;
  Bytes configuration;
};
Result<Made> decode_made(ByteView payload);

std::vector<uint8_t> encode_note(const std::string& name, ByteView value);
Result<std::pair<std::string, Bytes>> decode_note(ByteView payload);

/// Payload of ItemKind::kTrim; index and term stand in the item.
std::vector<uint8_t> encode_trim(Offset offset, uint64_t chain);
Result<std::pair<Offset, uint64_t>> decode_trim(ByteView payload);

/// Payload of the reserved ItemKind::kEntriesInSegment.
struct SegmentPlace {
  Index segment_first;
  Term segment_term;
  uint64_t position = 0;  ///< of the run in the file
  uint64_t bytes = 0;     ///< of the run
  uint32_t headers_crc = 0;
  bool operator==(const SegmentPlace&) const = default;
};
std::vector<uint8_t> encode_segment_place(const SegmentPlace& place);
Result<SegmentPlace> decode_segment_place(ByteView payload);

}  // namespace strandlog::store
