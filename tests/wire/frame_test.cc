// The frame check refuses every shape that could mislead a reader.
#include "wire/frame.h"

#include <gtest/gtest.h>

#include "base/endian.h"
#include "wire/codec.h"

namespace strandlog::wire {
namespace {

/// A sealed frame around these 32-bit words.
std::vector<uint8_t> frame_of(const std::vector<uint32_t>& words) {
  std::vector<uint8_t> frame(kFrameHeader + words.size() * 4);
  for (size_t i = 0; i < words.size(); ++i) store_le(frame.data() + kFrameHeader + i * 4, words[i]);
  seal_frame(frame);
  return frame;
}

Code code_of(const std::vector<uint8_t>& frame) {
  auto flat = open_frame(frame);
  return flat.ok() ? Code{} : flat.error().code;
}

TEST(Frame, OpensWhatWasSealed) {
  auto frame = frame_of({0, 1, 0, 0});

  auto flat = open_frame(frame);

  ASSERT_TRUE(flat.ok());
  EXPECT_EQ(flat->data(), frame.data() + kFrameHeader);
  EXPECT_EQ(flat->size(), 16u);
}

TEST(Frame, BeginsWithTheFourLettersOfItsVersion) {
  Bytes frame = encode(Request{});
  EXPECT_EQ(frame.text().substr(0, 4), "SLW1");
}

TEST(Frame, RefusesAnotherMagicAsUnsupported) {
  auto frame = frame_of({0, 1, 0, 0});
  frame[3] = '2';
  EXPECT_EQ(code_of(frame), Code::kUnsupported);
}

TEST(Frame, RefusesAWrongChecksum) {
  auto frame = frame_of({0, 1, 0, 0});
  frame[4] ^= 1;
  EXPECT_EQ(code_of(frame), Code::kInvalidArgument);
}

TEST(Frame, RefusesMoreThanTheControlLimit) {
  std::vector<uint8_t> frame(kMaxControlFrame + 8);
  EXPECT_EQ(code_of(frame), Code::kTooLarge);
}

TEST(Frame, RefusesSegmentCountsThatWrapOrExceed) {
  EXPECT_EQ(code_of(frame_of({0xFFFFFFFF, 0, 0, 0})), Code::kInvalidArgument);
  EXPECT_EQ(code_of(frame_of({0xFFFFFFFE, 0, 0, 0})), Code::kInvalidArgument);
  EXPECT_EQ(code_of(frame_of(std::vector<uint32_t>(20, 16))), Code::kInvalidArgument);
  EXPECT_EQ(code_of(frame_of({15, 0, 0, 0})), Code::kInvalidArgument);  // table cut
}

TEST(Frame, RefusesSegmentsThatAreNotExactlyWhatIsThere) {
  EXPECT_EQ(code_of(frame_of({0, 0, 0, 0})), Code::kInvalidArgument);
  EXPECT_EQ(code_of(frame_of({0, 2, 0, 0})), Code::kInvalidArgument);
  EXPECT_EQ(code_of(frame_of({0, 0xFFFFFFFF, 0, 0})), Code::kInvalidArgument);
  EXPECT_EQ(code_of(frame_of({1, 0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 0})), Code::kInvalidArgument);
  EXPECT_EQ(code_of(frame_of({1, 1, 0, 0, 0, 0})), Code{});
}

// ---------------------------------------------------------------------------------------- bombs

/// A pointer to a struct `offset` words after it.
uint64_t struct_pointer(uint32_t offset, uint16_t data, uint16_t pointers) {
  return uint64_t{offset} << 2 | uint64_t{data} << 32 | uint64_t{pointers} << 48;
}
/// A pointer to a list (element kind 7: structs, its tag follows) of `size` words or items.
uint64_t list_pointer(uint32_t offset, uint32_t kind, uint32_t size) {
  return 1 | uint64_t{offset} << 2 | uint64_t{kind} << 32 | uint64_t{size} << 35;
}

std::vector<uint8_t> single_segment(const std::vector<uint64_t>& words) {
  std::vector<uint32_t> halves = {0, static_cast<uint32_t>(words.size())};
  for (uint64_t word : words) {
    halves.push_back(static_cast<uint32_t>(word));
    halves.push_back(static_cast<uint32_t>(word >> 32));
  }
  return frame_of(halves);
}

constexpr uint64_t kConfigurationHead = 6 | 1 << 16;  // root kind 6, version 1

TEST(FrameBomb, AListWithoutBytesBehindItIsRefused) {
  // `voters` claims half a billion items of no size at all: seven words, gigabytes of structs.
  auto frame = single_segment({struct_pointer(0, 1, 3), kConfigurationHead, list_pointer(2, 7, 0),
                               0, 0, uint64_t{0x1FFFFFFF} << 2});
  auto back = decode_configuration(frame);
  ASSERT_FALSE(back.ok());
  EXPECT_EQ(back.error().code, Code::kInvalidArgument);

  // The same with a count the traversal limit would still let through.
  frame = single_segment({struct_pointer(0, 1, 3), kConfigurationHead, list_pointer(2, 7, 0), 0, 0,
                          uint64_t{40} << 2});
  back = decode_configuration(frame);
  ASSERT_FALSE(back.ok());
  EXPECT_EQ(back.error().code, Code::kInvalidArgument);
}

TEST(FrameBomb, AListThatEndsBeyondTheMessageIsRefused) {
  auto frame = single_segment({struct_pointer(0, 1, 3), kConfigurationHead,
                               list_pointer(2, 7, 0x1FFFFFFF), 0, 0, uint64_t{1} << 2});
  EXPECT_EQ(decode_configuration(frame).error().code, Code::kInvalidArgument);
}

TEST(FrameBomb, AVoidListOfAnySizeIsRefused) {
  auto frame = single_segment(
      {struct_pointer(0, 1, 3), kConfigurationHead, list_pointer(2, 0, 0x1FFFFFFF), 0, 0, 0});
  EXPECT_EQ(decode_configuration(frame).error().code, Code::kInvalidArgument);
}

TEST(FrameBomb, AMessageThatPointsIntoItselfEndsAtTheTraversalLimit) {
  // A list of pointers that all lead to the same list of texts: content grows by multiplication.
  constexpr uint32_t kTopics = 2000;
  constexpr uint32_t kTextWords = 4096;
  // Request: four pointers' worth of data is not needed; unknown layout falls back to defaults, so
  // only what the decoder follows matters: root -> body (metadata) -> topics.
  std::vector<uint64_t> words = {struct_pointer(0, 8, 2), 1 | 1 << 16};
  words.resize(words.size() + 7);
  words.push_back(0);                            // client id
  words.push_back(struct_pointer(0, 1, 1));      // body: MetadataRequest
  words.push_back(0);                            // all
  words.push_back(list_pointer(0, 6, kTopics));  // topics
  for (uint32_t i = 0; i < kTopics; ++i)         // every one the same text
    words.push_back(list_pointer(kTopics - 1 - i, 2, kTextWords * 8));
  words.resize(words.size() + kTextWords);

  auto back = decode_request(single_segment(words));

  ASSERT_FALSE(back.ok());
  EXPECT_EQ(back.error().code, Code::kInvalidArgument);
  EXPECT_NE(back.error().text.find("traversal limit"), std::string::npos) << back.error().text;
}

TEST(FrameBomb, AStructThatContainsItselfIsHarmless) {
  // The document's founders lead back to the list they are in.
  auto frame = single_segment(
      {struct_pointer(0, 1, 1), 5 | 1 << 16, struct_pointer(uint32_t(-2) & 0x3FFFFFFF, 1, 1)});
  auto back = decode_founding_document(frame);
  EXPECT_TRUE(back.ok() || back.error().code == Code::kInvalidArgument);
}

TEST(FrameBomb, FarPointersThatLeadInCirclesAreRefused) {
  // Segment 0 holds a far pointer to segment 1, which holds one back to segment 0.
  auto far = [](uint32_t word, uint32_t segment) {
    return std::pair{uint32_t{2} | word << 3, segment};
  };
  auto [a, a_segment] = far(0, 1);
  auto [b, b_segment] = far(0, 0);
  auto frame = frame_of({1, 1, 1, 0, a, a_segment, b, b_segment});
  EXPECT_EQ(decode_configuration(frame).error().code, Code::kInvalidArgument);

  auto [c, c_segment] = far(0, 9);  // a segment that is not there
  frame = frame_of({1, 1, 1, 0, c, c_segment, 0, 0});
  EXPECT_EQ(decode_configuration(frame).error().code, Code::kInvalidArgument);
}

TEST(FrameBomb, CapabilityPointersAreRefused) {
  EXPECT_FALSE(decode_configuration(single_segment({3})).ok());
}

}  // namespace
}  // namespace strandlog::wire
