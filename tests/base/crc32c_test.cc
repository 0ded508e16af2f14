// CRC32C: published vectors, continuation and combination.
#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace strandlog {
namespace {

std::vector<uint8_t> pattern(size_t size) {
  std::vector<uint8_t> bytes(size);
  uint32_t state = 12345;
  for (uint8_t& b : bytes) {
    state = state * 1664525 + 1013904223;
    b = static_cast<uint8_t>(state >> 24);
  }
  return bytes;
}

// Bit by bit, straight from the definition.
uint32_t slow_crc32c(ByteView bytes) {
  uint32_t r = ~0u;
  for (uint8_t b : bytes) {
    r ^= b;
    for (int bit = 0; bit < 8; ++bit) r = (r & 1) != 0 ? (r >> 1) ^ 0x82f63b78 : r >> 1;
  }
  return ~r;
}

TEST(Crc32c, AgreesWithTheVectorsOfRfc3720) {
  std::array<uint8_t, 32> zeros{}, ones{}, up{}, down{};
  ones.fill(0xff);
  for (uint8_t i = 0; i < 32; ++i) {
    up[i] = i;
    down[i] = static_cast<uint8_t>(31 - i);
  }
  std::array<uint8_t, 48> read_command = {
      0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
      0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};

  EXPECT_EQ(crc32c(zeros), 0x8a9136aau);
  EXPECT_EQ(crc32c(ones), 0x62a8ab43u);
  EXPECT_EQ(crc32c(up), 0x46dd794eu);
  EXPECT_EQ(crc32c(down), 0x113fdb5cu);
  EXPECT_EQ(crc32c(read_command), 0xd9963a56u);
  EXPECT_EQ(crc32c(view_of("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Crc32c, AgreesWithTheDefinitionAtEveryShortLengthAndAlignment) {
  std::vector<uint8_t> bytes = pattern(1100);

  for (size_t start = 0; start < 8; ++start) {
    for (size_t size = 0; size + start <= bytes.size(); size += size < 64 ? 1 : 37) {
      ByteView part = ByteView(bytes).subspan(start, size);
      ASSERT_EQ(crc32c(part), slow_crc32c(part)) << "start " << start << " size " << size;
    }
  }
}

TEST(Crc32c, AgreesWithTheDefinitionAroundTheLaneLengths) {
  std::vector<uint8_t> bytes = pattern(30000);

  for (size_t edge : {256u * 3, 2048u * 3, 2048u * 3 + 256 * 3, 2048u * 6, 2048u * 12}) {
    for (size_t size = edge - 2; size <= edge + 2; ++size) {
      ByteView part = ByteView(bytes).subspan(size % 8, size);
      ASSERT_EQ(crc32c(part), slow_crc32c(part)) << "size " << size;
    }
  }
}

TEST(Crc32c, ContinuesWhereAnEarlierCallStopped) {
  std::vector<uint8_t> bytes = pattern(9000);
  ByteView whole(bytes);
  uint32_t expected = crc32c(whole);

  for (size_t cut = 0; cut <= whole.size(); cut += 61) {
    ASSERT_EQ(crc32c(whole.subspan(cut), crc32c(whole.first(cut))), expected) << "cut at " << cut;
  }
}

TEST(Crc32c, CombinesTwoPartsIntoTheWhole) {
  std::vector<uint8_t> bytes = pattern(70000);
  ByteView whole(bytes);

  for (size_t size = 0; size <= whole.size(); size = size * 5 / 4 + 1) {
    ByteView all = whole.first(size);
    for (size_t cut : {size_t{0}, size / 7, size / 2, size - size / 3, size}) {
      uint32_t a = crc32c(all.first(cut));
      uint32_t b = crc32c(all.subspan(cut));
      ASSERT_EQ(crc32c_combine(a, b, size - cut), crc32c(all)) << size << " cut at " << cut;
    }
  }
}

TEST(Crc32c, CombinesLengthsNobodyCouldReadThrough) {
  // CRCs of A, B and C; together B and C are as long as a 64-bit length can say: grouping must not
  // matter.
  uint32_t a = 0x12345678, b = 0x9abcdef0, c = 0x0fedcba9;
  uint64_t b_bytes = uint64_t{1} << 33, c_bytes = ~b_bytes;

  uint32_t left = crc32c_combine(crc32c_combine(a, b, b_bytes), c, c_bytes);
  uint32_t right = crc32c_combine(a, crc32c_combine(b, c, c_bytes), b_bytes + c_bytes);

  EXPECT_EQ(left, right);
}

}  // namespace
}  // namespace strandlog
