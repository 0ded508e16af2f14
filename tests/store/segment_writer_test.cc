// Writing segments: pieces, padding, rollover, full disks, power cuts.
#include "store/segment_writer.h"

#include <gmock/gmock.h>
#include <poll.h>

#include "store/posix_disk.h"
#include "tests/store/segment_builder.h"
#include "tests/store/temp_directory.h"

namespace strandlog::store {
namespace {

using ::testing::HasSubstr;

TEST(SegmentWriter, PadsAPieceToAPageAndGoesOnThere) {
  SegmentBench bench;
  LogBuilder log(bench.group);
  log.add(100).add(200).add(300);
  auto writer = bench.create();
  bench.write(*writer, log.run(0, 1));
  bench.write(*writer, log.run(2, 2));

  auto bytes = bench.disk.bytes_of("partitions/7/00000000000000000001-5.seg");
  ASSERT_EQ(bytes.size(), 3 * kPageBytes);
  EXPECT_EQ(decode_segment_header(bytes).value(), bench.header());
  auto first = log.run(0, 1), second = log.run(2, 2);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), bytes.begin() + 4096));
  for (size_t i = 4096 + first.size(); i < 8192; ++i) ASSERT_EQ(bytes[i], 0) << i;
  EXPECT_TRUE(std::equal(second.begin(), second.end(), bytes.begin() + 8192));
  EXPECT_EQ(writer->written().end_position, 8192 + second.size());
  EXPECT_EQ(writer->written().bytes, first.size() + second.size());
  EXPECT_EQ(writer->bytes_written(), 3 * kPageBytes);
}

TEST(SegmentWriter, GoesOnAtTheSamePageWhenAPieceFillsItExactly) {
  SegmentBench bench;
  LogBuilder log(bench.group);
  log.add(kPageBytes - kEntryHeaderBytes).add(10);
  auto writer = bench.create();
  bench.write(*writer, log.run(0, 0));
  EXPECT_EQ(writer->written().end_position, 8192u);
  bench.write(*writer, log.run(1, 1));
  EXPECT_EQ(writer->written().end_position, 8192 + 10 + kEntryHeaderBytes);
  EXPECT_TRUE(scan_segment(bench.disk, writer->file(), true).ok());
}

TEST(SegmentWriter, FillsPiecesAndWritesThemAsTheyAreFull) {
  SegmentBench bench;  // pieces of 16 KiB
  LogBuilder log(bench.group);
  log.add_many(30, 1000);
  auto writer = bench.create();

  EXPECT_EQ(writer->append(log.all()).value(), log.all().size());

  EXPECT_EQ(bench.disk.pending_count(), 2u);
  EXPECT_EQ(writer->taken().end, log.end());
  EXPECT_EQ(writer->written().end.index, Index{0});
  EXPECT_TRUE(bench.poll(*writer).empty());
  EXPECT_LT(writer->written().end.index, Index{30});
  EXPECT_GT(writer->written().end.index, Index{20});
  EXPECT_FALSE(writer->idle()) << "a piece is open";
  writer->flush_partial();
  EXPECT_TRUE(bench.poll(*writer).empty());
  EXPECT_EQ(writer->written().end, log.end());
  EXPECT_TRUE(writer->idle());
  EXPECT_EQ(bench.pool.out(), 0u);
}

