// Record batches, as producers send them and as disks give them back.
#include <algorithm>

#include "base/crc32c.h"
#include "base/endian.h"
#include "base/record_batch.h"
#include "tests/fuzz/entries.h"

namespace strandlog::fuzz {
namespace {

constexpr size_t kMaxBatchBytes = 64u << 10;
constexpr size_t kMaxUnpackedBytes = 256u << 10;

// Places in the header: store/format.md, "Batch".
constexpr size_t kAtLength = 8, kAtMagic = 16, kAtCrc = 17, kAtAttributes = 21;

bool same(const std::optional<ByteView>& a, const std::optional<ByteView>& b) {
  if (!a || !b) return !a && !b;
  return std::equal(a->begin(), a->end(), b->begin(), b->end());
}

bool same(const RecordView& a, const RecordView& b) {
  auto same_header = [](const HeaderView& x, const HeaderView& y) {
    return x.key == y.key && same(x.value, y.value);
  };
  return a.timestamp_ms == b.timestamp_ms && same(a.key, b.key) && same(a.value, b.value) &&
         std::equal(a.headers.begin(), a.headers.end(), b.headers.begin(), b.headers.end(),
                    same_header);
}

// Packs the records anew and compares.
void rebuild(const std::vector<RecordView>& records, Codec codec) {
  if (records.empty()) return;
  BatchBuilder builder;
  for (const RecordView& record : records) {
    size_t expected = builder.estimated_bytes_with(record);
    CHECK(builder.add(record).ok() && builder.estimated_bytes() == expected);
  }
  auto batch = builder.build(codec);
  CHECK(batch.ok());
  auto header = validate_batch(*batch, batch->size());
  CHECK(header.ok() && static_cast<size_t>(header->record_count) == records.size());
  // A record may be a few bytes longer than it was: its offset delta is the builder's.
  std::vector<uint8_t> scratch;
  auto back = read_records(*batch, 2 * kMaxUnpackedBytes, scratch);
  CHECK(back.ok() && back->size() == records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    CHECK(same(records[i], (*back)[i]) && (*back)[i].offset.value == i);
  }
}

// What a leader accepted: stamping keeps it valid, and its CRC is known without reading it.
void stamp(ByteView accepted, const BatchHeader& before) {
  std::vector<uint8_t> batch(accepted.begin(), accepted.end());
  stamp_batch(batch, Offset{1234567}, Term{89});
  CHECK(stored_body_crc(batch) == crc32c(batch));
  auto after = validate_batch(batch, batch.size());
  CHECK(after.ok() && after->base_offset == Offset{1234567} && after->leader_epoch == 89);
  BatchHeader expected = before;
  expected.base_offset = after->base_offset;
  expected.leader_epoch = after->leader_epoch;
  CHECK(*after == expected);
}

void check_batch(ByteView batch) {
  auto header = decode_batch_header(batch);
  auto accepted = validate_batch(batch, kMaxBatchBytes);
  if (accepted.ok()) {
    CHECK(header.ok() && *header == *accepted && accepted->record_count > 0);
    stamp(batch, *accepted);
  }
  std::vector<uint8_t> scratch;
  auto records = read_records(batch, kMaxUnpackedBytes, scratch);
  if (!records.ok()) {
    Code code = records.error().code;
    CHECK(code == Code::kCorruptBatch || code == Code::kTooLarge || code == Code::kUnsupported);
    return;
  }
  CHECK(header.ok() && records->size() == static_cast<size_t>(header->record_count));
  CHECK(scratch.capacity() <= 2 * kMaxUnpackedBytes);
  rebuild(*records, header->codec().value());
}

// Behind the checksum a fuzzer would never get by itself.
void repair(std::vector<uint8_t>& batch) {
  batch[kAtMagic] = static_cast<uint8_t>(BatchHeader::kMagic);
  store_be<uint32_t>(batch.data() + kAtLength, static_cast<uint32_t>(batch.size() - 12));
  store_be<uint32_t>(batch.data() + kAtCrc, crc32c(ByteView(batch).subspan(kBatchCrcBegin)));
}

}  // namespace

// As it is; repaired; and, when a spare attribute asks for it, with the rest packed by the codec
// that the header names, so that any codec leads to any records.
void feed_batch(ByteView input) {
  check_batch(input);
  if (input.size() < kBatchHeaderBytes) return;
  std::vector<uint8_t> batch(input.begin(), input.end());
  repair(batch);
  check_batch(batch);

  constexpr uint16_t kPack = 1 << 15;
  uint16_t attributes = load_be<uint16_t>(input.data() + kAtAttributes);
  int codec = attributes & BatchHeader::kCodecMask;
  if ((attributes & kPack) == 0 || codec >= kCodecCount) return;
  auto packed = compress(static_cast<Codec>(codec), input.subspan(kBatchHeaderBytes));
  CHECK(packed.ok());
  batch.resize(kBatchHeaderBytes);
  batch.insert(batch.end(), packed->begin(), packed->end());
  repair(batch);
  check_batch(batch);
}

}  // namespace strandlog::fuzz
