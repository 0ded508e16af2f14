// Recomputing checksums.
#include "tests/fuzz/repairs.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/endian.h"
#include "tests/fuzz/runs.h"

namespace strandlog::fuzz {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kFixedBytes = 96, kItemBytes = 64, kRepeatedBytes = 40;
constexpr uint32_t kRoundMagic = 0x444e5253;
constexpr uint8_t kEntriesItem = 1;

// The CRC goes to `hole`, which counts as zero.
void seal(MutableByteView bytes, size_t hole, uint32_t seed) {
  store_le<uint32_t>(bytes.data() + hole, 0);
  store_le<uint32_t>(bytes.data() + hole, crc32c(bytes, seed));
}

GroupId group_of(uint64_t uid) {
  GroupId group;
  group.bytes.fill(static_cast<uint8_t>(uid));
  return group;
}

// The CRC over the headers of a run.
uint32_t repair_run(MutableByteView run, uint64_t uid, uint8_t repairs) {
  uint32_t crc = 0;
  std::optional<RunEnd> end;
  while (run.size() >= kEntryHeaderBytes) {
    size_t taken = kEntryHeaderBytes + size_t{load_le<uint32_t>(run.data() + 12)};
    if ((repairs & kRepairEntries) != 0) {
      bool follows = end && (repairs & kRepairChain) != 0;
      taken = repair_entry(run, group_of(uid), follows ? &*end : nullptr);
      const uint8_t* p = run.data();
      EntryHeader h = decode_entry_header(run, group_of(uid)).value();
      end = {h.index, h.term, h.next_offset(), load_le<uint64_t>(p + 56)};
    }
    crc = crc32c(run.first(kEntryHeaderBytes), crc);
    run = run.subspan(std::min(taken, run.size()));
  }
  return crc;
}

void repair_item(MutableByteView item, MutableByteView round, uint8_t repairs) {
  uint64_t begin = uint64_t{load_le<uint32_t>(round.data() + 60)} + load_le<uint32_t>(&item[8]);
  uint64_t bytes = load_le<uint32_t>(&item[12]);
  if (begin > round.size() || bytes > round.size() - begin) return;
  MutableByteView payload = round.subspan(begin, bytes);
  uint32_t crc = item[0] == kEntriesItem
                     ? repair_run(payload, load_le<uint64_t>(&item[16]), repairs)
                     : crc32c(payload);
  if ((repairs & kRepairItems) != 0) store_le<uint32_t>(&item[4], crc);
}

// Returns the round's length.
size_t repair_round(MutableByteView round, ByteView header, uint8_t repairs) {
  uint8_t* p = round.data();
  if ((repairs & kRepairSequence) != 0) std::memcpy(p + 48, header.data() + 32, 8);
  uint64_t items = load_le<uint32_t>(p + 68), repeated = load_le<uint32_t>(p + 72);
  uint64_t lists = items * kItemBytes + repeated * kRepeatedBytes;
  uint64_t total = load_le<uint32_t>(p + 64);
  if (lists > round.size() - kFixedBytes) return kPage;
  MutableByteView whole =
      round.first(std::min<uint64_t>(std::max<uint64_t>(total, kFixedBytes + lists), round.size()));
  for (uint64_t i = 0; i < items; ++i) {
    repair_item(whole.subspan(kFixedBytes + i * kItemBytes, kItemBytes), whole, repairs);
  }
  if ((repairs & kRepairRoundHead) != 0) {
    uint32_t seed = crc32c(header.subspan(40, 8));  // the salt
    store_le<uint32_t>(p + 12, crc32c(whole.subspan(kFixedBytes, lists), seed));
    seal(round.first(kFixedBytes), 8, seed);
  }
  bool pages = total > 0 && total % kPage == 0 && total <= round.size();
  return pages ? static_cast<size_t>(total) : kPage;
}

}  // namespace

void repair_journal(std::vector<uint8_t>& file, uint8_t repairs) {
  if (file.size() < 2 * kPage) return;
  MutableByteView all(file);
  if ((repairs & kRepairFileHeader) != 0) {
    for (size_t copy : {size_t{0}, kPage}) seal(all.subspan(copy, kPage), 12, 0);
  }
  for (size_t at = 2 * kPage; at + kPage <= all.size();) {
    bool head = load_le<uint32_t>(all.data() + at) == kRoundMagic;
    at += head ? repair_round(all.subspan(at), all.first(kPage), repairs) : kPage;
  }
}

void repair_segment(std::vector<uint8_t>& file, uint8_t repairs) {
  if (file.size() < kPage) return;
  MutableByteView all(file);
  if ((repairs & kRepairFileHeader) != 0) seal(all.first(kPage), 8, 0);
  if ((repairs & kRepairEntries) == 0) return;
  GroupId group = group_of(load_le<uint64_t>(all.data() + 16));
  RunEnd end{Index{load_le<uint64_t>(all.data() + 40)}.previous(), Term{0},
             Offset{load_le<uint64_t>(all.data() + 56)}, load_le<uint64_t>(all.data() + 64)};
  for (size_t at = kPage; at + kEntryHeaderBytes <= all.size();) {
    if (all[at] == 0) {
      at += kPage - at % kPage;
    } else {
      at += repair_entry(all.subspan(at), group, (repairs & kRepairChain) != 0 ? &end : nullptr);
    }
  }
}

}  // namespace strandlog::fuzz
