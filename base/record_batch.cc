// RecordBatch v2: header, builder and reader.
#include "base/record_batch.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/crc32c.h"
#include "base/endian.h"

namespace strandlog {
namespace {

// Where each field starts; each ends where the next begins, the last at kBatchHeaderBytes.
enum At : size_t {
  kAtBaseOffset = 0,
  kAtBatchLength = 8,
  kAtLeaderEpoch = 12,
  kAtMagic = 16,
  kAtCrc = 17,
  kAtAttributes = 21,
  kAtLastOffsetDelta = 23,
  kAtBaseTimestamp = 27,
  kAtMaxTimestamp = 35,
  kAtProducerId = 43,
  kAtProducerEpoch = 51,
  kAtBaseSequence = 53,
  kAtRecordCount = 57,
};
static_assert(kAtRecordCount + sizeof(int32_t) == kBatchHeaderBytes);
static_assert(kAtAttributes == kBatchCrcBegin);
// What the length field does not count: itself and the base offset.
constexpr size_t kBeforeLengthBytes = kAtLeaderEpoch;
constexpr size_t kMaxInt32 = std::numeric_limits<int32_t>::max();

Error corrupt(const std::string& reason) { return {Code::kCorruptBatch, "batch: " + reason}; }
Error unsupported(const std::string& reason) { return {Code::kUnsupported, "batch: " + reason}; }
Error too_large(size_t bytes, size_t max_bytes) {
  return {Code::kTooLarge, "batch: " + std::to_string(bytes) + " bytes, at most " +
                               std::to_string(max_bytes) + " allowed"};
}

int16_t load_i16(const uint8_t* p) { return static_cast<int16_t>(load_be<uint16_t>(p)); }
int32_t load_i32(const uint8_t* p) { return static_cast<int32_t>(load_be<uint32_t>(p)); }
int64_t load_i64(const uint8_t* p) { return static_cast<int64_t>(load_be<uint64_t>(p)); }
void store_i32(uint8_t* p, int32_t v) { store_be<uint32_t>(p, static_cast<uint32_t>(v)); }
void store_i64(uint8_t* p, int64_t v) { store_be<uint64_t>(p, static_cast<uint64_t>(v)); }

Result<void> check_crc(const BatchHeader& header, ByteView batch) {
  uint32_t actual = crc32c(batch.subspan(kBatchCrcBegin));
  if (actual == header.crc) return {};
  return corrupt("CRC " + std::to_string(header.crc) + ", computed " + std::to_string(actual));
}

// ------------------------------------------------------------------------------------- varints

// Zigzag: small magnitudes of either sign become small unsigned numbers, seven bits to a byte.
uint64_t zigzag(int64_t v) {
  return static_cast<uint64_t>(v) << 1 ^ static_cast<uint64_t>(v >> 63);
}
int64_t unzigzag(uint64_t u) { return static_cast<int64_t>(u >> 1 ^ (0 - (u & 1))); }

size_t varint_bytes(int64_t v) {
  size_t count = 1;
  for (uint64_t u = zigzag(v) >> 7; u != 0; u >>= 7) ++count;
  return count;
}

void put_varint(std::vector<uint8_t>& out, int64_t v) {
  uint64_t u = zigzag(v);
  for (; u >= 0x80; u >>= 7) out.push_back(static_cast<uint8_t>(u | 0x80));
  out.push_back(static_cast<uint8_t>(u));
}

// Differences of timestamps wrap: every pair of 64-bit times has one, and adding it leads back.
int64_t difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

// Walks over bytes from anywhere; a step that does not fit answers false and moves nothing.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : rest_(bytes) {}
  size_t left() const { return rest_.size(); }

  bool take(size_t count, ByteView& out) {
    if (count > rest_.size()) return false;
    out = rest_.first(count);
    rest_ = rest_.subspan(count);
    return true;
  }
  bool varlong(int64_t& out, size_t max_bytes = 10) {
    uint64_t u = 0;
    for (size_t i = 0; i < rest_.size() && i < max_bytes; ++i) {
      uint64_t bits = rest_[i] & 0x7f;
      if (i == 9 && bits > 1) return false;  // beyond 64 bits
      u |= bits << (7 * i);
      if ((rest_[i] & 0x80) == 0) {
        rest_ = rest_.subspan(i + 1);
        out = unzigzag(u);
        return true;
      }
    }
    return false;
  }
  // A length or count: between `least` and 2^31 - 1.
  bool varint(int64_t least, int64_t& out) {
    return varlong(out, 5) && out >= least && out <= static_cast<int64_t>(kMaxInt32);
  }
  // A length and that many bytes; -1 stands for absent.
  bool nullable(std::optional<ByteView>& out) {
    int64_t size = 0;
    ByteView bytes;
    if (!varint(-1, size)) return false;
    if (size < 0) return true;
    if (!take(static_cast<size_t>(size), bytes)) return false;
    out = bytes;
    return true;
  }

