// Entries: fixed bytes, the chain, and refusal of every kind of damage.
#include "base/entry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "base/endian.h"

namespace strandlog {
namespace {

using testing::HasSubstr;

GroupId group(uint8_t first) {
  GroupId id;
  for (size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<uint8_t>(first + i);
  return id;
}

EntryHeader example_header() {
  EntryHeader h;
  h.kind = EntryKind::kData;
  h.flags = EntryHeader::kSkippable;
  h.body_bytes = 11;
  h.body_crc = crc32c(view_of("hello entry"));
  h.record_count = 3;
  h.index = Index{0x0102030405060708};
  h.term = Term{9};
  h.base_offset = Offset{1000};
  h.append_time_ms = 1700000000123;
  h.chain = chain_after(42, h);
  return h;
}

std::vector<uint8_t> stored(const EntryHeader& header, std::string_view body,
                            const GroupId& owner) {
  std::vector<uint8_t> bytes(kEntryHeaderBytes);
  encode_entry_header(header, owner, std::span<uint8_t, kEntryHeaderBytes>(bytes));
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

// Gives hand-made header bytes a valid CRC, so that a later check is the one that refuses.
void seal(std::vector<uint8_t>& bytes, const GroupId& owner) {
  store_le<uint32_t>(bytes.data() + 8, 0);
  uint32_t crc = crc32c(ByteView(bytes).first(kEntryHeaderBytes), crc32c(owner.bytes));
  store_le<uint32_t>(bytes.data() + 8, crc);
}

std::string hex(ByteView bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (uint8_t b : bytes) {
    out.push_back(kHex[b >> 4]);
    out.push_back(kHex[b & 15]);
  }
  return out;
}

TEST(Entry, KeepsItsGoldenBytes) {
  std::vector<uint8_t> bytes = stored(example_header(), "hello entry", group(1));

  EXPECT_EQ(hex(bytes),
            "534c01010100000064fbf9fd0b000000"
            "396f085e030000000807060504030201"
            "0900000000000000e803000000000000"
            "7b68e5cf8b0100007e173199c7e695d1"
            "68656c6c6f20656e747279");
}

TEST(Entry, ReturnsWhatWasEncoded) {
  std::vector<uint8_t> bytes = stored(example_header(), "hello entry", group(1));
  bytes.push_back(0x77);  // the next entry of the run

  auto entry = decode_entry(bytes, group(1));

  ASSERT_TRUE(entry.ok()) << entry.error().text;
  EXPECT_EQ(entry->header, example_header());
  EXPECT_EQ(text_of(entry->body), "hello entry");
  EXPECT_EQ(entry->whole.size(), bytes.size() - 1);
  EXPECT_EQ(entry->header.next_offset(), Offset{1003});
}

TEST(Entry, DetectsEverySingleFlippedBit) {
  std::vector<uint8_t> bytes = stored(example_header(), "hello entry", group(1));

  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    auto entry = decode_entry(bytes, group(1));
    ASSERT_FALSE(entry.ok()) << "bit " << bit;
    ASSERT_EQ(entry.error().code, Code::kCorruption);
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
}

TEST(Entry, RefusesAnotherGroupsEntry) {
  std::vector<uint8_t> bytes = stored(example_header(), "hello entry", group(1));

  auto entry = decode_entry(bytes, group(2));

  ASSERT_FALSE(entry.ok());
  EXPECT_THAT(entry.error().text, HasSubstr(group(2).text()));
}

TEST(Entry, RefusesARunCutShortAnywhere) {
  std::vector<uint8_t> bytes = stored(example_header(), "hello entry", group(1));

  for (size_t size = 0; size < bytes.size(); ++size) {
    auto entry = decode_entry(ByteView(bytes).first(size), group(1));
    ASSERT_FALSE(entry.ok()) << size << " bytes";
    ASSERT_EQ(entry.error().code, Code::kCorruption);
  }
}

TEST(Entry, RefusesHeadersThatOnlyTheirCrcSpeaksFor) {
  struct Row {
    size_t at;
    uint32_t value;
    size_t width;
    const char* reason;
  };
  const Row kRows[] = {
      {0, 0x4c54, 2, "magic"},
      {2, 2, 1, "version 2"},
      {3, 0, 1, "kind 0"},
      {6, 1, 2, "spare"},
      {12, kMaxEntryBytes - kEntryHeaderBytes + 1, 4, "at most 67108800"},
  };
  for (const Row& row : kRows) {
    std::vector<uint8_t> bytes = stored(example_header(), "hello entry", group(1));
    for (size_t i = 0; i < row.width; ++i) {
      bytes[row.at + i] = static_cast<uint8_t>(row.value >> (8 * i));
    }
    seal(bytes, group(1));

    auto header = decode_entry_header(bytes, group(1));

    ASSERT_FALSE(header.ok()) << row.reason;
    EXPECT_EQ(header.error().code, Code::kCorruption);
    EXPECT_THAT(header.error().text, HasSubstr(row.reason));
  }
}

TEST(Entry, LeavesAnUnknownKindToTheCaller) {
  EntryHeader header = example_header();
  header.kind = static_cast<EntryKind>(200);

  auto entry = decode_entry(stored(header, "hello entry", group(1)), group(1));

  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(static_cast<int>(entry->header.kind), 200);
}

TEST(Entry, AcceptsAnEmptyBody) {
  EntryHeader header;
  header.index = Index{1};

  auto entry = decode_entry(stored(header, "", group(1)), group(1));

  ASSERT_TRUE(entry.ok());
  EXPECT_TRUE(entry->body.empty());
}

TEST(EntryChain, KeepsItsGoldenValue) {
  EXPECT_EQ(chain_after(0, EntryHeader{}), 0x66f06c070738caacu);
  EXPECT_EQ(example_header().chain, 0xd195e6c79931177eu);
}

TEST(EntryChain, DependsOnThePreviousChainAndOnEveryField) {
  EntryHeader h = example_header();
  std::set<uint64_t> seen = {chain_after(1, h), chain_after(2, h)};
  auto add = [&](auto change) {
    EntryHeader other = h;
    change(other);
    seen.insert(chain_after(1, other));
  };
  add([](EntryHeader& o) { o.kind = EntryKind::kTrim; });
  add([](EntryHeader& o) { o.flags ^= 1; });
  add([](EntryHeader& o) { o.body_bytes ^= 1; });
  add([](EntryHeader& o) { o.body_crc ^= 1; });
  add([](EntryHeader& o) { o.record_count ^= 1; });
  add([](EntryHeader& o) { o.index.value ^= 1; });
  add([](EntryHeader& o) { o.term.value ^= 1; });
  add([](EntryHeader& o) { o.base_offset.value ^= 1; });
  add([](EntryHeader& o) { o.append_time_ms ^= 1; });

  EXPECT_EQ(seen.size(), 11u);
}

TEST(EntryChain, IgnoresItsOwnField) {
  EntryHeader h = example_header();
  EntryHeader other = h;
  other.chain = 7;

  EXPECT_EQ(chain_after(1, h), chain_after(1, other));
}

TEST(EntryChain, SpreadsAOneBitChangeOverTheWord) {
  EntryHeader h = example_header();

  for (int bit = 0; bit < 64; ++bit) {
    EntryHeader other = h;
    other.append_time_ms ^= int64_t{1} << (bit % 63);
    int changed = std::popcount(chain_after(uint64_t{1} << bit, h) ^ chain_after(0, h));
    EXPECT_GT(changed, 12) << "previous chain, bit " << bit;
    EXPECT_NE(chain_after(0, h), chain_after(0, other));
  }
}

}  // namespace
}  // namespace strandlog
