// Stored entries for the tests that read them.
#pragma once

#include <string>
#include <vector>

#include "base/crc32c.h"
#include "base/entry.h"
#include "base/record_batch.h"

namespace strandlog::client {

/// A data entry at `base` with one record per value.
inline std::vector<uint8_t> data_entry(const GroupId& group, uint64_t base,
                                       const std::vector<std::string>& values,
                                       Codec codec = Codec::kNone, int64_t append_time_ms = 0) {
  BatchBuilder builder;
  for (const std::string& value : values) {
    RecordView record;
    record.timestamp_ms = 5;
    record.key = view_of("k");
    record.value = view_of(value);
    record.headers.push_back({"h", view_of("w")});
    CHECK(builder.add(record).ok());
  }
  auto batch = builder.build(codec);
  CHECK(batch.ok());
  stamp_batch(*batch, Offset{base}, Term{1});
  EntryHeader header;
  header.kind = EntryKind::kData;
  header.body_bytes = static_cast<uint32_t>(batch->size());
  header.body_crc = crc32c(*batch);
  header.record_count = static_cast<uint32_t>(values.size());
  header.index = Index{base + 1};
  header.term = Term{1};
  header.base_offset = Offset{base};
  header.append_time_ms = append_time_ms;
  std::vector<uint8_t> out(kEntryHeaderBytes);
  encode_entry_header(header, group, std::span<uint8_t, kEntryHeaderBytes>(out.data(), 64));
  out.insert(out.end(), batch->begin(), batch->end());
  return out;
}

inline std::vector<uint8_t> control_entry(const GroupId& group, uint64_t base) {
  EntryHeader header;
  header.kind = EntryKind::kNoop;
  header.index = Index{base + 1};
  header.term = Term{1};
  header.base_offset = Offset{base};
  std::vector<uint8_t> out(kEntryHeaderBytes);
  encode_entry_header(header, group, std::span<uint8_t, kEntryHeaderBytes>(out.data(), 64));
  return out;
}

inline std::vector<uint8_t> joined(std::vector<std::vector<uint8_t>> parts) {
  std::vector<uint8_t> out;
  for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

}  // namespace strandlog::client
