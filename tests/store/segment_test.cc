// Reading segments: what is served is whole, and no damage goes unseen.
#include "store/segment.h"

#include <gmock/gmock.h>

#include "tests/store/segment_builder.h"

namespace strandlog::store {
namespace {

using ::testing::HasSubstr;

// A disk with one finished segment of `log`, written in batches of `per_piece` entries.
struct Written {
  SegmentBench bench;
  SegmentFile file;
  SegmentIndex index;

  Written(const LogBuilder& log, size_t per_piece) {
    auto writer = bench.create();
    for (size_t i = 0; i < log.size(); i += per_piece) {
      bench.write(*writer, log.run(i, std::min(i + per_piece, log.size()) - 1));
    }
    file = writer->file();
    index = writer->index();
  }
};

struct ReadOut {
  Result<void> status;
  ReadResult result;
  size_t reads = 0;
  std::vector<uint8_t> joined() const {
    std::vector<uint8_t> out;
    for (const Bytes& piece : result.pieces) {
      out.insert(out.end(), piece.data(), piece.data() + piece.size());
    }
    return out;
  }
};

ReadOut read(FakeDisk& disk, const SegmentFile& file, const SegmentIndex& index,
             const SegmentReader::Wish& wish) {
  ReadOut out;
  FileHandle handle = disk.open(file.path, OpenMode::kRead).value();
  SegmentReader reader(file, index, wish);
  while (auto range = reader.wanted()) {
    std::vector<uint8_t> window(range->bytes);
    auto got = disk.read(handle, range->position, window);
    window.resize(got.value());
    ++out.reads;
    out.status = reader.take(Bytes::take(std::move(window)));
    if (!out.status.ok()) break;
  }
  disk.close(handle);
  out.result = std::move(reader).result();
  return out;
}

SegmentReader::Wish from_index(uint64_t index, uint64_t max_bytes = 1 << 20,
                               uint64_t last = UINT64_MAX) {
  return {Index{index}, Index{last}, max_bytes};
}
SegmentReader::Wish from_offset(uint64_t offset, uint64_t max_bytes = 1 << 20) {
  return {Offset{offset}, Index{UINT64_MAX}, max_bytes};
}

TEST(SegmentScan, FindsEveryEntryThroughThePadding) {
  LogBuilder log(test_group(9));
  log.add_many(40, 1000);
  Written segment(log, 3);

  SegmentScan scan(segment.file, true);
  FileHandle handle = segment.bench.disk.open(segment.file.path, OpenMode::kRead).value();
  while (auto range = scan.wanted()) {
    std::vector<uint8_t> window(range->bytes);
    ASSERT_TRUE(segment.bench.disk.read(handle, range->position, window).ok());
    ASSERT_TRUE(scan.take(window).ok());
  }

  EXPECT_EQ(scan.end(), log.end());
  EXPECT_EQ(scan.end_position(), segment.file.range.end_position);
  EXPECT_EQ(scan.index().points(), segment.index.points()) << "as built while writing";
}

TEST(SegmentScan, AcceptsASegmentWithoutEntries) {
  SegmentBench bench;
  bench.disk.put("partitions/7/x", std::vector<uint8_t>(kSegmentHeaderBytes));
  auto header = bench.header();
  std::vector<uint8_t> page(kSegmentHeaderBytes);
  encode_segment_header(header, page);
  bench.disk.put("partitions/7/x", page);
  SegmentFile file{"partitions/7/x", Uid{7}, bench.group, bench.create()->taken()};
  EXPECT_TRUE(scan_segment(bench.disk, file, true).ok());
}

TEST(SegmentScan, KnowsAnotherReplicasFile) {
  LogBuilder log(test_group(9));
  Written segment(log.add(10), 1);
  segment.file.uid = Uid{8};
  EXPECT_EQ(scan_segment(segment.bench.disk, segment.file, true).error().code,
            Code::kWrongIdentity);
}

TEST(SegmentScan, DetectsDamageOfEveryByteThatCounts) {
  LogBuilder log(test_group(9));
  log.add(300).add(0, 0).add(5000).add(1);
  Written segment(log, 2);
  FakeDisk& disk = segment.bench.disk;
  ASSERT_TRUE(scan_segment(disk, segment.file, true).ok());

  for (uint64_t at = 0; at < segment.file.range.end_position; ++at) {
    for (uint8_t mask : {uint8_t{0x01}, uint8_t{0x80}, uint8_t{0xff}}) {
      disk.flip(segment.file.path, at, mask);
      auto scanned = scan_segment(disk, segment.file, true);
      ASSERT_FALSE(scanned.ok()) << "byte " << at;
      ASSERT_EQ(scanned.error().code, Code::kCorruption) << scanned.error().text;
      ASSERT_THAT(scanned.error().text, HasSubstr(segment.file.path + " at "));
      ASSERT_THAT(scanned.error().text, HasSubstr("entry "));
      disk.flip(segment.file.path, at, mask);
    }
  }
}

TEST(SegmentScan, DetectsEveryZeroedByte) {
  LogBuilder log(test_group(9));
  log.add(300).add(40);
  Written segment(log, 1);
  FakeDisk& disk = segment.bench.disk;
  std::vector<uint8_t> whole = disk.bytes_of(segment.file.path);
  for (uint64_t at = 0; at < segment.file.range.end_position; ++at) {
    if (whole[at] == 0) continue;
    std::vector<uint8_t> damaged = whole;
    damaged[at] = 0;
    disk.put(segment.file.path, damaged);
    ASSERT_FALSE(scan_segment(disk, segment.file, true).ok()) << "byte " << at;
  }
}

TEST(SegmentScan, DetectsAMissingEndAndAPageOfZeroes) {
  LogBuilder log(test_group(9));
  log.add_many(10, 3000);
  Written segment(log, 2);
  FakeDisk& disk = segment.bench.disk;
  std::vector<uint8_t> whole = disk.bytes_of(segment.file.path);
  for (uint64_t size = 0; size < segment.file.range.end_position; size += 512) {
    disk.put(segment.file.path, ByteView(whole).first(size));
    auto scanned = scan_segment(disk, segment.file, false);
    ASSERT_FALSE(scanned.ok()) << "cut at " << size;
    ASSERT_EQ(scanned.error().code, Code::kCorruption);
  }
  for (uint64_t page = 0; page < segment.file.range.end_position; page += kPageBytes) {
    std::vector<uint8_t> damaged = whole;
    std::fill_n(damaged.begin() + static_cast<ptrdiff_t>(page), kPageBytes, uint8_t{0});
    disk.put(segment.file.path, damaged);
    ASSERT_FALSE(scan_segment(disk, segment.file, true).ok()) << "page at " << page;
  }
}

TEST(SegmentScan, BelievesTheRecordedEndAndNotTheFile) {
  LogBuilder log(test_group(9));
  log.add_many(6, 500);
  Written segment(log, 3);
  SegmentFile shorter = segment.file;
  LogBuilder half(test_group(9));
  half.add_many(3, 500);
  shorter.range.end = half.end();
  shorter.range.end_position = kSegmentHeaderBytes + 3 * (500 + kEntryHeaderBytes);
  EXPECT_TRUE(scan_segment(segment.bench.disk, shorter, true).ok());

  SegmentFile longer = segment.file;
  longer.range.end.index = Index{7};
  longer.range.end_position += 100;
  EXPECT_EQ(scan_segment(segment.bench.disk, longer, true).error().code, Code::kCorruption);
  SegmentFile other_chain = segment.file;
  other_chain.range.end.chain ^= 1;
  EXPECT_EQ(scan_segment(segment.bench.disk, other_chain, true).error().code, Code::kCorruption);
}

// A recorded end that cannot be right must be an answer, not a reader that asks for ever.
TEST(SegmentScan, RefusesAnEndThatLiesBeforeItsEntries) {
  LogBuilder log(test_group(9));
  log.add(4096 - 64 - 32).add(5000).add(100);  // the second begins 32 bytes before a page
  Written segment(log, 3);
  for (uint64_t end : {uint64_t{2} * kPageBytes, 2 * kPageBytes - 32, uint64_t{0}, UINT64_MAX}) {
    SegmentFile file = segment.file;
    file.range.end_position = end;
    auto index = scan_segment(segment.bench.disk, file, true);
    ASSERT_FALSE(index.ok()) << end;
    EXPECT_EQ(index.error().code, Code::kCorruption);
  }
}

TEST(SegmentIndex, IsSparse) {
  LogBuilder log(test_group(9));
  log.add_many(400, 1000);
  Written segment(log, 10);
  const auto& points = segment.index.points();
  EXPECT_GE(points.size(), 6u);
  EXPECT_LE(points.size(), 8u);
  EXPECT_EQ(segment.index.find(Index{0}), points[0]);
  EXPECT_EQ(segment.index.find(points[2].index), points[2]);
  EXPECT_EQ(segment.index.find(points[3].index.previous()), points[2]);
  EXPECT_EQ(segment.index.find(points[3].offset.previous()), points[2]);
  EXPECT_EQ(segment.index.find(Offset{1u << 30}), points.back());
}

TEST(SegmentReader, ServesExactlyTheWantedEntries) {
  LogBuilder log(test_group(9));
  log.add_many(300, 1000);
  Written segment(log, 7);
  for (uint64_t first : {1u, 2u, 8u, 64u, 150u, 299u, 300u}) {
    for (uint64_t last : {first, first + 1, first + 100}) {
      uint64_t end = std::min<uint64_t>(last, 300);
      auto out =
          read(segment.bench.disk, segment.file, segment.index, from_index(first, 1 << 20, last));
      ASSERT_TRUE(out.status.ok()) << out.status.error().text;
      EXPECT_EQ(out.result.first, Index{first});
      EXPECT_EQ(out.result.last, Index{end});
      EXPECT_EQ(out.joined(), log.run(first - 1, end - 1));
      EXPECT_EQ(out.result.bytes, out.joined().size());
    }
  }
}

TEST(SegmentReader, StopsBeforeTheLimitButNeverBeforeTheFirstEntry) {
  LogBuilder log(test_group(9));
  log.add_many(20, 1000 - kEntryHeaderBytes);
  Written segment(log, 5);
  for (uint64_t max : {uint64_t{0}, uint64_t{999}, uint64_t{1000}, uint64_t{1999}}) {
    auto out = read(segment.bench.disk, segment.file, segment.index, from_index(3, max));
    EXPECT_EQ(out.result.last, Index{3}) << max;
  }
  auto out = read(segment.bench.disk, segment.file, segment.index, from_index(3, 5000));
  EXPECT_EQ(out.result.last, Index{7});
  EXPECT_EQ(out.result.bytes, 5000u);
}

TEST(SegmentReader, FindsTheEntryThatHoldsAnOffsetOrTheFirstAfter) {
  LogBuilder log(test_group(9));
  log.add(100, 10).add(0, 0).add(100, 5).add(0, 0).add(0, 0).add(100, 1);
  Written segment(log, 2);
  struct Case {
    uint64_t offset, first;
  };
  for (Case c : {Case{0, 1}, {9, 1}, {10, 3}, {14, 3}, {15, 6}}) {
    auto out = read(segment.bench.disk, segment.file, segment.index, from_offset(c.offset));
    ASSERT_TRUE(out.status.ok());
    EXPECT_EQ(out.result.first, Index{c.first}) << "offset " << c.offset;
    EXPECT_EQ(out.result.last, Index{6});
    EXPECT_EQ(out.joined(), log.run(c.first - 1, 5));
  }
  auto beyond = read(segment.bench.disk, segment.file, segment.index, from_offset(16));
  EXPECT_TRUE(beyond.status.ok());
  EXPECT_LT(beyond.result.last, beyond.result.first);
}

TEST(SegmentReader, FindsOffsetsAcrossManyIndexPoints) {
  LogBuilder log(test_group(9));
  log.add_many(500, 900, 3);
  Written segment(log, 13);
  for (uint64_t offset = 0; offset < 1500; offset += 37) {
    auto out = read(segment.bench.disk, segment.file, segment.index, from_offset(offset, 0));
    ASSERT_TRUE(out.status.ok());
    ASSERT_EQ(out.result.first, Index{offset / 3 + 1});
    ASSERT_EQ(out.reads, 1u) << "one read of the index's distance is enough";
  }
}

TEST(SegmentReader, ReadsEntriesLongerThanAWindow) {
  LogBuilder log(test_group(9));
  log.add(100).add(3 << 20).add(100).add(2 << 20).add(100);
  Written segment(log, 1);
  auto out = read(segment.bench.disk, segment.file, segment.index, from_index(1, 64 << 20));
  ASSERT_TRUE(out.status.ok()) << out.status.error().text;
  EXPECT_EQ(out.joined(), log.all());
  EXPECT_LE(out.reads, 8u);
}

TEST(SegmentReader, ServesWhatIsWholeAndNamesWhatIsDamaged) {
  LogBuilder log(test_group(9));
  log.add_many(10, 100);
  Written segment(log, 10);
  uint64_t entry_6 = kSegmentHeaderBytes + 5 * (100 + kEntryHeaderBytes);
  segment.bench.disk.flip(segment.file.path, entry_6 + 70);

  auto before = read(segment.bench.disk, segment.file, segment.index, from_index(1, 1 << 20, 5));
  EXPECT_TRUE(before.status.ok());
  auto behind = read(segment.bench.disk, segment.file, segment.index, from_index(7));
  EXPECT_TRUE(behind.status.ok()) << "the body of an entry that is skipped does not matter";
  auto across = read(segment.bench.disk, segment.file, segment.index, from_index(1));
  ASSERT_FALSE(across.status.ok());
  EXPECT_EQ(across.status.error().code, Code::kCorruption);
  EXPECT_THAT(across.status.error().text,
              HasSubstr(segment.file.path + " at " + std::to_string(entry_6) + ", entry 6: "));
}

}  // namespace
}  // namespace strandlog::store
