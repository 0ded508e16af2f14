// Compression: round trips, damage, concatenated frames and bounds, for every codec.
#include "base/compression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace strandlog {
namespace {

using testing::HasSubstr;
using ByteVector = std::vector<uint8_t>;

constexpr size_t kMiB = size_t{1} << 20;

// Text that repeats itself now and then, the same every time.
ByteVector sample(size_t size) {
  ByteVector bytes;
  uint32_t state = 7;
  while (bytes.size() < size) {
    state = state * 1664525 + 1013904223;
    std::string word = "tide" + std::to_string(state >> 20) + " ";
    bytes.insert(bytes.end(), word.begin(), word.end());
  }
  bytes.resize(size);
  return bytes;
}

ByteVector packed_by(Codec codec, ByteView raw) {
  auto packed = compress(codec, raw);
  EXPECT_TRUE(packed.ok());
  return packed.ok() ? *packed : ByteVector{};
}

ByteVector joined(ByteVector a, const ByteVector& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class EveryCodec : public testing::TestWithParam<Codec> {};
class FramedCodec : public testing::TestWithParam<Codec> {};

std::string name_of(const testing::TestParamInfo<Codec>& info) {
  return std::string(codec_name(info.param));
}
INSTANTIATE_TEST_SUITE_P(Compression, EveryCodec,
                         testing::Values(Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4,
                                         Codec::kZstd),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Compression, FramedCodec,
                         testing::Values(Codec::kGzip, Codec::kLz4, Codec::kZstd), name_of);

TEST_P(EveryCodec, ReturnsWhatWasCompressed) {
  for (size_t size : {0u, 1u, 100u, 32768u, 32769u, 65536u, 65537u, 1000000u}) {
    ByteVector raw = sample(size);

    auto back = decompress(GetParam(), packed_by(GetParam(), raw), size);

    ASSERT_TRUE(back.ok()) << size << ": " << back.error().text;
    ASSERT_TRUE(*back == raw) << size;
  }
}

TEST_P(EveryCodec, RefusesOneByteMoreThanTheBound) {
  for (size_t size : {1u, 4096u, 70000u}) {
    auto back = decompress(GetParam(), packed_by(GetParam(), sample(size)), size - 1);

    ASSERT_FALSE(back.ok()) << size;
    EXPECT_EQ(back.error().code, Code::kTooLarge);
    EXPECT_THAT(back.error().text, HasSubstr(std::to_string(size - 1)));
  }
}

TEST_P(EveryCodec, StopsABombAtTheBound) {
  ByteVector packed = packed_by(GetParam(), ByteVector(16 * kMiB));

  auto back = decompress(GetParam(), packed, kMiB);

  ASSERT_FALSE(back.ok());
  EXPECT_EQ(back.error().code, Code::kTooLarge);
}

TEST_P(FramedCodec, RefusesDataCutShortAnywhere) {
  ByteVector packed = packed_by(GetParam(), sample(3000));

  for (size_t size = 0; size < packed.size(); ++size) {
    auto back = decompress(GetParam(), ByteView(packed).first(size), kMiB);
    ASSERT_FALSE(back.ok()) << size << " of " << packed.size();
    ASSERT_EQ(back.error().code, Code::kCorruptBatch) << size;
  }
}

TEST_P(FramedCodec, RefusesBytesAfterTheLastFrame) {
  auto back = decompress(GetParam(), joined(packed_by(GetParam(), sample(3000)), {'x'}), kMiB);

  ASSERT_FALSE(back.ok());
  EXPECT_EQ(back.error().code, Code::kCorruptBatch);
}

TEST_P(FramedCodec, ReadsFramesOneAfterAnother) {
  ByteVector a = sample(70000), b = sample(10);
  ByteVector packed = joined(packed_by(GetParam(), a), packed_by(GetParam(), {}));
  packed = joined(packed, packed_by(GetParam(), b));

  auto back = decompress(GetParam(), packed, kMiB);

  ASSERT_TRUE(back.ok()) << back.error().text;
  EXPECT_TRUE(*back == joined(a, b));
}

TEST_P(FramedCodec, CountsAllFramesAgainstTheBound) {
  ByteVector one = packed_by(GetParam(), sample(5000));

  auto back = decompress(GetParam(), joined(one, one), 9999);

  ASSERT_FALSE(back.ok());
  EXPECT_EQ(back.error().code, Code::kTooLarge);
}

TEST_P(EveryCodec, SurvivesEverySingleFlippedBit) {
  ByteVector packed = packed_by(GetParam(), sample(400));

  for (size_t bit = 0; bit < packed.size() * 8; ++bit) {
    packed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    auto back = decompress(GetParam(), packed, 8192);
    if (back.ok()) {  // nothing here promises to notice
      ASSERT_LE(back->size(), 8192u);
    }
    packed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
}

TEST(SnappyFraming, WritesXerialBlocksOfAtMost32KiB) {
  ByteVector packed = packed_by(Codec::kSnappy, sample(40000));

  ByteVector header(packed.begin(), packed.begin() + 16);
  EXPECT_EQ(header, (ByteVector{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1}));
  size_t first = size_t{packed[18]} << 8 | packed[19];
  ByteVector length(packed.begin() + 20, packed.begin() + 23);
  EXPECT_EQ(length, (ByteVector{0x80, 0x80, 0x02})) << "32768 as the first block's raw length";
  size_t second = 20 + first;
  ASSERT_LT(second + 4, packed.size());
  EXPECT_EQ(packed.size(), second + 4 + (size_t{packed[second + 2]} << 8 | packed[second + 3]));
}

TEST(SnappyFraming, IsOptionalForTheReader) {
  ByteVector plain = {5, 4 << 2, 'h', 'e', 'l', 'l', 'o'};  // length 5, a literal of 5 bytes

  auto back = decompress(Codec::kSnappy, plain, 5);

  ASSERT_TRUE(back.ok()) << back.error().text;
  EXPECT_EQ(text_of(*back), "hello");
}

TEST(SnappyFraming, RefusesWhatIsCutOrFalse) {
  ByteVector good = packed_by(Codec::kSnappy, sample(100));
  ByteVector newer = good;
  newer[15] = 2;
  ByteVector lying = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,    0,    0,    0,    1, 0,
                      0,    0,   1,   0,   0,   0,   6,   0xff, 0xff, 0xff, 0x0f, 0, 'x'};

  for (size_t size = 0; size < good.size(); ++size) {
    auto back = decompress(Codec::kSnappy, ByteView(good).first(size), kMiB);
    if (size == 16) continue;  // no block at all is an empty stream
    ASSERT_FALSE(back.ok()) << size;
    ASSERT_EQ(back.error().code, Code::kCorruptBatch) << size;
  }
  EXPECT_THAT(decompress(Codec::kSnappy, newer, kMiB).error().text, HasSubstr("version 2"));
  EXPECT_THAT(decompress(Codec::kSnappy, lying, 1024 * kMiB).error().text,
              HasSubstr("false length"));
}

// A reader of zstd must hold a whole window in memory, and the frame alone says how large it is.
TEST(Zstd, RefusesAFrameWhoseWindowIsFarBeyondTheBound) {
  auto frame = [](int window_log) {
    auto window = static_cast<uint8_t>((window_log - 10) << 3);
    return std::vector<uint8_t>{0x28, 0xb5, 0x2f, 0xfd, 0x00, window, 0x09, 0x00, 0x00, 'x'};
  };
  EXPECT_TRUE(decompress(Codec::kZstd, frame(23), 1000).ok());
  auto refused = decompress(Codec::kZstd, frame(27), 1000);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kTooLarge);
  EXPECT_TRUE(decompress(Codec::kZstd, frame(27), size_t{64} << 20).ok());
}

TEST(Compression, RefusesACodecItDoesNotKnow) {
  Codec unknown = static_cast<Codec>(5);

  EXPECT_EQ(compress(unknown, {}).error().code, Code::kUnsupported);
  EXPECT_EQ(decompress(unknown, {}, 1).error().code, Code::kUnsupported);
}

}  // namespace
}  // namespace strandlog