 private:
  ByteView rest_;
};

bool read_headers(Cursor& cursor, std::vector<HeaderView>& headers) {
  int64_t count = 0;
  if (!cursor.varint(0, count)) return false;
  if (static_cast<size_t>(count) > cursor.left() / 2) return false;  // two lengths each, at least
  headers.resize(static_cast<size_t>(count));
  for (HeaderView& header : headers) {
    int64_t key_bytes = 0;
    ByteView key;
    if (!cursor.varint(0, key_bytes)) return false;
    if (!cursor.take(static_cast<size_t>(key_bytes), key)) return false;
    header.key = text_of(key);
    if (!cursor.nullable(header.value)) return false;
  }
  return true;
}

// Reads one record; false when its bytes make no sense. Leaves the offset's delta in `delta`.
bool read_record(Cursor& records, const BatchHeader& header, RecordView& record, int64_t& delta) {
  int64_t size = 0;
  ByteView bytes, attributes;
  if (!records.varint(0, size) || !records.take(static_cast<size_t>(size), bytes)) return false;
  Cursor cursor(bytes);
  int64_t time_delta = 0;
  if (!cursor.take(1, attributes)) return false;  // none are defined
  if (!cursor.varlong(time_delta) || !cursor.varint(0, delta)) return false;
  if (!cursor.nullable(record.key) || !cursor.nullable(record.value)) return false;
  if (!read_headers(cursor, record.headers) || cursor.left() != 0) return false;
  bool appended = (header.attributes & BatchHeader::kLogAppendTime) != 0;
  record.timestamp_ms =
      appended ? header.max_timestamp_ms : sum(header.base_timestamp_ms, time_delta);
  record.offset = header.base_offset.plus(static_cast<uint64_t>(delta));
  return true;
}

Result<std::vector<RecordView>> read_all(const BatchHeader& header, ByteView unpacked) {
  if (header.record_count < 0 ||
      static_cast<size_t>(header.record_count) > unpacked.size() / kMinRecordBytes) {
    return corrupt("count " + std::to_string(header.record_count) + ", but the records take " +
                   std::to_string(unpacked.size()) + " bytes");
  }
  std::vector<RecordView> records(static_cast<size_t>(header.record_count));
  Cursor cursor(unpacked);
  int64_t previous = -1;
  for (size_t i = 0; i < records.size(); ++i) {
    int64_t delta = 0;
    if (!read_record(cursor, header, records[i], delta)) {
      return corrupt("record " + std::to_string(i) + " of " + std::to_string(records.size()) +
                     " cannot be read");
    }
    if (delta <= previous || delta > header.last_offset_delta) {
      return corrupt("record " + std::to_string(i) + " has offset delta " + std::to_string(delta) +
                     " after " + std::to_string(previous) + ", the last is " +
                     std::to_string(header.last_offset_delta));
    }
    previous = delta;
  }
  if (cursor.left() != 0) {
    return corrupt(std::to_string(cursor.left()) + " bytes after the last of " +
                   std::to_string(records.size()) + " records");
  }
  return records;
}

// Everything but the CRC field, which covers what is written here.
void encode_header(const BatchHeader& h, uint8_t* p) {
  store_be<uint64_t>(p + kAtBaseOffset, h.base_offset.value);
  store_i32(p + kAtBatchLength, h.batch_length);
  store_i32(p + kAtLeaderEpoch, h.leader_epoch);
  p[kAtMagic] = static_cast<uint8_t>(h.magic);
  store_be<uint16_t>(p + kAtAttributes, h.attributes);
  store_i32(p + kAtLastOffsetDelta, h.last_offset_delta);
  store_i64(p + kAtBaseTimestamp, h.base_timestamp_ms);
  store_i64(p + kAtMaxTimestamp, h.max_timestamp_ms);
  store_i64(p + kAtProducerId, h.producer_id);
  store_be<uint16_t>(p + kAtProducerEpoch, static_cast<uint16_t>(h.producer_epoch));
  store_i32(p + kAtBaseSequence, h.base_sequence);
  store_i32(p + kAtRecordCount, h.record_count);
}

}  // namespace

// -------------------------------------------------------------------------------------- header

