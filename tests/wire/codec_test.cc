// Every struct survives the codec; nothing that is not a whole, honest frame does.
#include "wire/codec.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/wire/samples.h"
#include "wire/frame.h"

namespace strandlog::wire {
namespace {

template <class T, class Decode>
void expect_round_trip(const std::vector<T>& samples, Decode decode) {
  for (size_t i = 0; i < samples.size(); ++i) {
    Bytes frame = encode(samples[i]);
    auto back = decode(frame);
    ASSERT_TRUE(back.ok()) << "sample " << i << ": " << back.error().text;
    EXPECT_EQ(*back, samples[i]) << "sample " << i;
  }
}

TEST(Codec, EveryStructComesBackAsItWas) {
  expect_round_trip(sample_requests(), decode_request);
  expect_round_trip(sample_answers(), decode_answer);
  expect_round_trip(sample_peer_messages(), decode_peer_message);
  expect_round_trip(sample_commands(), decode_command);
  expect_round_trip(sample_catalog_rows(), decode_catalog_row);
  expect_round_trip(sample_documents(), decode_founding_document);
  expect_round_trip(sample_configurations(), decode_configuration);
  expect_round_trip(sample_remembered_stores(), decode_remembered_stores);
}

TEST(Codec, ReadsFramesAtAnyAlignment) {
  PeerMessage message = sample_peer_messages().back();
  Bytes frame = encode(message);

  for (size_t shift = 0; shift < 8; ++shift) {
    std::string memory(shift, 'x');
    memory += frame.text();

    auto back = decode_peer_message(view_of(memory).subspan(shift));

    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, message);
  }
}

TEST(Codec, CarriesAFullTurnOfRaftMessages) {
  PeerMessage message = sample_peer_messages().back();
  message.raft.assign(kRaftMessagesPerFrame, message.raft.front());
  message.leaders.assign(kLeaderNoticesPerFrame, message.leaders.front());
  message.replicas.assign(kReplicaReportsPerFrame, message.replicas.front());

  Bytes frame = encode(message);
  auto back = decode_peer_message(frame);

  EXPECT_LE(frame.size(), kMaxControlFrame);
  ASSERT_TRUE(back.ok()) << back.error().text;
  EXPECT_EQ(*back, message);
}

TEST(Codec, RefusesEveryOtherRoot) {
  Bytes request = encode(Request{});

  EXPECT_TRUE(decode_request(request).ok());
  EXPECT_EQ(decode_answer(request).error().code, Code::kInvalidArgument);
  EXPECT_EQ(decode_peer_message(request).error().code, Code::kInvalidArgument);
  EXPECT_EQ(decode_command(request).error().code, Code::kInvalidArgument);
  EXPECT_EQ(decode_catalog_row(request).error().code, Code::kInvalidArgument);
  EXPECT_EQ(decode_founding_document(request).error().code, Code::kInvalidArgument);
  EXPECT_EQ(decode_configuration(request).error().code, Code::kInvalidArgument);
  EXPECT_EQ(decode_remembered_stores(request).error().code, Code::kInvalidArgument);
}

TEST(Codec, RefusesAnotherWireVersion) {
  PeerMessage message;
  message.version = kWireVersion + 1;

  auto back = decode_peer_message(encode(message));

  ASSERT_FALSE(back.ok());
  EXPECT_EQ(back.error().code, Code::kUnsupported);
}

TEST(Codec, RefusesUnknownKindsAsUnsupported) {
  PeerMessage message;
  message.raft.resize(1);
  message.raft[0].kind = static_cast<RaftMessage::Kind>(8);
  EXPECT_EQ(decode_peer_message(encode(message)).error().code, Code::kUnsupported);

  Answer answer;
  answer.error = WireError{};
  answer.error->code = static_cast<Code>(0);
  EXPECT_EQ(decode_answer(encode(answer)).error().code, Code::kUnsupported);
  answer.error->code = static_cast<Code>(26);
  EXPECT_EQ(decode_answer(encode(answer)).error().code, Code::kUnsupported);

  FoundRequest found;
  found.step = static_cast<FoundRequest::Step>(3);
  Request request;
  request.body = found;
  EXPECT_EQ(decode_request(encode(request)).error().code, Code::kUnsupported);
}

TEST(Codec, RefusesTextAndListsOverTheirLimits) {
  Request request;
  request.client_id = std::string(65536, 'x');
  EXPECT_TRUE(decode_request(encode(request)).ok());
  request.client_id.push_back('x');
  EXPECT_EQ(decode_request(encode(request)).error().code, Code::kInvalidArgument);

  Request many;
  many.body = MetadataRequest{std::vector<std::string>(65537, ""), false};
  EXPECT_EQ(decode_request(encode(many)).error().code, Code::kInvalidArgument);
  many.body = MetadataRequest{std::vector<std::string>(65000, std::string(60, 'x')), false};
  EXPECT_EQ(decode_request(encode(many)).error().code, Code::kTooLarge);
  many.body = MetadataRequest{std::vector<std::string>(65536, ""), false};
  auto back = decode_request(encode(many));
  ASSERT_TRUE(back.ok()) << back.error().text;
  EXPECT_EQ(*back, many);
}

TEST(Codec, AnAnswerThatDoesNotFitBecomesAnErrorThatDoes) {
  Answer answer;
  answer.id = 5;
  ProduceAnswer::Item item;
  item.error = WireError{Code::kBusy, std::string(100, 'x'), {}, {}};
  answer.body = ProduceAnswer{std::vector<ProduceAnswer::Item>(40000, item)};

  auto back = decode_answer(encode(answer));

  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->id, 5u);
  ASSERT_TRUE(back->error.has_value());
  EXPECT_EQ(back->error->code, Code::kTooLarge);
}