TEST(SegmentWriter, GivesALongEntryAPieceOfItsOwn) {
  SegmentBench bench;
  LogBuilder log(bench.group);
  log.add(100).add(100'000).add(100);
  auto writer = bench.create();
  bench.write(*writer, log.all());
  EXPECT_EQ(writer->written().end, log.end());
  EXPECT_TRUE(scan_segment(bench.disk, writer->file(), true).ok());
}

TEST(SegmentWriter, TakesNoMoreThanThePoolHolds) {
  SegmentBench bench;  // four pieces
  LogBuilder log(bench.group);
  log.add_many(100, 1000);
  auto writer = bench.create();
  bench.disk.hold();
  std::vector<uint8_t> run = log.all();

  uint64_t taken = writer->append(run).value();
  EXPECT_GT(taken, 3u * (14 << 10));
  EXPECT_LT(taken, 4u * (16 << 10));
  EXPECT_EQ(writer->append(ByteView(run).subspan(taken)).value(), 0u);
  EXPECT_EQ(bench.pool.out(), 4u);

  bench.disk.release();
  bench.write(*writer, ByteView(run).subspan(taken));
  EXPECT_EQ(writer->written().end, log.end());
  EXPECT_TRUE(scan_segment(bench.disk, writer->file(), true).ok());
}

TEST(SegmentWriter, RollsOverWhenTheSegmentIsLongEnough) {
  SegmentBench bench;
  LogBuilder log(bench.group);
  log.add_many(50, 1000);
  auto first = bench.create(20'000);
  std::vector<uint8_t> run = log.all();
  uint64_t taken = first->append(run).value();
  ASSERT_TRUE(first->full());
  ASSERT_LT(taken, run.size());
  EXPECT_EQ(first->append(ByteView(run).subspan(taken)).value(), 0u);
  first->flush_partial();
  EXPECT_TRUE(bench.poll(*first).empty());

  SegmentHeader next = first->next_header(Term{5});
  EXPECT_EQ(next.first, first->taken().end.index.plus(1));
  auto second = std::move(SegmentWriter::create(bench.seams(), next, 1 << 20)).value();
  bench.write(*second, ByteView(run).subspan(taken));

  EXPECT_EQ(second->written().end, log.end());
  EXPECT_TRUE(scan_segment(bench.disk, first->file(), true).ok());
  EXPECT_TRUE(scan_segment(bench.disk, second->file(), true).ok());
  EXPECT_EQ(bench.disk.list("partitions/7").value().size(), 2u);
}

TEST(SegmentWriter, IsDurableAfterAFlushWithItsName) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    SegmentBench bench;
    LogBuilder log(bench.group);
    log.add_many(20, 3000);
    auto writer = bench.create();
    bench.write(*writer, log.run(0, 9));
    EXPECT_EQ(writer->durable().end.index, Index{0});
    writer->flush();
    ASSERT_TRUE(bench.poll(*writer).empty());
    EXPECT_EQ(writer->durable().end.index, Index{10});
    SegmentFile durable{writer->file().path, Uid{7}, bench.group, writer->durable()};
    bench.write(*writer, log.run(10, 19));
    EXPECT_EQ(writer->durable().end.index, Index{10});

    bench.disk.crash(seed);

    auto index = scan_segment(bench.disk, durable, true);
    ASSERT_TRUE(index.ok()) << index.error().text;
  }
}

TEST(SegmentWriter, GoesOnBehindARecordedEndWhateverLiesThere) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SegmentBench bench;
    LogBuilder log(bench.group);
    // Ends inside a page and exactly at one.
    log.add_many(3, 700).add(seed % 2 == 0 ? 50 : 4096 - 3 * 764 - kEntryHeaderBytes);
    log.add_many(12, 3000);
    auto writer = bench.create();
    bench.write(*writer, log.run(0, 3));
    writer->flush();
    ASSERT_TRUE(bench.poll(*writer).empty());
    SegmentFile file{writer->file().path, Uid{7}, bench.group, writer->durable()};
    ASSERT_EQ(file.range.end_position % kPageBytes == 0, seed % 2 == 1);
    bench.write(*writer, log.run(4, 10));
    std::vector<uint8_t> valid = bench.disk.bytes_of(file.path);
    valid.resize(file.range.end_position);
    bench.disk.crash(seed);
    writer.reset();

    SegmentIndex index = scan_segment(bench.disk, file, true).value();
    auto again = SegmentWriter::reopen(bench.seams(), file, index, 1 << 20);
    ASSERT_TRUE(again.ok()) << again.error().text;
    size_t split = 4 + seed % 5;  // pieces cut elsewhere than before
    bench.write(**again, log.run(4, split));
    bench.write(**again, log.run(split + 1, log.size() - 1));

    EXPECT_EQ((*again)->written().end, log.end());
    auto scanned = scan_segment(bench.disk, (*again)->file(), true);
    ASSERT_TRUE(scanned.ok()) << scanned.error().text;
    EXPECT_EQ(scanned->points(), (*again)->index().points());
    std::vector<uint8_t> now = bench.disk.bytes_of(file.path);
    now.resize(valid.size());
    EXPECT_EQ(now, valid) << "no byte that counts was written again";
  }
}

TEST(SegmentWriter, RefusesToGoOnInAFileThatIsNotTheRecordedOne) {
  SegmentBench bench;
  LogBuilder log(bench.group);
  log.add_many(4, 3000);
  auto writer = bench.create();
  bench.write(*writer, log.all());
  SegmentFile file = writer->file();
  auto code = [&](const SegmentFile& f) {
    auto opened = SegmentWriter::reopen(bench.seams(), f, SegmentIndex(), 1 << 20);
    return opened.ok() ? Code::kInternal : opened.error().code;
  };
  SegmentFile missing = file;
  missing.path = "partitions/7/00000000000000000009-5.seg";
  EXPECT_EQ(code(missing), Code::kCorruption);
  EXPECT_FALSE(bench.disk.exists(missing.path));
  SegmentFile longer = file;
  longer.range.end_position += kPageBytes;
  EXPECT_EQ(code(longer), Code::kCorruption);
  SegmentFile other = file;
  other.uid = Uid{8};
  EXPECT_EQ(code(other), Code::kCorruption);
  bench.disk.flip(file.path, 20);
  EXPECT_EQ(code(file), Code::kCorruption);
}