Result<Codec> BatchHeader::codec() const {
  int bits = attributes & kCodecMask;
  if (bits >= kCodecCount) return unsupported("codec " + std::to_string(bits));
  return static_cast<Codec>(bits);
}

Result<BatchHeader> decode_batch_header(ByteView batch) {
  if (batch.size() < kBatchHeaderBytes) {
    return corrupt(std::to_string(batch.size()) + " bytes, a header alone has " +
                   std::to_string(kBatchHeaderBytes));
  }
  const uint8_t* p = batch.data();
  BatchHeader h;
  h.magic = static_cast<int8_t>(p[kAtMagic]);
  if (h.magic != BatchHeader::kMagic) {
    return unsupported("magic " + std::to_string(h.magic) + ", this build reads 2");
  }
  h.batch_length = load_i32(p + kAtBatchLength);
  if (h.batch_length < 0 ||
      static_cast<size_t>(h.batch_length) != batch.size() - kBeforeLengthBytes) {
    return corrupt("length field " + std::to_string(h.batch_length) + ", expected " +
                   std::to_string(batch.size() - kBeforeLengthBytes));
  }
  h.base_offset = Offset{load_be<uint64_t>(p + kAtBaseOffset)};
  h.leader_epoch = load_i32(p + kAtLeaderEpoch);
  h.crc = load_be<uint32_t>(p + kAtCrc);
  h.attributes = load_be<uint16_t>(p + kAtAttributes);
  h.last_offset_delta = load_i32(p + kAtLastOffsetDelta);
  h.base_timestamp_ms = load_i64(p + kAtBaseTimestamp);
  h.max_timestamp_ms = load_i64(p + kAtMaxTimestamp);
  h.producer_id = load_i64(p + kAtProducerId);
  h.producer_epoch = load_i16(p + kAtProducerEpoch);
  h.base_sequence = load_i32(p + kAtBaseSequence);
  h.record_count = load_i32(p + kAtRecordCount);
  return h;
}

Result<BatchHeader> validate_batch(ByteView batch, size_t max_bytes) {
  if (batch.size() > max_bytes) return too_large(batch.size(), max_bytes);
  ASSIGN(BatchHeader h, decode_batch_header(batch));
  TRY(check_crc(h, batch));  // first: what a damaged header says means nothing
  ASSIGN(Codec codec, h.codec());
  if ((h.attributes & BatchHeader::kControl) != 0) return unsupported("control bit is set");
  if ((h.attributes & BatchHeader::kTransactional) != 0) {
    return unsupported("transactional bit is set");
  }
  if (h.record_count < 1) return corrupt("count " + std::to_string(h.record_count));
  if (h.last_offset_delta != h.record_count - 1) {
    return corrupt("last offset delta " + std::to_string(h.last_offset_delta) + ", expected " +
                   std::to_string(h.record_count - 1));
  }
  size_t record_bytes = batch.size() - kBatchHeaderBytes;
  if (codec == Codec::kNone &&
      static_cast<size_t>(h.record_count) > record_bytes / kMinRecordBytes) {
    return corrupt("count " + std::to_string(h.record_count) + " in " +
                   std::to_string(record_bytes) + " bytes of records");
  }
  return h;
}

void stamp_batch(MutableByteView batch, Offset base, Term leader_epoch) {
  CHECK(batch.size() >= kBatchHeaderBytes);
  store_be<uint64_t>(batch.data() + kAtBaseOffset, base.value);
  store_i32(batch.data() + kAtLeaderEpoch,
            static_cast<int32_t>(std::min<uint64_t>(leader_epoch.value, kMaxInt32)));
}

uint32_t stored_body_crc(ByteView stamped_batch) {
  CHECK(stamped_batch.size() >= kBatchHeaderBytes);
  uint32_t head = crc32c(stamped_batch.first(kBatchCrcBegin));
  uint32_t rest = load_be<uint32_t>(stamped_batch.data() + kAtCrc);
  return crc32c_combine(head, rest, stamped_batch.size() - kBatchCrcBegin);
}

// ------------------------------------------------------------------------------------- builder

struct BatchBuilder::Sizes {
  int64_t time_delta = 0;
  size_t inside = 0;  // what the record's length field counts
  size_t whole = 0;
};

