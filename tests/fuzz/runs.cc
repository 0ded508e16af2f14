// Making entries whole.
#include "tests/fuzz/runs.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/endian.h"

namespace strandlog::fuzz {

// The fields' places: store/format.md, "Entry".
size_t repair_entry(MutableByteView run, const GroupId& group, RunEnd* end) {
  if (run.size() < kEntryHeaderBytes) return 0;
  const uint8_t* p = run.data();
  EntryHeader h;
  h.kind = static_cast<EntryKind>(std::max<uint8_t>(p[3], 1));
  h.flags = load_le<uint16_t>(p + 4);
  h.body_bytes = load_le<uint32_t>(p + 12);
  h.record_count = load_le<uint32_t>(p + 20);
  h.index = Index{load_le<uint64_t>(p + 24)};
  h.term = Term{load_le<uint64_t>(p + 32)};
  h.base_offset = Offset{load_le<uint64_t>(p + 40)};
  h.append_time_ms = load_le<int64_t>(p + 48);
  h.chain = load_le<uint64_t>(p + 56);

  size_t left = run.size() - kEntryHeaderBytes;
  if (h.body_bytes > left) h.body_bytes = static_cast<uint32_t>(h.body_bytes % (left + 1));
  h.body_crc = crc32c(run.subspan(kEntryHeaderBytes, h.body_bytes));
  if (end) {
    h.index = end->index.plus(1);
    h.term = std::max(h.term, end->term);
    h.base_offset = end->next_offset;
    h.chain = chain_after(end->chain, h);
    *end = {h.index, h.term, h.next_offset(), h.chain};
  }
  encode_entry_header(h, group, std::span<uint8_t, kEntryHeaderBytes>(run.data(), 64));
  return kEntryHeaderBytes + h.body_bytes;
}

}  // namespace strandlog::fuzz