// ------------------------------------------------------------------------------- broken frames

/// All sample frames, whatever their root.
std::vector<Bytes> all_frames() {
  std::vector<Bytes> frames;
  auto add = [&](const auto& samples) {
    for (const auto& sample : samples) frames.push_back(encode(sample));
  };
  add(sample_requests());
  add(sample_answers());
  add(sample_peer_messages());
  add(sample_commands());
  add(sample_catalog_rows());
  add(sample_documents());
  add(sample_configurations());
  add(sample_remembered_stores());
  return frames;
}

/// Feeds `frame` to every decoder; what one accepts must survive another round.
size_t accepted_by(ByteView frame) {
  size_t accepted = 0;
  auto feed = [&](auto decode) {
    auto value = decode(frame);
    if (!value.ok()) return;
    ++accepted;
    auto again = decode(encode(*value));
    EXPECT_TRUE(again.ok() && *again == *value);
  };
  feed(decode_request);
  feed(decode_answer);
  feed(decode_peer_message);
  feed(decode_command);
  feed(decode_catalog_row);
  feed(decode_founding_document);
  feed(decode_configuration);
  feed(decode_remembered_stores);
  return accepted;
}

TEST(CodecBroken, NoTruncationIsAccepted) {
  for (const Bytes& frame : all_frames())
    for (size_t size = 0; size < frame.size(); ++size)
      EXPECT_EQ(accepted_by(frame.view().first(size)), 0u) << size << " of " << frame.size();
}

TEST(CodecBroken, NoTruncationIsAcceptedEvenWithAChecksumOfItsOwn) {
  for (const Bytes& frame : all_frames()) {
    for (size_t size = kFrameHeader; size < frame.size(); ++size) {
      std::vector<uint8_t> cut(frame.data(), frame.data() + size);
      seal_frame(cut);
      EXPECT_EQ(accepted_by(cut), 0u) << size << " of " << frame.size();
    }
  }
}

TEST(CodecBroken, AFlippedBitIsNeverAccepted) {
  Bytes frame = encode(sample_peer_messages().back());
  std::vector<uint8_t> damaged(frame.data(), frame.data() + frame.size());
  for (size_t bit = 0; bit < damaged.size() * 8; ++bit) {
    auto mask = static_cast<uint8_t>(1u << (bit % 8));
    damaged[bit / 8] ^= mask;
    EXPECT_FALSE(decode_peer_message(damaged).ok()) << bit;
    damaged[bit / 8] ^= mask;
  }
}

TEST(CodecBroken, MutationsUnderAValidChecksumGiveAnErrorOrAValidValue) {
  std::mt19937_64 random(20240701);
  size_t accepted = 0;
  size_t refused = 0;
  for (const Bytes& frame : all_frames()) {
    for (int round = 0; round < 120; ++round) {
      std::vector<uint8_t> mutant(frame.data(), frame.data() + frame.size());
      for (uint64_t n = 1 + random() % 4; n > 0; --n) {
        size_t at = kFrameHeader + random() % (mutant.size() - kFrameHeader);
        mutant[at] = random() % 2 ? static_cast<uint8_t>(random()) : uint8_t{0xff};
      }
      seal_frame(mutant);
      (accepted_by(mutant) > 0 ? accepted : refused)++;
    }
  }
  EXPECT_GT(accepted, 100u);  // both sides of the sentence were tried
  EXPECT_GT(refused, 100u);
}

}  // namespace
}  // namespace strandlog::wire
