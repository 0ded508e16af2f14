// Segments that were damaged: read through a store, and alone with a range that may lie.
#include "store/segment.h"

#include "tests/fuzz/damage.h"
#include "tests/fuzz/entries.h"
#include "tests/fuzz/repairs.h"
#include "tests/fuzz/store_check.h"

namespace strandlog::fuzz {
namespace {

using store::FakeDisk;
using store::SegmentFile;
using store::SegmentReader;

constexpr uint64_t kPage = 4096;
constexpr size_t kLongLife = 2;
constexpr int kMaxWindows = 1000;  // a reader that needs more of a small file hangs

// The segments of the long life, each with the range that all of its entries make.
SegmentFile range_of(const std::string& path, ByteView file) {
  store::SegmentHeader header = store::decode_segment_header(file.first(kPage)).value();
  SegmentFile segment{path, header.uid, header.group, {}};
  segment.range.first = header.first;
  segment.range.term = header.term;
  segment.range.base_offset = header.base_offset;
  for (size_t at = kPage; at < file.size();) {
    auto entry = decode_entry(file.subspan(at), header.group);
    if (!entry.ok()) {
      at += kPage - at % kPage;
      continue;
    }
    const EntryHeader& h = entry->header;
    at += entry->whole.size();
    segment.range.end = {h.index, h.term, h.next_offset(), h.chain, h.append_time_ms};
    segment.range.end_position = at;
    segment.range.bytes += entry->whole.size();
  }
  return segment;
}

const std::vector<SegmentFile>& sample_segments() {
  static const std::vector<SegmentFile> kSegments = [] {
    const FakeDisk& disk = sample_store(kLongLife).disk;
    std::vector<SegmentFile> segments;
    for (const std::string& path : files_below(disk, "partitions/")) {
      segments.push_back(range_of(path, disk.bytes_of(path)));
    }
    return segments;
  }();
  return kSegments;
}

void change_range(store::SegmentRange& range, Input& input) {
  uint64_t* fields[] = {&range.first.value,     &range.term.value,     &range.base_offset.value,
                        &range.end.index.value, &range.end.term.value, &range.end.next_offset.value,
                        &range.end.chain,       &range.end_position,   &range.bytes};
  for (uint8_t count = input.byte() % 4; count > 0; --count) {
    uint64_t& field = *fields[input.byte() % std::size(fields)];
    uint8_t choice = input.byte();
    uint64_t value = input.number(2);
    if (choice % 4 == 0) field = value;
    if (choice % 4 == 1) field += value - 0x8000;
    if (choice % 4 == 2) field = UINT64_MAX - value;
    if (choice % 4 == 3) field = uint64_t{1} << value % 64;
  }
}

Result<store::ReadResult> read(FakeDisk& disk, const SegmentFile& file,
                               const store::SegmentIndex& index, const SegmentReader::Wish& wish) {
  FileHandle handle = disk.open(file.path, OpenMode::kRead).value();
  SegmentReader reader(file, index, wish);
  Result<void> result;
  for (int i = 0; result.ok() && reader.wanted(); ++i) {
    CHECK(i < kMaxWindows);
    std::vector<uint8_t> window(reader.wanted()->bytes);
    auto got = disk.read(handle, reader.wanted()->position, window);
    if (got.ok()) {
      window.resize(*got);
      result = reader.take(Bytes::take(std::move(window)));
    } else {
      result = got.error();
    }
  }
  disk.close(handle);
  if (!result.ok()) return result.error();
  return std::move(reader).result();
}

// What a reader gives is whole and in order; with `sound` it gives something.
void check_read(FakeDisk& disk, const SegmentFile& file, const store::SegmentIndex& index,
                bool sound, Input& input) {
  const store::SegmentRange& range = file.range;
  SegmentReader::Wish wish{Index{range.first.value + input.number(2)}, range.end.index,
                           input.number(2)};
  if (input.byte() % 2 == 1) wish.from = Offset{range.base_offset.value + input.number(2)};
  if (input.byte() % 2 == 1) wish.last = Index{range.first.value + input.byte()};
  auto result = read(disk, file, index, wish);
  CHECK(result.ok() || !sound);
  if (!result.ok()) {
    CHECK(result.error().code == Code::kCorruption || result.error().code == Code::kIo);
    return;
  }
  std::vector<uint8_t> run;
  for (const Bytes& piece : result->pieces) {
    run.insert(run.end(), piece.view().begin(), piece.view().end());
  }
  CHECK(run.size() == result->bytes);
  auto verified = store::verify_run(run, file.group, result->first);
  CHECK(verified.ok());
  if (!run.empty()) CHECK(verified->last == result->last && result->last <= wish.last);
}

void check_alone(FakeDisk& disk, SegmentFile file, Input& wishes) {
  auto index = store::scan_segment(disk, file, false);
  auto checked = store::scan_segment(disk, file, true);
  for (const auto* scan : {&index, &checked}) {
    if (scan->ok()) continue;
    Code code = scan->error().code;
    CHECK(code == Code::kCorruption || code == Code::kWrongIdentity || code == Code::kUnsupported ||
          code == Code::kIo || code == Code::kNotFound);
  }
  if (checked.ok()) CHECK(index.ok() && index->points() == checked->points());
  if (!index.ok() || index->points().empty()) return;
  for (int i = 0; i < 3; ++i) check_read(disk, file, *index, checked.ok(), wishes);
}

void repair_all(FakeDisk& disk, uint8_t repairs) {
  if (repairs == 0) return;
  for (const std::string& path : files_below(disk, "partitions/")) {
    auto file = disk.bytes_of(path);
    repair_segment(file, repairs);
    disk.put(path, file);
  }
}

}  // namespace

// First byte: 0 to 127 a segment by itself, from 128 on through a store, from 192 on with damage
// that is honest. Second byte: what is repaired. Then, of a segment by itself, wishes and changes
// to its range. Then the damage.
void feed_segment(ByteView bytes) {
  Input input(bytes);
  uint8_t choice = input.byte();
  uint8_t repairs = input.byte();
  const SampleStore& sample = sample_store(kLongLife);
  FakeDisk disk = sample.disk;
  bool honest = choice >= 192;
  if (choice >= 128) {
    do_damage(disk, "partitions/", input, honest ? kHonestDamages : kDamages, honest ? 6 : 40);
    if (!honest) repair_all(disk, repairs);
    return check_store(disk, honest ? &sample.snapshots : nullptr, !honest && repairs != 0);
  }
  SegmentFile file = sample_segments()[choice % sample_segments().size()];
  Input wishes(input.take(24));
  change_range(file.range, input);
  do_damage(disk, file.path, input, kDamages, 40);
  repair_all(disk, repairs);
  check_alone(disk, file, wishes);
}

}  // namespace strandlog::fuzz