TEST(SegmentWriter, WaitsWithAPieceThatFoundTheDiskFull) {
  SegmentBench bench;
  LogBuilder log(bench.group);
  log.add_many(40, 1000);
  auto writer = bench.create();
  bench.disk.set_capacity(20'000);
  ASSERT_TRUE(writer->append(log.run(0, 29)).ok());
  writer->flush_partial();

  auto errors = bench.poll(*writer);
  ASSERT_FALSE(errors.empty());
  EXPECT_EQ(errors[0].code, Code::kDiskFull);
  EXPECT_TRUE(writer->must_retry());
  Index written = writer->written().end.index;
  EXPECT_LT(written, Index{30});

  writer->retry();
  EXPECT_FALSE(bench.poll(*writer).empty()) << "still full";
  bench.disk.set_capacity(1 << 20);
  writer->retry();
  EXPECT_TRUE(bench.poll(*writer).empty());
  EXPECT_FALSE(writer->must_retry());
  EXPECT_EQ(writer->written().end.index, Index{30});
  bench.write(*writer, log.run(30, 39));
  EXPECT_TRUE(scan_segment(bench.disk, writer->file(), true).ok());
  EXPECT_EQ(bench.pool.out(), 0u);
}

TEST(SegmentWriter, CountsNothingBehindAHole) {
  SegmentBench bench;
  LogBuilder log(bench.group);
  log.add_many(3, 1000);
  auto writer = bench.create();
  bench.disk.fail_write(2);
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(writer->append(log.run(i, i)).ok());
    writer->flush_partial();
  }
  writer->flush();

  auto errors = bench.poll(*writer);

  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].code, Code::kIo);
  EXPECT_EQ(writer->written().end.index, Index{1});
  EXPECT_EQ(writer->durable().end.index, Index{1});
}

TEST(SegmentWriter, ReportsAFailedFlushAndIsNotDurable) {
  SegmentBench bench;
  LogBuilder log(bench.group);
  auto writer = bench.create();
  bench.write(*writer, log.add(10).all());
  bench.disk.fail_flush(1);
  writer->flush();
  auto errors = bench.poll(*writer);
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].code, Code::kIo);
  EXPECT_THAT(errors[0].text, HasSubstr(writer->file().path));
  EXPECT_EQ(writer->durable().end.index, Index{0});
}

TEST(SegmentWriter, WorksOnTheRealDisk) {
  TempDirectory directory;
  auto disk = std::move(PosixDisk::open(directory.path())).value();
  ASSERT_TRUE(disk->make_directory("partitions").ok());
  SegmentBench bench;
  LogBuilder log(bench.group);
  log.add_many(50, 3000).add(40'000).add(5);
  auto writer =
      std::move(SegmentWriter::create({*disk, bench.pool, bench.tickets}, bench.header(), 1 << 20))
          .value();
  auto finish_one = [&] {
    pollfd wake{disk->wake_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&wake, 1, 10'000), 1);
    std::vector<DiskDone> done;
    disk->poll(done);
    for (const DiskDone& d : done) ASSERT_TRUE(writer->on_done(d).ok());
  };
  std::vector<uint8_t> all = log.all();
  for (ByteView run(all); !run.empty();) {
    uint64_t taken = writer->append(run).value();
    run = run.subspan(taken);
    if (taken == 0) finish_one();
  }
  writer->flush_partial();
  writer->flush();
  while (!writer->idle() && !HasFatalFailure()) finish_one();

  EXPECT_EQ(writer->durable().end, log.end());
  auto scanned = scan_segment(*disk, writer->file(), true);
  ASSERT_TRUE(scanned.ok()) << scanned.error().text;
  EXPECT_EQ(scanned->points(), writer->index().points());
}

TEST(SegmentWriter, LeavesForeignTicketsAloneAndDamagedMemoryOut) {
  SegmentBench bench;
  LogBuilder log(bench.group);
  auto writer = bench.create();
  EXPECT_FALSE(writer->on_done({999, uint64_t{0}}).value());
  std::vector<uint8_t> run = log.add(10).all();
  run[30] ^= 1;
  EXPECT_EQ(writer->append(run).error().code, Code::kCorruption);
}

}  // namespace
}  // namespace strandlog::store
