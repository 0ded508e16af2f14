// RecordBatch: Kafka's batch format, version 2: what producers pack and consumers unpack.
// The fields and their places: store/format.md, "Batch".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/compression.h"
#include "base/ids.h"
#include "base/result.h"

namespace strandlog {

constexpr size_t kBatchHeaderBytes = 61;
/// The batch's own CRC covers everything from here to its end.
constexpr size_t kBatchCrcBegin = 21;
/// A record of no key, no value and no headers; no record is shorter.
constexpr size_t kMinRecordBytes = 7;

/// The 61 bytes before the records, big-endian as stored, in this order.
struct BatchHeader {
  static constexpr int8_t kMagic = 2;
  static constexpr uint16_t kCodecMask = 7;
  static constexpr uint16_t kLogAppendTime = 1 << 3;  ///< records carry max_timestamp_ms
  static constexpr uint16_t kTransactional = 1 << 4;
  static constexpr uint16_t kControl = 1 << 5;

  Offset base_offset;         ///< of the first record; 0 until a leader stamps it
  int32_t batch_length = 0;   ///< bytes after this field: the batch's size - 12
  int32_t leader_epoch = -1;  ///< -1 until a leader stamps it
  int8_t magic = kMagic;
  uint32_t crc = 0;  ///< CRC32C from kBatchCrcBegin to the end
  uint16_t attributes = 0;
  int32_t last_offset_delta = 0;
  int64_t base_timestamp_ms = 0;  ///< the first record's
  int64_t max_timestamp_ms = 0;
  int64_t producer_id = -1;  ///< -1: not idempotent; epoch and sequence are -1 too
  int16_t producer_epoch = -1;
  int32_t base_sequence = -1;
  int32_t record_count = 0;

  /// kUnsupported with the number for a codec this build lacks.
  Result<Codec> codec() const;
  bool operator==(const BatchHeader&) const = default;
};

/// The header of a batch that is all of `batch`. kCorruptBatch when the bytes are fewer than a
/// header or the length in it disagrees, kUnsupported for another magic. Checks nothing else.
Result<BatchHeader> decode_batch_header(ByteView batch);

/// What a leader requires of a producer's batch: at most `max_bytes` (else kTooLarge); magic 2, a
/// known codec, neither control nor transactional (else kUnsupported); exact length, valid CRC, a
/// count of at least 1, last offset delta = count - 1, and not more records than uncompressed bytes
/// can hold (else kCorruptBatch). Does not unpack: records are the reader's to check.
Result<BatchHeader> validate_batch(ByteView batch, size_t max_bytes);

/// Writes base offset and leader epoch, which the batch's CRC does not cover. Needs a whole header.
/// A term beyond the field's 31 bits is stored as 2^31 - 1.
void stamp_batch(MutableByteView batch, Offset base, Term leader_epoch);

/// The CRC32C of all bytes of a batch whose own CRC was found valid, without reading its records.
/// Needs a whole header.
uint32_t stored_body_crc(ByteView stamped_batch);

struct HeaderView {
  std::string_view key = {};
  std::optional<ByteView> value = {};
};

/// One record; the memory belongs to somebody else.
struct RecordView {
  Offset offset = {};  ///< set by read_records(), ignored by BatchBuilder
  int64_t timestamp_ms = 0;
  std::optional<ByteView> key = {};
  std::optional<ByteView> value = {};
  std::vector<HeaderView> headers = {};  ///< in the producer's order; keys may repeat
};

/// Who sent a batch, and the number of its first record in that producer's sequence.
struct ProducerStamp {
  int64_t id = -1;  ///< -1: none
  int16_t epoch = -1;
  int32_t base_sequence = -1;
};

/// Packs records into one batch. Copies what it is given.
class BatchBuilder {
 public:
  /// kTooLarge when the batch would pass 2^31 - 1 bytes uncompressed; the batch is unchanged then.
  Result<void> add(const RecordView& record);

  int32_t record_count() const { return record_count_; }
  bool empty() const { return record_count_ == 0; }
  /// The uncompressed batch's exact size: an estimate, from above, of what build() returns.
  size_t estimated_bytes() const { return kBatchHeaderBytes + records_.size(); }
  /// estimated_bytes() if `record` were added next.
  size_t estimated_bytes_with(const RecordView& record) const;

  /// The batch, with base offset 0 and no leader epoch. kInvalidArgument when it has no record.
  /// May be called again: with another stamp it differs only in header fields.
  Result<std::vector<uint8_t>> build(Codec codec, const ProducerStamp& producer = {}) const;
  /// Forgets the records, keeps the memory.
  void clear();

 private:
  struct Sizes;
  Sizes sizes_of(const RecordView& record) const;

  std::vector<uint8_t> records_;
  int32_t record_count_ = 0;
  int64_t base_timestamp_ms_ = 0;
  int64_t max_timestamp_ms_ = 0;
};

/// The records of a whole stored batch. They point into `batch`, or into `scratch` when it is
/// compressed; both must live and stay unchanged as long as they are used.
/// kCorruptBatch when the CRC is wrong, or the records are not exactly as many and as long as the
/// header and each record say; kTooLarge when they unpack to more than `max_unpacked_bytes`;
/// kUnsupported for a codec this build lacks and for control batches.
Result<std::vector<RecordView>> read_records(ByteView batch, size_t max_unpacked_bytes,
                                             std::vector<uint8_t>& scratch);

}  // namespace strandlog
