// Names and header pages of segments.
#include "store/segment_format.h"

#include <gmock/gmock.h>

namespace strandlog::store {
namespace {

SegmentHeader sample() {
  SegmentHeader header;
  header.uid = Uid{12};
  header.group.bytes = {1, 2, 3};
  header.topic_name = "orders";
  header.partition = 4;
  header.first = Index{100};
  header.term = Term{7};
  header.base_offset = Offset{5000};
  header.chain_before = 0x1122334455667788;
  return header;
}

std::vector<uint8_t> page_of(const SegmentHeader& header) {
  std::vector<uint8_t> page(kSegmentHeaderBytes, 0xee);
  encode_segment_header(header, page);
  return page;
}

TEST(SegmentHeader, SurvivesTheRoundTripWithNamesOfEveryLength) {
  for (size_t length : {size_t{0}, size_t{1}, kMaxTopicName}) {
    SegmentHeader header = sample();
    header.topic_name.assign(length, 'n');
    EXPECT_EQ(decode_segment_header(page_of(header)).value(), header);
  }
}

TEST(SegmentHeader, DetectsDamageOfEveryByte) {
  std::vector<uint8_t> page = page_of(sample());
  for (size_t i = 0; i < page.size(); ++i) {
    page[i] ^= 0x10;
    ASSERT_EQ(decode_segment_header(page).error().code, Code::kCorruption) << "byte " << i;
    page[i] ^= 0x10;
  }
  EXPECT_FALSE(decode_segment_header(ByteView(page).first(4095)).ok());
  EXPECT_FALSE(decode_segment_header(std::vector<uint8_t>(kSegmentHeaderBytes)).ok());
}

TEST(SegmentHeader, HasTheBytesOfTheFormatDocument) {
  std::vector<uint8_t> page = page_of(sample());
  EXPECT_EQ(text_of(ByteView(page).first(8)), "segment1");
  EXPECT_EQ(page[12], 1) << "version";
  EXPECT_EQ(page[16], 12) << "uid";
  EXPECT_EQ(page[26], 3) << "group";
  EXPECT_EQ(page[40], 100) << "first index";
  EXPECT_EQ(page[48], 7) << "its term";
  EXPECT_EQ(page[56] | page[57] << 8, 5000) << "base offset";
  EXPECT_EQ(page[64], 0x88) << "chain before";
  EXPECT_EQ(page[72], 4) << "partition";
  EXPECT_EQ(page[76], 6) << "length of the name";
  EXPECT_EQ(text_of(ByteView(page).subspan(80, 6)), "orders");
}

TEST(SegmentName, SortsByFirstIndexAndIsReadBack) {
  SegmentName name{Index{1234567}, Term{89}};
  EXPECT_EQ(segment_file_path(Uid{5}, name), "partitions/5/00000000000001234567-89.seg");
  EXPECT_EQ(parse_segment_file_name(segment_file_name(name)), name);
  SegmentName largest{Index{UINT64_MAX}, Term{UINT64_MAX}};
  EXPECT_EQ(parse_segment_file_name(segment_file_name(largest)), largest);
  EXPECT_LT(segment_file_name({Index{9}, Term{10}}), segment_file_name({Index{10}, Term{9}}));
  for (const char* other : {"", "x", "1-2.seg", "00000000000001234567-89.tmp", ".seg",
                            "00000000000001234567-.seg", "00000000000001234567-089.seg",
                            "0000000000000123456x-89.seg", "99999999999999999999-1.seg"}) {
    EXPECT_FALSE(parse_segment_file_name(other)) << other;
  }
}

}  // namespace
}  // namespace strandlog::store
