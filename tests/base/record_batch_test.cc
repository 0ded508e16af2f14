// RecordBatch: building, reading, validating and stamping batches.
#include "base/record_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "base/endian.h"

namespace strandlog {
namespace {

using testing::HasSubstr;
using ByteVector = std::vector<uint8_t>;

constexpr size_t kPlenty = size_t{1} << 20;
constexpr Codec kCodecs[] = {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

// Nulls, empties, repeated headers, times that go back: everything a record may look like.
std::vector<RecordView> sample_records() {
  static constexpr std::string_view kLong = "a value of some length, a value of some length";
  return {
      {.timestamp_ms = 1700000000000, .key = view_of("k0"), .value = view_of(kLong)},
      {.timestamp_ms = 1699999990000, .value = view_of("no key")},
      {.timestamp_ms = 1700000009000, .key = view_of("tombstone")},
      {.timestamp_ms = 1700000000000, .key = view_of(""), .value = view_of("")},
      {.timestamp_ms = INT64_MIN},
      {.timestamp_ms = 1700000000001,
       .key = view_of("k5"),
       .value = view_of("v5"),
       .headers = {{"twice", view_of("1")}, {"twice", view_of("2")}, {"", {}}, {"e", view_of("")}}},
  };
}

BatchBuilder builder_of(const std::vector<RecordView>& records) {
  BatchBuilder builder;
  for (const RecordView& record : records) EXPECT_TRUE(builder.add(record).ok());
  return builder;
}

ByteVector sample_batch(Codec codec) {
  auto batch =
      builder_of(sample_records()).build(codec, {.id = 7, .epoch = 2, .base_sequence = 40});
  EXPECT_TRUE(batch.ok());
  return *batch;
}

// Makes length and CRC fit again, so that a deeper check has to find the damage.
void reseal(ByteVector& batch) {
  store_be<uint32_t>(batch.data() + 8, static_cast<uint32_t>(batch.size() - 12));
  store_be<uint32_t>(batch.data() + 17, crc32c(ByteView(batch).subspan(kBatchCrcBegin)));
}

std::string shown(const std::optional<ByteView>& bytes) {
  return bytes.has_value() ? "'" + std::string(text_of(*bytes)) + "'" : "null";
}
std::string shown(const std::vector<RecordView>& records, uint64_t base) {
  std::string out;
  for (const RecordView& r : records) {
    out += std::to_string(r.offset.value - base) + " @" + std::to_string(r.timestamp_ms) + " " +
           shown(r.key) + "=" + shown(r.value);
    for (const HeaderView& h : r.headers) out += " " + std::string(h.key) + ":" + shown(h.value);
    out += "\n";
  }
  return out;
}
std::string shown_sample() {
  std::vector<RecordView> records = sample_records();
  for (size_t i = 0; i < records.size(); ++i) records[i].offset = Offset{i};
  return shown(records, 0);
}

Code read_error(ByteView batch, size_t max_bytes = kPlenty) {
  ByteVector scratch;
  auto records = read_records(batch, max_bytes, scratch);
  return records.ok() ? Code::kInternal : records.error().code;
}

TEST(RecordBatch, ReturnsItsRecordsWithEveryCodec) {
  for (Codec codec : kCodecs) {
    ByteVector batch = sample_batch(codec);
    stamp_batch(batch, Offset{5000000000}, Term{3});
    ByteVector scratch;

    auto records = read_records(batch, kPlenty, scratch);

    ASSERT_TRUE(records.ok()) << codec_name(codec) << ": " << records.error().text;
    EXPECT_EQ(shown(*records, 5000000000), shown_sample()) << codec_name(codec);
    EXPECT_TRUE(validate_batch(batch, kPlenty).ok()) << codec_name(codec);
  }
}

TEST(RecordBatch, DescribesItselfInTheHeader) {
  ByteVector batch = sample_batch(Codec::kZstd);

  auto header = decode_batch_header(batch);

  ASSERT_TRUE(header.ok());
  BatchHeader expected;
  expected.batch_length = static_cast<int32_t>(batch.size() - 12);
  expected.crc = crc32c(ByteView(batch).subspan(21));
  expected.attributes = 4;
  expected.last_offset_delta = 5;
  expected.base_timestamp_ms = 1700000000000;
  expected.max_timestamp_ms = 1700000009000;
  expected.producer_id = 7;
  expected.producer_epoch = 2;
  expected.base_sequence = 40;
  expected.record_count = 6;
  EXPECT_EQ(*header, expected);
}

TEST(RecordBatch, RefusesEveryTruncation) {
  for (Codec codec : kCodecs) {
    ByteVector batch = sample_batch(codec);
    for (size_t size = 0; size < batch.size(); ++size) {
      ByteView cut = ByteView(batch).first(size);
      ASSERT_EQ(validate_batch(cut, kPlenty).error().code, Code::kCorruptBatch) << size;
      ASSERT_EQ(read_error(cut), Code::kCorruptBatch) << size;
    }
  }
}

TEST(RecordBatch, RefusesEveryTruncationThatWasSealedAgain) {
  for (Codec codec : kCodecs) {
    ByteVector whole = sample_batch(codec);
    for (size_t size = kBatchHeaderBytes; size < whole.size(); ++size) {
      ByteVector batch(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
      reseal(batch);
      ASSERT_EQ(read_error(batch), Code::kCorruptBatch) << codec_name(codec) << " " << size;
    }
  }
}

TEST(RecordBatch, DetectsEveryFlippedBitButThoseOfTheStamps) {
  for (Codec codec : kCodecs) {
    ByteVector batch = sample_batch(codec);
    for (size_t bit = 0; bit < batch.size() * 8; ++bit) {
      size_t byte = bit / 8;
      bool stamped = byte < 8 || (byte >= 12 && byte < 16);
      batch[byte] ^= static_cast<uint8_t>(1 << bit % 8);
      ByteVector scratch;
      ASSERT_EQ(validate_batch(batch, kPlenty).ok(), stamped) << codec_name(codec) << " " << bit;
      ASSERT_EQ(read_records(batch, kPlenty, scratch).ok(), stamped) << bit;
      batch[byte] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

TEST(RecordBatch, SurvivesSealedNonsense) {
  uint32_t state = 99;
  auto random = [&](uint32_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
  };
  for (int round = 0; round < 20000; ++round) {
    ByteVector batch = sample_batch(Codec::kNone);
    for (uint32_t i = random(4) + 1; i > 0; --i) {
      size_t at = kBatchHeaderBytes - 4 + random(static_cast<uint32_t>(batch.size() - 57));
      batch[at] = static_cast<uint8_t>(random(2) != 0 ? random(256) : 0xff);
    }
    reseal(batch);
    ByteVector scratch;
    auto records = read_records(batch, kPlenty, scratch);
    if (!records.ok()) continue;
    ASSERT_EQ(records->size(), 6u);
  }
}

// -------------------------------------------------------------------------------- validation

struct Row {
  const char* name;
  Code code;
  const char* text;
  std::function<void(ByteVector&)> change;
  size_t max_bytes = kPlenty;
};

TEST(ValidateBatch, GivesEachDefectItsOwnError) {
  auto set = [](size_t at, uint8_t value) { return [=](ByteVector& b) { b[at] = value; }; };
  const Row kRows[] = {
      {"too large", Code::kTooLarge, "at most 100 allowed", [](ByteVector&) {}, 100},
      {"magic 1", Code::kUnsupported, "magic 1", set(16, 1)},
      {"control", Code::kUnsupported, "control bit", set(22, 1 << 5)},
      {"transactional", Code::kUnsupported, "transactional bit", set(22, 1 << 4)},
      {"codec", Code::kUnsupported, "codec 5", set(22, 5)},
      {"last codec", Code::kUnsupported, "codec 7", set(22, 7)},
      {"delta", Code::kCorruptBatch, "last offset delta 4, expected 5", set(26, 4)},
      {"negative delta", Code::kCorruptBatch, "expected 5", set(23, 0xff)},
      {"no records", Code::kCorruptBatch, "count 0", set(60, 0)},
      {"negative count", Code::kCorruptBatch, "count -2147483642", set(57, 0x80)},
      {"count beyond the bytes", Code::kCorruptBatch, "count 1000000 in",
       [](ByteVector& b) {
         store_be<uint32_t>(b.data() + 23, 999999);
         store_be<uint32_t>(b.data() + 57, 1000000);
       }},
  };
  for (const Row& row : kRows) {
    ByteVector batch = sample_batch(Codec::kNone);
    row.change(batch);
    reseal(batch);

    auto header = validate_batch(batch, row.max_bytes);

    ASSERT_FALSE(header.ok()) << row.name;
    EXPECT_EQ(header.error().code, row.code) << row.name;
    EXPECT_THAT(header.error().text, HasSubstr(row.text)) << row.name;
  }
}

TEST(ValidateBatch, RefusesAWrongCrcAndAWrongLength) {
  ByteVector crc = sample_batch(Codec::kNone), longer = crc, negative = crc;
  crc[17] ^= 1;
  longer.push_back(0);
  negative[8] = 0x80;

  EXPECT_THAT(validate_batch(crc, kPlenty).error().text, HasSubstr("computed"));
  EXPECT_THAT(validate_batch(longer, kPlenty).error().text, HasSubstr("length field"));
  EXPECT_THAT(validate_batch(negative, kPlenty).error().text, HasSubstr("length field -"));
  EXPECT_EQ(validate_batch(longer, kPlenty).error().code, Code::kCorruptBatch);
}

TEST(ValidateBatch, AcceptsExactlyTheLimit) {
  ByteVector batch = sample_batch(Codec::kNone);

  EXPECT_TRUE(validate_batch(batch, batch.size()).ok());
  EXPECT_EQ(validate_batch(batch, batch.size() - 1).error().code, Code::kTooLarge);
}

// ------------------------------------------------------------------------------------ stamping

TEST(StampBatch, ChangesOnlyBaseOffsetAndLeaderEpoch) {
  ByteVector before = sample_batch(Codec::kLz4), after = before;

  stamp_batch(after, Offset{0x0102030405060708}, Term{0x0a0b0c0d});

  for (size_t i = 0; i < after.size(); ++i) {
    if (i < 8) {
      EXPECT_EQ(after[i], i + 1);
    } else if (i >= 12 && i < 16) {
      EXPECT_EQ(after[i], i - 2);
    } else {
      EXPECT_EQ(after[i], before[i]) << i;
    }
  }
}

TEST(StampBatch, StoresAHugeTermAsTheLargestEpoch) {
  ByteVector batch = sample_batch(Codec::kNone);

  stamp_batch(batch, Offset{1}, Term{uint64_t{1} << 40});

  EXPECT_EQ(decode_batch_header(batch)->leader_epoch, INT32_MAX);
}

TEST(StoredBodyCrc, EqualsTheCrcOfAllBytes) {
  for (Codec codec : kCodecs) {
    ByteVector batch = sample_batch(codec);
    stamp_batch(batch, Offset{123456789}, Term{42});

    EXPECT_EQ(stored_body_crc(batch), crc32c(batch)) << codec_name(codec);
  }
}

// ------------------------------------------------------------------------------------- builder

TEST(BatchBuilder, KnowsItsSizeBeforeAndAfterAdding) {
  BatchBuilder builder;
  for (const RecordView& record : sample_records()) {
    size_t expected = builder.estimated_bytes_with(record);
    ASSERT_TRUE(builder.add(record).ok());
    EXPECT_EQ(builder.estimated_bytes(), expected);
  }

  EXPECT_EQ(builder.build(Codec::kNone)->size(), builder.estimated_bytes());
}

TEST(BatchBuilder, RefusesToBuildNothing) {
  EXPECT_EQ(BatchBuilder().build(Codec::kNone).error().code, Code::kInvalidArgument);
}

TEST(BatchBuilder, StartsAgainAfterClear) {
  BatchBuilder builder = builder_of(sample_records());
  builder.clear();
  ASSERT_TRUE(builder.add({.timestamp_ms = 5, .value = view_of("x")}).ok());

  auto batch = builder.build(Codec::kNone);
  auto header = decode_batch_header(*batch);

  EXPECT_EQ(header->record_count, 1);
  EXPECT_EQ(header->base_timestamp_ms, 5);
  EXPECT_EQ(header->max_timestamp_ms, 5);
  EXPECT_EQ(header->producer_id, -1);
}

TEST(BatchBuilder, KeepsTheSmallestRecordAtItsSmallestSize) {
  BatchBuilder builder = builder_of({RecordView{}});

  EXPECT_EQ(builder.estimated_bytes(), kBatchHeaderBytes + kMinRecordBytes);
}

// -------------------------------------------------------------------------------------- reader

TEST(ReadRecords, RefusesAnotherCount) {
  for (Codec codec : kCodecs) {
    for (int32_t count : {-1, 0, 5, 7, INT32_MAX}) {
      ByteVector batch = sample_batch(codec);
      store_be<uint32_t>(batch.data() + 57, static_cast<uint32_t>(count));
      reseal(batch);
      EXPECT_EQ(read_error(batch), Code::kCorruptBatch) << codec_name(codec) << " " << count;
    }
  }
}

TEST(ReadRecords, RefusesBytesAfterTheLastRecord) {
  ByteVector batch = sample_batch(Codec::kNone);
  batch.push_back(0);
  reseal(batch);
  ByteVector scratch;

  auto records = read_records(batch, kPlenty, scratch);

  EXPECT_THAT(records.error().text, HasSubstr("1 bytes after the last of 6"));
}

// A batch of one record whose bytes after its length are `inside`.
ByteVector batch_of_record(const ByteVector& inside) {
  ByteVector batch = *builder_of({RecordView{}}).build(Codec::kNone);
  batch.resize(kBatchHeaderBytes);
  batch.push_back(static_cast<uint8_t>(inside.size() * 2));  // zigzag
  batch.insert(batch.end(), inside.begin(), inside.end());
  reseal(batch);
  return batch;
}

TEST(ReadRecords, RefusesARecordWhoseLengthsDisagree) {
  ByteVector scratch;
  struct RecordRow {
    const char* name;
    ByteVector inside;  // attributes, time, offset, key, value, headers
  };
  const RecordRow kRows[] = {
      {"bytes after the headers", {0, 0, 0, 1, 1, 0, 0}},
      {"no headers field", {0, 0, 0, 1, 1}},
      {"key longer than the record", {0, 0, 0, 8, 'k', 1, 0}},
      {"key of length -2", {0, 0, 0, 3, 1, 0}},
      {"header count of -1", {0, 0, 0, 1, 1, 1}},
      {"header without a value", {0, 0, 0, 1, 1, 2, 2, 'h'}},
      {"null header key", {0, 0, 0, 1, 1, 2, 1, 1}},
      {"time of 65 bits", {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 1, 1, 0}},
      {"2147483647 headers", {0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0}},
  };

  EXPECT_TRUE(read_records(batch_of_record({0, 0, 0, 1, 1, 0}), kPlenty, scratch).ok());
  for (const RecordRow& row : kRows) {
    EXPECT_EQ(read_error(batch_of_record(row.inside)), Code::kCorruptBatch) << row.name;
  }
}

TEST(ReadRecords, RefusesAnOffsetOutOfItsPlace) {
  ByteVector batch = *builder_of({RecordView{}, RecordView{}}).build(Codec::kNone);
  size_t delta_of_second = kBatchHeaderBytes + kMinRecordBytes + 3;
  ASSERT_EQ(batch[delta_of_second], 2);  // zigzag of 1

  for (uint8_t delta : std::initializer_list<uint8_t>{0, 1, 4}) {  // zigzag of 0, -1, 2
    batch[delta_of_second] = delta;
    reseal(batch);
    EXPECT_EQ(read_error(batch), Code::kCorruptBatch) << int{delta};
  }
}

TEST(ReadRecords, RefusesABombAtTheBound) {
  ByteVector zeros(4 * kPlenty);
  for (Codec codec : kCodecs) {
    ByteVector batch = *builder_of({{.value = zeros}}).build(codec);

    EXPECT_EQ(read_error(batch, kPlenty), Code::kTooLarge) << codec_name(codec);
  }
}

TEST(ReadRecords, RefusesControlBatchesAndUnknownCodecs) {
  ByteVector control = sample_batch(Codec::kNone), codec = control;
  control[22] = 1 << 5;
  codec[22] = 6;
  reseal(control);
  reseal(codec);

  EXPECT_EQ(read_error(control), Code::kUnsupported);
  EXPECT_EQ(read_error(codec), Code::kUnsupported);
}

TEST(ReadRecords, TakesTheBrokersTimeWhenTheBatchSaysSo) {
  ByteVector batch = sample_batch(Codec::kNone);
  batch[22] = 1 << 3;
  reseal(batch);
  ByteVector scratch;

  auto records = read_records(batch, kPlenty, scratch);

  ASSERT_TRUE(records.ok());
  for (const RecordView& record : *records) EXPECT_EQ(record.timestamp_ms, 1700000009000);
}

TEST(ReadRecords, RefusesOverlongNumbers) {
  ByteVector good = *builder_of({RecordView{}}).build(Codec::kNone);
  // The same record, its length 6 written in 5 bytes (allowed) and in 6 (not).
  ByteVector five(good.begin(), good.begin() + kBatchHeaderBytes), six = five;
  const uint8_t kLength[] = {0x8c, 0x80, 0x80, 0x80, 0x80, 0x00};
  five.insert(five.end(), kLength, kLength + 4);
  five.push_back(0);
  six.insert(six.end(), kLength, kLength + 6);
  five.insert(five.end(), good.begin() + kBatchHeaderBytes + 1, good.end());
  six.insert(six.end(), good.begin() + kBatchHeaderBytes + 1, good.end());
  reseal(five);
  reseal(six);
  ByteVector scratch;

  EXPECT_TRUE(read_records(five, kPlenty, scratch).ok());
  EXPECT_EQ(read_error(six), Code::kCorruptBatch);
}

}  // namespace
}  // namespace strandlog
