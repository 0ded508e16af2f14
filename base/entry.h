// Entry: one element of a Raft log, the same bytes in memory, on disk and on the wire.
// Byte layout: store/format.md, "Entry".
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace strandlog {

/// Kinds are never reused. A reader that meets an unknown kind must refuse the entry, unless
/// EntryHeader::kSkippable is set in its flags.
enum class EntryKind : uint8_t {
  kData = 1,           ///< body: one RecordBatch v2; takes record_count offsets
  kNoop = 2,           ///< body: empty; a leader's first entry in its term
  kConfiguration = 3,  ///< body: encoded membership
  kTrim = 4,           ///< body: new log start
  kLossMarker = 5,     ///< reserved
  kCatalog = 6,        ///< body: one catalog command (wire/schema/catalog.capnp); group 0 only
};

/// The 64 bytes before every body, little-endian.
struct EntryHeader {
  static constexpr uint16_t kMagic = 0x4c53;  // "SL"
  static constexpr uint8_t kVersion = 1;
  static constexpr uint16_t kSkippable = 1;  ///< flag: a reader may ignore an unknown kind

  EntryKind kind = EntryKind::kNoop;
  uint16_t flags = 0;
  uint32_t body_bytes = 0;
  uint32_t body_crc = 0;      ///< CRC32C of the body as stored
  uint32_t record_count = 0;  ///< offsets it takes; 0 for everything but kData
  Index index;
  Term term;
  Offset base_offset;          ///< of its first record; of the next record when it has none
  int64_t append_time_ms = 0;  ///< the leader's, never decreasing along the log
  uint64_t chain = 0;          ///< see chain_after()

  Offset next_offset() const { return base_offset.plus(record_count); }
  bool operator==(const EntryHeader&) const = default;
};

constexpr size_t kEntryHeaderBytes = 64;
/// No entry is longer than this, header included; a length beyond it is damage, not a request.
constexpr size_t kMaxEntryBytes = (64u << 20);

/// chain = a 64-bit mix of the previous entry's chain, every other header field and the body CRC:
/// two logs whose chains agree at an index hold the same entries up to it (by accident 2^-64).
uint64_t chain_after(uint64_t previous_chain, const EntryHeader& header);

/// Writes the header; its own CRC is seeded with the group, so another group's entry never passes.
void encode_entry_header(const EntryHeader& header, const GroupId& group,
                         std::span<uint8_t, kEntryHeaderBytes> out);

/// Checks magic, version, header CRC and length bounds. kCorruption with the reason otherwise.
/// Only after it passes may the length in it be trusted. Needs at least 64 bytes.
Result<EntryHeader> decode_entry_header(ByteView bytes, const GroupId& group);

/// One whole entry at the start of a run of stored entries.
struct EntryView {
  EntryHeader header;
  ByteView body;
  ByteView whole;  ///< header and body as stored
};

/// Decodes the first entry of `run` and checks its body CRC. kCorruption when anything is wrong,
/// a run cut short included.
Result<EntryView> decode_entry(ByteView run, const GroupId& group);

}  // namespace strandlog