namespace {

size_t nullable_bytes(const std::optional<ByteView>& bytes) {
  if (!bytes.has_value()) return varint_bytes(-1);
  return varint_bytes(static_cast<int64_t>(bytes->size())) + bytes->size();
}

void put_bytes(std::vector<uint8_t>& out, ByteView bytes) {
  put_varint(out, static_cast<int64_t>(bytes.size()));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_nullable(std::vector<uint8_t>& out, const std::optional<ByteView>& bytes) {
  if (bytes.has_value()) {
    put_bytes(out, *bytes);
  } else {
    put_varint(out, -1);
  }
}

}  // namespace

BatchBuilder::Sizes BatchBuilder::sizes_of(const RecordView& record) const {
  Sizes sizes;
  sizes.time_delta = empty() ? 0 : difference(record.timestamp_ms, base_timestamp_ms_);
  sizes.inside = 1 + varint_bytes(sizes.time_delta) + varint_bytes(record_count_) +
                 nullable_bytes(record.key) + nullable_bytes(record.value) +
                 varint_bytes(static_cast<int64_t>(record.headers.size()));
  for (const HeaderView& header : record.headers) {
    sizes.inside += nullable_bytes(view_of(header.key)) + nullable_bytes(header.value);
  }
  sizes.whole = varint_bytes(static_cast<int64_t>(sizes.inside)) + sizes.inside;
  return sizes;
}

size_t BatchBuilder::estimated_bytes_with(const RecordView& record) const {
  return estimated_bytes() + sizes_of(record).whole;
}

Result<void> BatchBuilder::add(const RecordView& record) {
  Sizes sizes = sizes_of(record);
  size_t after = estimated_bytes() + sizes.whole;
  if (after > kMaxInt32) return too_large(after, kMaxInt32);
  if (empty()) base_timestamp_ms_ = max_timestamp_ms_ = record.timestamp_ms;
  max_timestamp_ms_ = std::max(max_timestamp_ms_, record.timestamp_ms);

  put_varint(records_, static_cast<int64_t>(sizes.inside));
  records_.push_back(0);  // attributes: none are defined
  put_varint(records_, sizes.time_delta);
  put_varint(records_, record_count_);
  put_nullable(records_, record.key);
  put_nullable(records_, record.value);
  put_varint(records_, static_cast<int64_t>(record.headers.size()));
  for (const HeaderView& header : record.headers) {
    put_bytes(records_, view_of(header.key));
    put_nullable(records_, header.value);
  }
  ++record_count_;
  CHECK(estimated_bytes() == after);
  return {};
}

Result<std::vector<uint8_t>> BatchBuilder::build(Codec codec, const ProducerStamp& producer) const {
  if (empty()) return Error{Code::kInvalidArgument, "batch: no records"};
  std::vector<uint8_t> packed;
  if (codec != Codec::kNone) {
    ASSIGN(packed, compress(codec, records_));
  }
  const std::vector<uint8_t>& payload = codec == Codec::kNone ? records_ : packed;
  size_t whole = kBatchHeaderBytes + payload.size();
  if (whole > kMaxInt32) return too_large(whole, kMaxInt32);

  BatchHeader h;
  h.batch_length = static_cast<int32_t>(whole - kBeforeLengthBytes);
  h.attributes = static_cast<uint16_t>(codec);
  h.last_offset_delta = record_count_ - 1;
  h.base_timestamp_ms = base_timestamp_ms_;
  h.max_timestamp_ms = max_timestamp_ms_;
  h.producer_id = producer.id;
  h.producer_epoch = producer.epoch;
  h.base_sequence = producer.base_sequence;
  h.record_count = record_count_;
  std::vector<uint8_t> batch(kBatchHeaderBytes);
  batch.reserve(whole);
  encode_header(h, batch.data());
  batch.insert(batch.end(), payload.begin(), payload.end());
  store_be<uint32_t>(batch.data() + kAtCrc, crc32c(ByteView(batch).subspan(kBatchCrcBegin)));
  return batch;
}

void BatchBuilder::clear() {
  records_.clear();
  record_count_ = 0;
  base_timestamp_ms_ = max_timestamp_ms_ = 0;
}

// -------------------------------------------------------------------------------------- reader

Result<std::vector<RecordView>> read_records(ByteView batch, size_t max_unpacked_bytes,
                                             std::vector<uint8_t>& scratch) {
  ASSIGN(BatchHeader header, decode_batch_header(batch));
  TRY(check_crc(header, batch));
  if ((header.attributes & BatchHeader::kControl) != 0) return unsupported("control bit is set");
  ASSIGN(Codec codec, header.codec());
  ByteView packed = batch.subspan(kBatchHeaderBytes);
  if (codec == Codec::kNone) {
    if (packed.size() > max_unpacked_bytes) return too_large(packed.size(), max_unpacked_bytes);
    return read_all(header, packed);
  }
  ASSIGN(scratch, decompress(codec, packed, max_unpacked_bytes));
  return read_all(header, scratch);
}

}  // namespace strandlog
