// Golden batches: files written by an independent generator, read, refused and built again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "base/record_batch.h"

namespace strandlog {
namespace {

using nlohmann::json;
using ByteVector = std::vector<uint8_t>;

constexpr size_t kPlenty = size_t{1} << 24;

std::filesystem::path folder() {
  return std::filesystem::path(STRANDLOG_SOURCE_DIR) / "tests" / "golden";
}

ByteVector read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct Golden {
  std::string name;
  ByteVector batch;
  json said;
};

std::vector<Golden> all_golden() {
  std::vector<Golden> all;
  for (const auto& file : std::filesystem::directory_iterator(folder())) {
    if (file.path().extension() != ".bin") continue;
    std::filesystem::path beside = file.path();
    std::ifstream in(beside.replace_extension(".json"));
    all.push_back({file.path().stem().string(), read_file(file.path()), json::parse(in)});
  }
  return all;
}

std::string base64(ByteView bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t three = 0;
    for (size_t j = 0; j < 3; ++j) three = three << 8 | (j < count ? bytes[i + j] : 0);
    for (size_t j = 0; j < 4; ++j) {
      out.push_back(j <= count ? kDigits[three >> (18 - 6 * j) & 63] : '=');
    }
  }
  return out;
}

json shown(const std::optional<ByteView>& bytes) {
  return bytes.has_value() ? json(base64(*bytes)) : json(nullptr);
}

json shown(const RecordView& record) {
  json headers = json::array();
  for (const HeaderView& h : record.headers) {
    headers.push_back(json::array({std::string(h.key), shown(h.value)}));
  }
  return {{"offset", record.offset.value},
          {"timestamp", record.timestamp_ms},
          {"key", shown(record.key)},
          {"value", shown(record.value)},
          {"headers", headers}};
}

TEST(GoldenBatch, FilesAreThere) { EXPECT_GE(all_golden().size(), 20u); }

TEST(GoldenBatch, ValidFilesHoldWhatTheirDescriptionSays) {
  for (const Golden& golden : all_golden()) {
    if (!golden.said.at("valid").get<bool>()) continue;
    SCOPED_TRACE(golden.name);

    auto header = validate_batch(golden.batch, golden.batch.size());
    ByteVector scratch;
    auto records = read_records(golden.batch, kPlenty, scratch);

    ASSERT_TRUE(header.ok()) << header.error().text;
    ASSERT_TRUE(records.ok()) << records.error().text;
    EXPECT_EQ(std::string(codec_name(*header->codec())), golden.said.at("codec"));
    EXPECT_EQ(header->base_offset.value, golden.said.at("baseOffset"));
    EXPECT_EQ(header->leader_epoch, golden.said.at("leaderEpoch"));
    EXPECT_EQ(header->last_offset_delta, golden.said.at("lastOffsetDelta"));
    EXPECT_EQ(header->base_timestamp_ms, golden.said.at("baseTimestamp"));
    EXPECT_EQ(header->max_timestamp_ms, golden.said.at("maxTimestamp"));
    EXPECT_EQ(header->producer_id, golden.said.at("producerId"));
    EXPECT_EQ(header->producer_epoch, golden.said.at("producerEpoch"));
    EXPECT_EQ(header->base_sequence, golden.said.at("baseSequence"));
    EXPECT_EQ(stored_body_crc(golden.batch), crc32c(golden.batch));
    json found = json::array();
    for (const RecordView& record : *records) found.push_back(shown(record));
    EXPECT_TRUE(found == golden.said.at("records"));
  }
}

TEST(GoldenBatch, InvalidFilesAreRefused) {
  size_t count = 0;
  for (const Golden& golden : all_golden()) {
    if (golden.said.at("valid").get<bool>()) continue;
    ++count;

    auto header = validate_batch(golden.batch, kPlenty);

    ASSERT_FALSE(header.ok()) << golden.name;
    bool feature = golden.name == "control-bit" || golden.name == "wrong-magic";
    EXPECT_EQ(header.error().code, feature ? Code::kUnsupported : Code::kCorruptBatch)
        << golden.name << ": " << header.error().text;
  }
  EXPECT_GE(count, 6u);
}

TEST(GoldenBatch, BuilderMakesTheSameUncompressedBytes) {
  size_t count = 0;
  for (const Golden& golden : all_golden()) {
    if (!golden.said.at("valid").get<bool>() || golden.said.at("codec") != "none") continue;
    SCOPED_TRACE(golden.name);
    ++count;
    ByteVector scratch;
    auto records = read_records(golden.batch, kPlenty, scratch);
    auto header = decode_batch_header(golden.batch);
    ASSERT_TRUE(records.ok() && header.ok());

    BatchBuilder builder;
    for (const RecordView& record : *records) ASSERT_TRUE(builder.add(record).ok());
    auto built = builder.build(Codec::kNone, {.id = header->producer_id,
                                              .epoch = header->producer_epoch,
                                              .base_sequence = header->base_sequence});
    ASSERT_TRUE(built.ok());
    stamp_batch(*built, header->base_offset, Term{static_cast<uint64_t>(header->leader_epoch)});

    EXPECT_TRUE(*built == golden.batch);
  }
  EXPECT_GE(count, 4u);
}

TEST(GoldenBatch, ReadsBackWhatItPacksFromGoldenRecords) {
  for (const Golden& golden : all_golden()) {
    if (!golden.said.at("valid").get<bool>() || golden.said.at("codec") != "none") continue;
    ByteVector scratch;
    auto records = read_records(golden.batch, kPlenty, scratch);
    BatchBuilder builder;
    for (const RecordView& record : *records) ASSERT_TRUE(builder.add(record).ok());
    for (Codec codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
      auto built = builder.build(codec);
      ASSERT_TRUE(built.ok());
      stamp_batch(*built, decode_batch_header(golden.batch)->base_offset, Term{1});

      ByteVector unpacked;
      auto again = read_records(*built, kPlenty, unpacked);

      ASSERT_TRUE(again.ok()) << golden.name << " " << codec_name(codec);
      json found = json::array();
      for (const RecordView& record : *again) found.push_back(shown(record));
      EXPECT_TRUE(found == golden.said.at("records")) << golden.name << " " << codec_name(codec);
    }
  }
}

}  // namespace
}  // namespace strandlog
