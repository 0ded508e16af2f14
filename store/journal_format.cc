// Encoding and checking of journal file headers and round heads.
#include "store/journal_format.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/crc32c.h"
#include "base/endian.h"
#include "base/entry.h"
#include "store/codec.h"

namespace strandlog::store {
namespace {

constexpr uint64_t kFileMagic = 0x314c4e524a4c5453;  // "STLJRNL1"
constexpr uint32_t kRoundMagic = 0x444e5253;         // "SRND"
constexpr uint16_t kVersion = 1;
constexpr uint16_t kFlagImage = 1;

enum FileAt : size_t {
  kFileAtMagic = 0,
  kFileAtVersion = 8,
  kFileAtCrc = 12,
  kFileAtStore = 16,
  kFileAtSequence = 32,
  kFileAtSalt = 40,
  kFileAtBootEpoch = 48,
  kFileAtFileBytes = 56,
};

enum RoundAt : size_t {
  kAtMagic = 0,
  kAtVersion = 4,
  kAtFlags = 6,
  kAtFixedCrc = 8,
  kAtListCrc = 12,
  kAtBootEpoch = 16,
  kAtNumber = 24,
  kAtPrevious = 32,
  kAtBeforePrevious = 40,
  kAtFileSequence = 48,
  kAtHeadBytes = 56,
  kAtPayloadAt = 60,
  kAtTotalBytes = 64,
  kAtItemCount = 68,
  kAtRepeatCount = 72,
  kAtSpare = 76,
};

enum ItemAt : size_t {
  kItemAtKind = 0,
  kItemAtSpare = 1,
  kItemAtArgument = 2,
  kItemAtCrc = 4,
  kItemAtPosition = 8,
  kItemAtBytes = 12,
  kItemAtUid = 16,
  kItemAtFirst = 24,
  kItemAtLast = 32,
  kItemAtTerm = 40,
  kItemAtVote = 48,
  kItemAtExtra = 56,
};
static_assert(kItemAtExtra + sizeof(uint64_t) == kItemBytes);

// Two fields of an entry header (store/format.md, "Entry"), read before its group is known; the
// item's CRC over the headers is what makes them trustworthy.
constexpr size_t kEntryAtBodyBytes = 12;
constexpr size_t kEntryAtBodyCrc = 16;

// Kinds from here on share the last bit of RepeatedItem::kinds.
constexpr unsigned kLastKindBit = 31;

Error damaged(std::string what) { return {Code::kCorruption, "journal: " + std::move(what)}; }

// The CRC of `bytes` with the four at `hole` taken as zero.
uint32_t crc_around(ByteView bytes, size_t hole, uint32_t seed) {
  static constexpr std::array<uint8_t, 4> kZero{};
  uint32_t crc = crc32c(bytes.first(hole), seed);
  crc = crc32c(kZero, crc);
  return crc32c(bytes.subspan(hole + kZero.size()), crc);
}

uint32_t salt_seed(uint64_t salt) {
  std::array<uint8_t, 8> bytes;
  store_le(bytes.data(), salt);
  return crc32c(bytes);
}

Result<JournalFileHeader> decode_header_page(ByteView page, const StoreId& store) {
  const uint8_t* p = page.data();
  if (load_le<uint64_t>(p + kFileAtMagic) != kFileMagic) return damaged("no file header");
  uint32_t crc = crc_around(page, kFileAtCrc, 0);
  if (uint32_t stored = load_le<uint32_t>(p + kFileAtCrc); crc != stored) {
    return damaged("file header CRC " + std::to_string(stored) + ", computed " +
                   std::to_string(crc));
  }
  if (uint32_t version = load_le<uint32_t>(p + kFileAtVersion); version != kVersion) {
    return Error{Code::kUnsupported, "journal: file version " + std::to_string(version) +
                                         ", this build reads " + std::to_string(kVersion)};
  }
  JournalFileHeader header;
  std::memcpy(header.store.bytes.data(), p + kFileAtStore, header.store.bytes.size());
  if (header.store != store) {
    return Error{Code::kWrongIdentity, "journal: file of store " + header.store.text() +
                                           ", this is store " + store.text()};
  }
  header.sequence = load_le<uint64_t>(p + kFileAtSequence);
  header.salt = load_le<uint64_t>(p + kFileAtSalt);
  header.boot_epoch = BootEpoch{load_le<uint64_t>(p + kFileAtBootEpoch)};
  header.file_bytes = load_le<uint64_t>(p + kFileAtFileBytes);
  if (header.sequence >= kMaxNumber || header.boot_epoch.value >= kMaxNumber) {
    return damaged("file header of use " + std::to_string(header.sequence) + " in start " +
                   std::to_string(header.boot_epoch.value));
  }
  return header;
}

void encode_item(const Item& item, uint8_t* p) {
  p[kItemAtKind] = static_cast<uint8_t>(item.kind);
  p[kItemAtSpare] = 0;
  store_le<uint16_t>(p + kItemAtArgument, item.argument);
  store_le<uint32_t>(p + kItemAtCrc, item.crc);
  store_le<uint32_t>(p + kItemAtPosition, item.position);
  store_le<uint32_t>(p + kItemAtBytes, item.bytes);
  store_le<uint64_t>(p + kItemAtUid, item.uid.value);
  store_le<uint64_t>(p + kItemAtFirst, item.first.value);
  store_le<uint64_t>(p + kItemAtLast, item.last.value);
  store_le<uint64_t>(p + kItemAtTerm, item.term.value);
  store_le<uint64_t>(p + kItemAtVote, item.vote.value);
  store_le<uint64_t>(p + kItemAtExtra, item.extra);
}

Item decode_item(const uint8_t* p) {
  Item item;
  item.kind = static_cast<ItemKind>(p[kItemAtKind]);
  item.argument = load_le<uint16_t>(p + kItemAtArgument);
  item.crc = load_le<uint32_t>(p + kItemAtCrc);
  item.position = load_le<uint32_t>(p + kItemAtPosition);
  item.bytes = load_le<uint32_t>(p + kItemAtBytes);
  item.uid = Uid{load_le<uint64_t>(p + kItemAtUid)};
  item.first = Index{load_le<uint64_t>(p + kItemAtFirst)};
  item.last = Index{load_le<uint64_t>(p + kItemAtLast)};
  item.term = Term{load_le<uint64_t>(p + kItemAtTerm)};
  item.vote = Uid{load_le<uint64_t>(p + kItemAtVote)};
  item.extra = load_le<uint64_t>(p + kItemAtExtra);
  return item;
}

void encode_repeated(const RepeatedItem& item, uint8_t* p) {
  store_le<uint64_t>(p, item.uid.value);
  store_le<uint64_t>(p + 8, item.first.value);
  store_le<uint64_t>(p + 16, item.last.value);
  store_le<uint64_t>(p + 24, item.term.value);
  store_le<uint32_t>(p + 32, item.kinds);
  store_le<uint32_t>(p + 36, 0);
}

RepeatedItem decode_repeated(const uint8_t* p) {
  RepeatedItem item;
  item.uid = Uid{load_le<uint64_t>(p)};
  item.first = Index{load_le<uint64_t>(p + 8)};
  item.last = Index{load_le<uint64_t>(p + 16)};
  item.term = Term{load_le<uint64_t>(p + 24)};
  item.kinds = load_le<uint32_t>(p + 32);
  return item;
}

}  // namespace

void encode_journal_header(const JournalFileHeader& header, MutableByteView out) {
  CHECK(out.size() == kJournalHeaderBytes);
  std::memset(out.data(), 0, out.size());
  uint8_t* p = out.data();
  store_le<uint64_t>(p + kFileAtMagic, kFileMagic);
  store_le<uint32_t>(p + kFileAtVersion, kVersion);
  std::memcpy(p + kFileAtStore, header.store.bytes.data(), header.store.bytes.size());
  store_le<uint64_t>(p + kFileAtSequence, header.sequence);
  store_le<uint64_t>(p + kFileAtSalt, header.salt);
  store_le<uint64_t>(p + kFileAtBootEpoch, header.boot_epoch.value);
  store_le<uint64_t>(p + kFileAtFileBytes, header.file_bytes);
  ByteView page(p, kPageBytes);
  store_le<uint32_t>(p + kFileAtCrc, crc_around(page, kFileAtCrc, 0));
  std::memcpy(p + kPageBytes, p, kPageBytes);
}

bool is_journal_header(ByteView page) {
  auto header = decode_header_page(page, {});
  return header.ok() || header.error().code != Code::kCorruption;
}

Result<JournalFileHeader> decode_journal_header(ByteView bytes, const StoreId& store) {
  if (bytes.size() < kJournalHeaderBytes) {
    return damaged("file of " + std::to_string(bytes.size()) + " bytes has no header");
  }
  auto first = decode_header_page(bytes.first(kPageBytes), store);
  if (first.ok()) return first;
  auto second = decode_header_page(bytes.subspan(kPageBytes, kPageBytes), store);
  return second.ok() ? second : first;
}

void encode_round_head(RoundHead& head, uint64_t salt, MutableByteView out) {
  RoundFixed& f = head.fixed;
  f.item_count = static_cast<uint32_t>(head.items.size());
  f.repeat_count = static_cast<uint32_t>(head.repeat.size());
  f.head_bytes = static_cast<uint32_t>(round_head_bytes(f.item_count, f.repeat_count));
  CHECK(out.size() >= f.head_bytes);
  uint8_t* p = out.data();
  std::memset(p, 0, kRoundFixedBytes);
  uint8_t* at = p + kRoundFixedBytes;
  for (const Item& item : head.items) {
    encode_item(item, at);
    at += kItemBytes;
  }
  for (const RepeatedItem& item : head.repeat) {
    encode_repeated(item, at);
    at += kRepeatedItemBytes;
  }
  uint32_t seed = salt_seed(salt);
  store_le<uint32_t>(p + kAtMagic, kRoundMagic);
  store_le<uint16_t>(p + kAtVersion, kVersion);
  store_le<uint16_t>(p + kAtFlags, f.has_image ? kFlagImage : uint16_t{0});
  store_le<uint64_t>(p + kAtBootEpoch, f.boot_epoch.value);
  store_le<uint64_t>(p + kAtNumber, f.number.value);
  store_le<uint64_t>(p + kAtPrevious, f.previous.value);
  store_le<uint64_t>(p + kAtBeforePrevious, f.before_previous.value);
  store_le<uint64_t>(p + kAtFileSequence, f.file_sequence);
  store_le<uint32_t>(p + kAtHeadBytes, f.head_bytes);
  store_le<uint32_t>(p + kAtPayloadAt, f.payload_at);
  store_le<uint32_t>(p + kAtTotalBytes, f.total_bytes);
  store_le<uint32_t>(p + kAtItemCount, f.item_count);
  store_le<uint32_t>(p + kAtRepeatCount, f.repeat_count);
  ByteView lists(p + kRoundFixedBytes, f.head_bytes - kRoundFixedBytes);
  store_le<uint32_t>(p + kAtListCrc, crc32c(lists, seed));
  store_le<uint32_t>(p + kAtFixedCrc, crc_around({p, kRoundFixedBytes}, kAtFixedCrc, seed));
}

Result<RoundFixed> decode_round_fixed(ByteView page, const JournalFileHeader& file) {
  if (page.size() < kRoundFixedBytes) return damaged("a round cut short");
  const uint8_t* p = page.data();
  if (load_le<uint32_t>(p + kAtMagic) != kRoundMagic ||
      load_le<uint64_t>(p + kAtFileSequence) != file.sequence) {
    return damaged("no round of this file's present use");
  }
  uint32_t crc = crc_around(page.first(kRoundFixedBytes), kAtFixedCrc, salt_seed(file.salt));
  if (crc != load_le<uint32_t>(p + kAtFixedCrc)) return damaged("round head CRC");
  if (uint16_t version = load_le<uint16_t>(p + kAtVersion); version != kVersion) {
    return Error{Code::kUnsupported, "journal: round version " + std::to_string(version) +
                                         ", this build reads " + std::to_string(kVersion)};
  }
  RoundFixed f;
  f.has_image = (load_le<uint16_t>(p + kAtFlags) & kFlagImage) != 0;
  f.boot_epoch = BootEpoch{load_le<uint64_t>(p + kAtBootEpoch)};
  f.number = RoundNumber{load_le<uint64_t>(p + kAtNumber)};
  f.previous = RoundNumber{load_le<uint64_t>(p + kAtPrevious)};
  f.before_previous = RoundNumber{load_le<uint64_t>(p + kAtBeforePrevious)};
  f.file_sequence = file.sequence;
  f.head_bytes = load_le<uint32_t>(p + kAtHeadBytes);
  f.payload_at = load_le<uint32_t>(p + kAtPayloadAt);
  f.total_bytes = load_le<uint32_t>(p + kAtTotalBytes);
  f.item_count = load_le<uint32_t>(p + kAtItemCount);
  f.repeat_count = load_le<uint32_t>(p + kAtRepeatCount);
  bool sane = f.head_bytes == round_head_bytes(f.item_count, f.repeat_count) &&
              f.payload_at >= f.head_bytes && f.total_bytes >= f.payload_at &&
              f.total_bytes % kPageBytes == 0 && f.total_bytes > 0 &&
              f.total_bytes <= kMaxRoundBytes;
  if (!sane) return damaged("round " + std::to_string(f.number.value) + " has impossible lengths");
  bool first = f.previous.value == 0 && f.before_previous.value == 0;
  bool ascending = f.number > f.previous && (first || f.previous > f.before_previous);
  if (!ascending || f.number.value >= kMaxNumber || f.boot_epoch.value >= kMaxNumber) {
    return damaged("round " + std::to_string(f.number.value) + " cannot follow round " +
                   std::to_string(f.previous.value) + " and that one round " +
                   std::to_string(f.before_previous.value));
  }
  return f;
}

Result<RoundHead> decode_round_head(ByteView round, const JournalFileHeader& file) {
  RoundHead head;
  ASSIGN(head.fixed, decode_round_fixed(round, file));
  const RoundFixed& f = head.fixed;
  if (round.size() < f.head_bytes) return damaged("a round head cut short");
  ByteView lists = round.subspan(kRoundFixedBytes, f.head_bytes - kRoundFixedBytes);
  if (crc32c(lists, salt_seed(file.salt)) != load_le<uint32_t>(round.data() + kAtListCrc)) {
    return damaged("lists of round " + std::to_string(f.number.value) + " fail their CRC");
  }
  const uint8_t* at = lists.data();
  head.items.reserve(f.item_count);
  for (uint32_t i = 0; i < f.item_count; ++i, at += kItemBytes) {
    head.items.push_back(decode_item(at));
  }
  head.repeat.reserve(f.repeat_count);
  for (uint32_t i = 0; i < f.repeat_count; ++i, at += kRepeatedItemBytes) {
    head.repeat.push_back(decode_repeated(at));
  }
  return head;
}

std::vector<RepeatedItem> repeat_of(const std::vector<Item>& items) {
  std::map<Uid, RepeatedItem> merged;
  for (const Item& item : items) {
    if (item.kind == ItemKind::kSeal || item.kind == ItemKind::kImageBegin ||
        item.kind == ItemKind::kImageReplica || item.kind == ItemKind::kImageNote) {
      continue;
    }
    RepeatedItem& r = merged[item.uid];
    r.uid = item.uid;
    r.kinds |= 1u << std::min(static_cast<unsigned>(item.kind), kLastKindBit);
    r.term = std::max(r.term, item.term);
    if (item.kind == ItemKind::kEntries || item.kind == ItemKind::kEntriesInSegment) {
      r.first = r.last.value == 0 ? item.first : std::min(r.first, item.first);
      r.last = std::max(r.last, item.last);
    }
  }
  std::vector<RepeatedItem> out;
  out.reserve(merged.size());
  for (const auto& [uid, item] : merged) out.push_back(item);
  return out;
}

ByteView item_payload(const Item& item, const RoundFixed& fixed, ByteView round) {
  uint64_t begin = uint64_t{fixed.payload_at} + item.position;
  if (begin > round.size() || item.bytes > round.size() - begin) return {};
  return round.subspan(begin, item.bytes);
}

std::optional<uint32_t> crc_of_headers(ByteView run) {
  uint32_t crc = 0;
  while (!run.empty()) {
    if (run.size() < kEntryHeaderBytes) return std::nullopt;
    ByteView header = run.first(kEntryHeaderBytes);
    crc = crc32c(header, crc);
    uint64_t whole =
        kEntryHeaderBytes + uint64_t{load_le<uint32_t>(header.data() + kEntryAtBodyBytes)};
    if (whole > run.size()) return std::nullopt;
    ByteView body = run.subspan(kEntryHeaderBytes, whole - kEntryHeaderBytes);
    if (crc32c(body) != load_le<uint32_t>(header.data() + kEntryAtBodyCrc)) return std::nullopt;
    run = run.subspan(whole);
  }
  return crc;
}

bool item_is_whole(const Item& item, const RoundFixed& fixed, ByteView round) {
  if (item.bytes == 0) return true;
  ByteView payload = item_payload(item, fixed, round);
  if (payload.size() != item.bytes) return false;
  if (item.kind == ItemKind::kEntries) {
    auto crc = crc_of_headers(payload);
    return crc && *crc == item.crc;
  }
  return crc32c(payload) == item.crc;
}

bool round_is_whole(const RoundHead& head, ByteView round) {
  return round.size() == head.fixed.total_bytes &&
         std::all_of(head.items.begin(), head.items.end(),
                     [&](const Item& item) { return item_is_whole(item, head.fixed, round); });
}

}  // namespace strandlog::store
