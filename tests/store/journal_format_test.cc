// Journal bytes: what is encoded is decoded again, and golden files keep the format from drifting.
// STRANDLOG_REWRITE=1 writes the golden files anew.
#include "store/journal_format.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/crc32c.h"
#include "store/base_image.h"
#include "tests/store/store_model.h"

namespace strandlog::store {
namespace {

void expect_golden(const std::string& name, ByteView bytes) {
  std::string path = std::string(STRANDLOG_STORE_GOLDEN) + "/" + name + ".bin";
  const char* rewrite = std::getenv("STRANDLOG_REWRITE");
  if (rewrite && std::string(rewrite) == "1") {
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
    ASSERT_TRUE(out.good()) << path;
    return;
  }
  std::ifstream in(path, std::ios::binary);
  ASSERT_TRUE(in.good()) << path << " is missing; STRANDLOG_REWRITE=1 writes it";
  std::string golden((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_TRUE(golden == text_of(bytes)) << name << " changed: old stores cannot be read any more";
}

JournalFileHeader file_header() {
  return {test_store_id(), 7, 0x1122334455667788, BootEpoch{3}, 1u << 20};
}

RoundHead round_head(std::vector<Item> items, uint32_t payload_bytes) {
  RoundHead head;
  head.items = std::move(items);
  head.repeat = {{Uid{4}, 2, Index{10}, Index{12}, Term{3}}, {Uid{5}, 4, {}, {}, Term{9}}};
  head.fixed.boot_epoch = BootEpoch{3};
  head.fixed.number = RoundNumber{42};
  head.fixed.previous = RoundNumber{41};
  head.fixed.before_previous = RoundNumber{39};
  head.fixed.file_sequence = 7;
  uint64_t bytes = round_head_bytes(head.items.size(), head.repeat.size());
  head.fixed.payload_at = static_cast<uint32_t>((bytes + 63) / 64 * 64);
  head.fixed.total_bytes = static_cast<uint32_t>(page_up(head.fixed.payload_at + payload_bytes));
  return head;
}

std::vector<uint8_t> entry_bytes() {
  std::vector<uint8_t> entry(kEntryHeaderBytes);
  EntryHeader h;
  h.kind = EntryKind::kConfiguration;
  h.index = Index{13};
  h.term = Term{3};
  h.base_offset = Offset{77};
  h.append_time_ms = 1'700'000'000'000;
  h.body_bytes = 6;
  h.body_crc = crc32c(view_of("voters"));
  h.chain = chain_after(1, h);
  encode_entry_header(h, test_spec(4).group,
                      std::span<uint8_t, kEntryHeaderBytes>(entry.data(), kEntryHeaderBytes));
  entry.insert(entry.end(), {'v', 'o', 't', 'e', 'r', 's'});
  return entry;
}

std::vector<uint8_t> encode_round(RoundHead& head, ByteView payload) {
  std::vector<uint8_t> bytes(head.fixed.total_bytes);
  encode_round_head(head, file_header().salt, bytes);
  if (!payload.empty()) {
    std::memcpy(bytes.data() + head.fixed.payload_at, payload.data(), payload.size());
  }
  return bytes;
}

TEST(JournalFormat, FileHeaderSurvivesTheLossOfEitherCopy) {
  std::vector<uint8_t> bytes(kJournalHeaderBytes);
  encode_journal_header(file_header(), bytes);
  expect_golden("journal_file_header", bytes);
  for (size_t lost : {size_t{0}, static_cast<size_t>(kPageBytes)}) {
    auto damaged = bytes;
    damaged[lost + 40] ^= 1;
    auto header = decode_journal_header(damaged, test_store_id());
    ASSERT_TRUE(header.ok());
    EXPECT_EQ(*header, file_header());
  }
  bytes[40] ^= 1;
  bytes[kPageBytes + 4095] ^= 1;
  EXPECT_EQ(decode_journal_header(bytes, test_store_id()).error().code, Code::kCorruption);
}

TEST(JournalFormat, FileHeaderOfAnotherStoreIsRefused) {
  std::vector<uint8_t> bytes(kJournalHeaderBytes);
  encode_journal_header(file_header(), bytes);
  EXPECT_EQ(decode_journal_header(bytes, StoreId{}).error().code, Code::kWrongIdentity);
}

TEST(JournalFormat, RoundComesBackAndEveryFlippedByteOfItsHeadIsNoticed) {
  auto entry = entry_bytes();
  Item run{.kind = ItemKind::kEntries, .uid = Uid{4}};
  run.first = run.last = Index{13};
  run.term = Term{3};
  run.bytes = static_cast<uint32_t>(entry.size());
  run.crc = *crc_of_headers(entry);
  Item vote{.kind = ItemKind::kHardState, .uid = Uid{5}, .term = Term{10}, .vote = Uid{6}};
  RoundHead head = round_head({run, vote}, run.bytes);
  auto bytes = encode_round(head, entry);
  expect_golden("journal_round", bytes);

  auto decoded = decode_round_head(bytes, file_header());

  ASSERT_TRUE(decoded.ok()) << decoded.error().text;
  EXPECT_EQ(decoded->fixed, head.fixed);
  EXPECT_EQ(decoded->items, head.items);
  EXPECT_EQ(decoded->repeat, head.repeat);
  EXPECT_TRUE(item_is_whole(decoded->items[0], decoded->fixed, bytes));
  for (size_t i = 0; i < head.fixed.head_bytes; ++i) {
    auto damaged = bytes;
    damaged[i] ^= 0x10;
    EXPECT_FALSE(decode_round_head(damaged, file_header()).ok()) << "byte " << i;
  }
  for (size_t i = 0; i < entry.size(); ++i) {
    auto damaged = bytes;
    damaged[head.fixed.payload_at + i] ^= 0x10;
    EXPECT_FALSE(item_is_whole(decoded->items[0], decoded->fixed, damaged)) << "byte " << i;
  }
}

TEST(JournalFormat, RoundOfAnotherUseOfTheFileIsNone) {
  RoundHead head = round_head({{.kind = ItemKind::kSeal}}, 0);
  auto bytes = encode_round(head, {});
  JournalFileHeader other_salt = file_header();
  other_salt.salt ^= 1;
  JournalFileHeader other_sequence = file_header();
  ++other_sequence.sequence;
  EXPECT_TRUE(decode_round_fixed(bytes, file_header()).ok());
  EXPECT_FALSE(decode_round_fixed(bytes, other_salt).ok());
  EXPECT_FALSE(decode_round_fixed(bytes, other_sequence).ok());
}

TEST(JournalFormat, RepeatMergesWhatARoundDidToEachReplica) {
  Item first{.kind = ItemKind::kEntries, .uid = Uid{2}, .first = Index{5}, .last = Index{6}};
  Item vote{.kind = ItemKind::kHardState, .uid = Uid{2}, .term = Term{4}};
  Item other{.kind = ItemKind::kTruncation, .uid = Uid{1}, .first = Index{3}};
  Item more{.kind = ItemKind::kEntries, .uid = Uid{2}, .first = Index{7}, .last = Index{9}};
  Item seal{.kind = ItemKind::kSeal};
  auto repeat = repeat_of({first, vote, other, more, seal});
  ASSERT_EQ(repeat.size(), 2u);
  EXPECT_EQ(repeat[0], (RepeatedItem{Uid{1}, 1u << 3, {}, {}, {}}));
  EXPECT_EQ(repeat[1], (RepeatedItem{Uid{2}, 1u << 1 | 1u << 2, Index{5}, Index{9}, Term{4}}));
}

ImageReplica image_replica() {
  ImageReplica image;
  ReplicaState& s = image.state;
  s.spec = test_spec(4);
  s.life = Life::kLive;
  s.term = Term{6};
  s.vote = Uid{5};
  s.start = {Index{10}, Term{2}, Offset{50}, 0xabcdef};
  s.terms = {{Index{11}, Term{3}}, {Index{15}, Term{6}}};
  s.last = Index{20};
  s.next_offset = Offset{99};
  s.chain = 0x1234;
  s.last_append_time_ms = 1'700'000'000'001;
  s.bytes = 4711;
  image.state.configurations = {{Index{0}, Bytes::copy("one")}, {Index{13}, Bytes::copy("two")}};
  image.segments = {
      {Index{11}, Term{3}, Offset{50}, {Index{14}, Term{3}, Offset{80}, 7, 8}, 9000, 4000}};
  return image;
}

TEST(BaseImage, ReplicaComesBack) {
  ImageReplica image = image_replica();
  auto bytes = encode_image_replica(image);
  expect_golden("base_image_replica", bytes);

  auto decoded = decode_image_replica(bytes);

  ASSERT_TRUE(decoded.ok()) << decoded.error().text;
  EXPECT_EQ(decoded->state.spec, image.state.spec);
  EXPECT_EQ(decoded->state.life, image.state.life);
  EXPECT_EQ(decoded->state.term, image.state.term);
  EXPECT_EQ(decoded->state.vote, image.state.vote);
  EXPECT_EQ(decoded->state.start, image.state.start);
  EXPECT_EQ(decoded->state.terms, image.state.terms);
  EXPECT_EQ(decoded->state.last, image.state.last);
  EXPECT_EQ(decoded->state.next_offset, image.state.next_offset);
  EXPECT_EQ(decoded->state.chain, image.state.chain);
  EXPECT_EQ(decoded->state.bytes, image.state.bytes);
  EXPECT_FALSE(decoded->state.fault);
  EXPECT_EQ(decoded->segments, image.segments);
  ASSERT_EQ(decoded->state.configurations.size(), 2u);
  EXPECT_EQ(decoded->state.configurations[1].value.text(), "two");
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_image_replica(ByteView(bytes).first(cut)).ok()) << cut;
  }
}

TEST(BaseImage, KeepsAFault) {
  ImageReplica image = image_replica();
  image.state.fault = "rot";
  auto decoded = decode_image_replica(encode_image_replica(image));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->state.fault, "rot");
}

TEST(JournalFormat, SmallPayloadsComeBack) {
  auto made = decode_made(encode_made(test_spec(3), view_of("configuration")));
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->spec, test_spec(3));
  EXPECT_EQ(made->configuration.text(), "configuration");
  auto note = decode_note(encode_note("name", view_of("value")));
  ASSERT_TRUE(note.ok());
  EXPECT_EQ(note->first, "name");
  EXPECT_EQ(note->second.text(), "value");
  auto trim = decode_trim(encode_trim(Offset{5}, 6));
  ASSERT_TRUE(trim.ok());
  EXPECT_EQ(trim->first, Offset{5});
  EXPECT_EQ(trim->second, 6u);
  EXPECT_FALSE(decode_made({}).ok());
  EXPECT_FALSE(decode_note(view_of("abc")).ok());
}

// Reserved: nothing writes it, every build reads it.
TEST(JournalFormat, EntriesInASegmentAreReadFromThere) {
  auto entry = entry_bytes();
  SegmentPlace place{Index{11}, Term{3}, 8192, entry.size(), *crc_of_headers(entry)};
  auto payload = encode_segment_place(place);
  Item item{.kind = ItemKind::kEntriesInSegment, .uid = Uid{4}};
  item.first = item.last = Index{13};
  item.term = Term{3};
  item.bytes = static_cast<uint32_t>(payload.size());
  item.crc = crc32c(payload);
  RoundHead head = round_head({item}, item.bytes);
  auto bytes = encode_round(head, payload);
  expect_golden("journal_round_entries_in_segment", bytes);
  auto decoded = decode_round_head(bytes, file_header());
  ASSERT_TRUE(decoded.ok());
  ASSERT_TRUE(item_is_whole(decoded->items[0], decoded->fixed, bytes));
  auto again = decode_segment_place(item_payload(decoded->items[0], decoded->fixed, bytes));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, place);
}

}  // namespace
}  // namespace strandlog::store
