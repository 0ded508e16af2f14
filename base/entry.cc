// The 64-byte entry header: bytes, checks and the chain.
#include "base/entry.h"

#include <bit>
#include <string>

#include "base/crc32c.h"
#include "base/endian.h"

namespace strandlog {
namespace {

// Where each field starts; each ends where the next begins, the last at kEntryHeaderBytes.
enum At : size_t {
  kAtMagic = 0,
  kAtVersion = 2,
  kAtKind = 3,
  kAtFlags = 4,
  kAtSpare = 6,
  kAtCrc = 8,
  kAtBodyBytes = 12,
  kAtBodyCrc = 16,
  kAtRecordCount = 20,
  kAtIndex = 24,
  kAtTerm = 32,
  kAtBaseOffset = 40,
  kAtAppendTime = 48,
  kAtChain = 56,
};
static_assert(kAtChain + sizeof(uint64_t) == kEntryHeaderBytes);
constexpr size_t kMaxBodyBytes = kMaxEntryBytes - kEntryHeaderBytes;

// Over the header with its CRC field taken as zero, continuing from the CRC of the group's name.
uint32_t header_crc(const uint8_t* header, const GroupId& group) {
  static constexpr std::array<uint8_t, 4> kZero{};
  uint32_t crc = crc32c(group.bytes);
  crc = crc32c({header, kAtCrc}, crc);
  crc = crc32c(kZero, crc);
  return crc32c({header + kAtBodyBytes, kEntryHeaderBytes - kAtBodyBytes}, crc);
}

Error damaged(const std::string& reason) { return {Code::kCorruption, "entry header: " + reason}; }

// One step of the chain's mix. Each operation can be undone when `value` is known, so a step never
// loses what came before it; the odd constant is 2^64 divided by the golden ratio.
uint64_t mix(uint64_t state, uint64_t value) {
  state = (state ^ value) * 0x9e3779b97f4a7c15u;
  state = std::rotl(state, 29);
  return state ^ state >> 32;
}

EntryHeader load_fields(const uint8_t* p) {
  EntryHeader h;
  h.kind = static_cast<EntryKind>(p[kAtKind]);
  h.flags = load_le<uint16_t>(p + kAtFlags);
  h.body_bytes = load_le<uint32_t>(p + kAtBodyBytes);
  h.body_crc = load_le<uint32_t>(p + kAtBodyCrc);
  h.record_count = load_le<uint32_t>(p + kAtRecordCount);
  h.index = Index{load_le<uint64_t>(p + kAtIndex)};
  h.term = Term{load_le<uint64_t>(p + kAtTerm)};
  h.base_offset = Offset{load_le<uint64_t>(p + kAtBaseOffset)};
  h.append_time_ms = load_le<int64_t>(p + kAtAppendTime);
  h.chain = load_le<uint64_t>(p + kAtChain);
  return h;
}

}  // namespace

// The order of the steps and their constants are part of the stored format: eight mix() steps over
// the previous chain, then one closing multiply-xor so that the last fields reach every bit.
uint64_t chain_after(uint64_t previous_chain, const EntryHeader& header) {
  uint64_t kind_and_flags = uint64_t{static_cast<uint8_t>(header.kind)} | uint64_t{header.flags}
                                                                              << 8;
  uint64_t body = uint64_t{header.body_bytes} << 32 | header.body_crc;
  uint64_t state = mix(0x53747261'6e646c67u, previous_chain);
  state = mix(state, kind_and_flags);
  state = mix(state, body);
  state = mix(state, header.record_count);
  state = mix(state, header.index.value);
  state = mix(state, header.term.value);
  state = mix(state, header.base_offset.value);
  state = mix(state, static_cast<uint64_t>(header.append_time_ms));
  state *= 0xd6e8feb86659fd93u;
  return state ^ state >> 32;
}

void encode_entry_header(const EntryHeader& header, const GroupId& group,
                         std::span<uint8_t, kEntryHeaderBytes> out) {
  CHECK(header.body_bytes <= kMaxBodyBytes);
  uint8_t* p = out.data();
  store_le<uint16_t>(p + kAtMagic, EntryHeader::kMagic);
  p[kAtVersion] = EntryHeader::kVersion;
  p[kAtKind] = static_cast<uint8_t>(header.kind);
  store_le<uint16_t>(p + kAtFlags, header.flags);
  store_le<uint16_t>(p + kAtSpare, 0);
  store_le<uint32_t>(p + kAtBodyBytes, header.body_bytes);
  store_le<uint32_t>(p + kAtBodyCrc, header.body_crc);
  store_le<uint32_t>(p + kAtRecordCount, header.record_count);
  store_le<uint64_t>(p + kAtIndex, header.index.value);
  store_le<uint64_t>(p + kAtTerm, header.term.value);
  store_le<uint64_t>(p + kAtBaseOffset, header.base_offset.value);
  store_le<int64_t>(p + kAtAppendTime, header.append_time_ms);
  store_le<uint64_t>(p + kAtChain, header.chain);
  store_le<uint32_t>(p + kAtCrc, header_crc(p, group));
}

Result<EntryHeader> decode_entry_header(ByteView bytes, const GroupId& group) {
  if (bytes.size() < kEntryHeaderBytes) {
    return damaged(std::to_string(bytes.size()) + " bytes, needs " +
                   std::to_string(kEntryHeaderBytes));
  }
  const uint8_t* p = bytes.data();
  if (uint16_t magic = load_le<uint16_t>(p + kAtMagic); magic != EntryHeader::kMagic) {
    return damaged("magic " + std::to_string(magic) + ", expected " +
                   std::to_string(EntryHeader::kMagic));
  }
  if (p[kAtVersion] != EntryHeader::kVersion) {
    return damaged("version " + std::to_string(p[kAtVersion]) + ", this build reads " +
                   std::to_string(EntryHeader::kVersion));
  }
  uint32_t stored = load_le<uint32_t>(p + kAtCrc);
  if (uint32_t actual = header_crc(p, group); stored != actual) {
    return damaged("CRC " + std::to_string(stored) + ", computed " + std::to_string(actual) +
                   " for group " + group.text());
  }
  if (uint16_t spare = load_le<uint16_t>(p + kAtSpare); spare != 0) {
    return damaged("spare bytes are " + std::to_string(spare) + ", expected 0");
  }
  if (p[kAtKind] == 0) return damaged("kind 0");
  EntryHeader header = load_fields(p);
  if (header.body_bytes > kMaxBodyBytes) {
    return damaged("body of " + std::to_string(header.body_bytes) + " bytes, at most " +
                   std::to_string(kMaxBodyBytes));
  }
  return header;
}

Result<EntryView> decode_entry(ByteView run, const GroupId& group) {
  ASSIGN(EntryHeader header, decode_entry_header(run, group));
  size_t left = run.size() - kEntryHeaderBytes;
  if (header.body_bytes > left) {
    return Error{Code::kCorruption, "entry " + std::to_string(header.index.value) + ": body of " +
                                        std::to_string(header.body_bytes) + " bytes, the run has " +
                                        std::to_string(left)};
  }
  ByteView body = run.subspan(kEntryHeaderBytes, header.body_bytes);
  if (uint32_t actual = crc32c(body); actual != header.body_crc) {
    return Error{Code::kCorruption, "entry " + std::to_string(header.index.value) + ": body CRC " +
                                        std::to_string(header.body_crc) + ", computed " +
                                        std::to_string(actual)};
  }
  return EntryView{header, body, run.first(kEntryHeaderBytes + header.body_bytes)};
}

}  // namespace strandlog
