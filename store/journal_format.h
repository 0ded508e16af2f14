// Journal bytes: file headers and round heads, encoded and decoded. Pure functions.
// Every byte: store/format.md, "Journal".
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "store/pages.h"

namespace strandlog::store {

/// Rounds begin after two pages holding the same header: one damaged page loses no file.
constexpr uint64_t kJournalHeaderBytes = 2 * kPageBytes;

/// Says which use of a recycled file this is. `salt` seeds every round head's CRC, so that neither
/// payload nor rounds of an earlier use can pass as rounds of this one.
struct JournalFileHeader {
  StoreId store;
  uint64_t sequence = 0;  ///< order of use of all files, from 1
  uint64_t salt = 0;      ///< random, new at every use
  BootEpoch boot_epoch;   ///< that began this use
  uint64_t file_bytes = 0;
  bool operator==(const JournalFileHeader&) const = default;
};

/// `out` is kJournalHeaderBytes long.
void encode_journal_header(const JournalFileHeader& header, MutableByteView out);
/// Whether one page holds a whole header, of any store.
bool is_journal_header(ByteView page);
/// From the first kJournalHeaderBytes of a file; the first whole copy counts. kCorruption when
/// neither is, kWrongIdentity when it belongs to another store, kUnsupported for a newer version.
Result<JournalFileHeader> decode_journal_header(ByteView bytes, const StoreId& store);

/// Kinds are never reused. An unknown kind puts the replica it names out of service; when it names
/// none, the journal is refused.
enum class ItemKind : uint8_t {
  kEntries = 1,            ///< payload: stored entries first…last; term: of the last
  kHardState = 2,          ///< term, vote
  kTruncation = 3,         ///< first: it and all later entries are dropped
  kConfiguration = 4,      ///< payload: a configuration as of index `first`, not from an entry
  kTrim = 5,               ///< first, term: last entry no longer kept; payload: offset, chain
  kMade = 6,               ///< payload: spec and first configuration
  kLife = 7,               ///< argument: Life
  kInstalledSegments = 8,  ///< payload: log start and segment list of a bulk catch-up
  kNote = 9,               ///< payload: name, value
  kBoot = 10,              ///< first: boot epoch; extra: boot id
  kImageBegin = 11,        ///< first: round the base image shows; last: number of its parts
  kImageReplica = 12,      ///< payload: one replica
  kImageNote = 13,         ///< payload: name, value
  kSeal = 14,              ///< nothing: makes the round before it provable
  kEntriesInSegment = 15,  ///< reserved: entries first…last lie in a segment; payload: where
};

/// One thing a round holds.
struct Item {
  ItemKind kind = ItemKind::kSeal;
  uint16_t argument = 0;
  uint32_t crc = 0;  ///< of the payload; of kEntries: of its entry headers, one after the other
  uint32_t position = 0;  ///< of the payload, from the round's payload_at
  uint32_t bytes = 0;     ///< of the payload
  Uid uid{};              ///< 0: of the whole store
  Index first{}, last{};
  Term term{};
  Uid vote{};
  uint64_t extra = 0;
  bool operator==(const Item&) const = default;
};
constexpr size_t kItemBytes = 64;

/// What the previous round did to one replica, told again in case its head is lost.
struct RepeatedItem {
  Uid uid;
  uint32_t kinds = 0;  ///< bit k: an item of kind k; bit 31: or of a higher one
  Index first, last;   ///< of all its entries
  Term term;           ///< highest named
  bool operator==(const RepeatedItem&) const = default;
};
constexpr size_t kRepeatedItemBytes = 40;

/// The first bytes of a round; they have a CRC of their own, so that a round with damaged lists
/// still proves that it exists.
struct RoundFixed {
  BootEpoch boot_epoch;
  RoundNumber number;
  RoundNumber previous;         ///< the round before it; 0 for the first; its list is repeated here
  RoundNumber before_previous;  ///< the one before that
  uint64_t file_sequence = 0;
  uint32_t head_bytes = 0;   ///< fixed part and both lists
  uint32_t payload_at = 0;   ///< from the round's start
  uint32_t total_bytes = 0;  ///< whole pages
  uint32_t item_count = 0;
  uint32_t repeat_count = 0;
  bool has_image = false;
  bool operator==(const RoundFixed&) const = default;
};
constexpr size_t kRoundFixedBytes = 96;
/// A round longer than this is damage. A base image is the only thing that comes near.
constexpr uint32_t kMaxRoundBytes = 256u << 20;

struct RoundHead {
  RoundFixed fixed;
  std::vector<Item> items;
  std::vector<RepeatedItem> repeat;
};

/// Bytes of a head with so many items.
constexpr uint64_t round_head_bytes(uint64_t items, uint64_t repeated) {
  return kRoundFixedBytes + items * kItemBytes + repeated * kRepeatedItemBytes;
}

/// Writes the head to the front of `out`; sets head_bytes and the counts from the lists.
void encode_round_head(RoundHead& head, uint64_t salt, MutableByteView out);
/// Cheap on pages that are no head. kCorruption when this is no round of the file's present use.
Result<RoundFixed> decode_round_fixed(ByteView page, const JournalFileHeader& file);
/// The whole head; `round` holds at least head_bytes.
Result<RoundHead> decode_round_head(ByteView round, const JournalFileHeader& file);

/// `items` merged per replica, ascending by uid; base image parts and seals are not repeated.
std::vector<RepeatedItem> repeat_of(const std::vector<Item>& items);

/// Whether the item's payload, inside `round`, is there and passes its CRC; of kEntries, every body
/// passes the CRC in its header too.
bool item_is_whole(const Item& item, const RoundFixed& fixed, ByteView round);
/// All of its items are, and it is as long as its head says.
bool round_is_whole(const RoundHead& head, ByteView round);
/// The payload of an item that lies inside `round`; empty when it does not.
ByteView item_payload(const Item& item, const RoundFixed& fixed, ByteView round);
/// CRC of the entry headers of a run, one after the other; none when a length leads outside or a
/// body fails the CRC in its header.
std::optional<uint32_t> crc_of_headers(ByteView run);

}  // namespace strandlog::store
