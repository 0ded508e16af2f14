// What FakeDisk promises to the tests built on it.
#include "tests/store/fake_disk.h"

#include <gmock/gmock.h>

#include <tuple>

#include "tests/store/aligned_bytes.h"

namespace strandlog::store {
namespace {

using ::testing::ElementsAre;

DiskOp write_op(uint64_t ticket, FileHandle file, uint64_t position, Bytes bytes,
                bool flush = false) {
  DiskOp op;
  op.ticket = ticket;
  op.file = file;
  op.position = position;
  op.pieces = {std::move(bytes)};
  op.flush_after = flush;
  return op;
}

std::vector<uint64_t> tickets(FakeDisk& disk) {
  std::vector<DiskDone> done;
  disk.poll(done);
  std::vector<uint64_t> out;
  for (const DiskDone& d : done) out.push_back(d.ticket);
  return out;
}

std::string content(const FakeDisk& disk, const std::string& path) {
  auto bytes = disk.bytes_of(path);
  return {bytes.begin(), bytes.end()};
}

FileHandle create(FakeDisk& disk, const std::string& path, std::string_view text) {
  FileHandle file = disk.open(path, OpenMode::kWriteBuffered).value();
  EXPECT_TRUE(disk.write(file, 0, view_of(text)).ok());
  return file;
}

TEST(FakeDisk, KeepsFlushedBytesOfAFileWhoseDirectoryWasFlushed) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    FakeDisk disk;
    FileHandle file = create(disk, "journal/a", "kept");
    ASSERT_TRUE(disk.flush(file).ok());
    ASSERT_TRUE(disk.flush_directory("journal").ok());

    disk.crash(seed);

    EXPECT_EQ(content(disk, "journal/a"), "kept");
  }
}

TEST(FakeDisk, MayLoseANameWhoseDirectoryWasNotFlushed) {
  int kept = 0;
  for (uint64_t seed = 0; seed < 64; ++seed) {
    FakeDisk disk;
    ASSERT_TRUE(disk.flush(create(disk, "journal/a", "x")).ok());
    disk.crash(seed);
    kept += disk.exists("journal/a");
  }
  EXPECT_GT(kept, 10);
  EXPECT_LT(kept, 54);
}

TEST(FakeDisk, LosesAFileWithItsUnflushedDirectory) {
  int kept = 0;
  for (uint64_t seed = 0; seed < 64; ++seed) {
    FakeDisk disk;
    ASSERT_TRUE(disk.make_directory("partitions/7").ok());
    ASSERT_TRUE(disk.flush(create(disk, "partitions/7/a", "x")).ok());
    ASSERT_TRUE(disk.flush_directory("partitions/7").ok());
    disk.crash(seed);
    kept += disk.exists("partitions/7/a");
  }
  EXPECT_GT(kept, 10);
  EXPECT_LT(kept, 54);
}

TEST(FakeDisk, TearsUnflushedSectorsIndependentlyIntoOldNewAndGarbage) {
  int old_count = 0, new_count = 0, garbage = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    FakeDisk disk;
    FileHandle file = disk.open("journal/a", OpenMode::kWriteDirect).value();
    ASSERT_TRUE(disk.write(file, 0, aligned_bytes(8192, 1)).ok());
    ASSERT_TRUE(disk.flush(file).ok());
    ASSERT_TRUE(disk.flush_directory("journal").ok());
    ASSERT_TRUE(disk.write(file, 4096, aligned_bytes(4096, 2)).ok());

    disk.crash(seed);

    auto bytes = disk.bytes_of("journal/a");
    ASSERT_EQ(bytes.size(), 8192u);
    for (size_t i = 0; i < 4096; ++i) ASSERT_EQ(bytes[i], 1) << "flushed bytes stay";
    for (size_t s = 4096; s < 8192; s += 512) {
      auto all = [&](uint8_t v) {
        return std::all_of(bytes.begin() + static_cast<ptrdiff_t>(s),
                           bytes.begin() + static_cast<ptrdiff_t>(s) + 512,
                           [&](uint8_t b) { return b == v; });
      };
      (all(1) ? old_count : all(2) ? new_count : garbage)++;
    }
  }
  EXPECT_GT(old_count, 30);
  EXPECT_GT(new_count, 30);
  EXPECT_GT(garbage, 30);
}

TEST(FakeDisk, UnflushedGrowthMayStayOrGo) {
  bool seen_short = false, seen_long = false;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    FakeDisk disk;
    FileHandle file = disk.open("journal/a", OpenMode::kWriteBuffered).value();
    ASSERT_TRUE(disk.flush_directory("journal").ok());
    ASSERT_TRUE(disk.allocate(file, 4096).ok());
    disk.crash(seed);
    size_t size = disk.bytes_of("journal/a").size();
    seen_short |= size == 0;
    seen_long |= size == 4096;
  }
  EXPECT_TRUE(seen_short);
  EXPECT_TRUE(seen_long);
}

TEST(FakeDisk, KeepsARenameAfterTheFlushOfTheNewParentOnly) {
  bool lost = false;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    FakeDisk disk;
    disk.put("tmp/a", view_of("new"));
    ASSERT_TRUE(disk.rename("tmp/a", "state/a").ok());
    FakeDisk unflushed = disk;
    ASSERT_TRUE(disk.flush_directory("state").ok());

    disk.crash(seed);
    unflushed.crash(seed);

    EXPECT_THAT(disk.files(), ElementsAre("state/a"));
    EXPECT_EQ(content(disk, "state/a"), "new");
    lost |= unflushed.exists("tmp/a");
  }
  EXPECT_TRUE(lost);
}

TEST(FakeDisk, CountsWhatLossesOfPowerDid) {
  FakeDisk::Figures plain, torn, nameless;
  auto add = [](FakeDisk::Figures& sum, FakeDisk::Harm harm, uint64_t seed) {
    FakeDisk disk;
    create(disk, "journal/a", "written and not flushed");
    disk.crash(seed, harm);
    sum.files_undone += disk.figures().files_undone;
    sum.torn_sectors += disk.figures().torn_sectors;
    sum.names_undone += disk.figures().names_undone;
  };
  for (uint64_t seed = 0; seed < 40; ++seed) {
    add(plain, {}, seed);
    add(torn, {true, false}, seed);
    add(nameless, {false, true}, seed);
  }
  EXPECT_GT(plain.files_undone, 0u);
  EXPECT_EQ(plain.torn_sectors + plain.names_undone, 0u);
  EXPECT_GT(torn.torn_sectors, 0u);
  EXPECT_EQ(torn.files_undone + torn.names_undone, 0u);
  EXPECT_GT(nameless.names_undone, 0u);
}

TEST(FakeDisk, IsTheSameForTheSameSeed) {
  FakeDisk disk;
  FileHandle file = disk.open("journal/a", OpenMode::kWriteDirect).value();
  for (uint64_t i = 0; i < 8; ++i) disk.submit(write_op(i, file, i * 4096, aligned_bytes(4096, 9)));
  disk.set_poll_limit(3);
  EXPECT_THAT(tickets(disk), ElementsAre(0, 1, 2));
  FakeDisk twin = disk;
  disk.crash(5);
  twin.crash(5);
  ASSERT_EQ(disk.files(), twin.files());
  if (disk.exists("journal/a")) {
    EXPECT_EQ(disk.bytes_of("journal/a"), twin.bytes_of("journal/a"));
  }
}

TEST(FakeDisk, CompletesOperationsInOrderAndHoldsALane) {
  FakeDisk disk;
  FileHandle file = disk.open("journal/a", OpenMode::kWriteBuffered).value();
  DiskOp background = write_op(2, file, 10, Bytes::copy("b"));
  background.lane = DiskOp::Lane::kBackground;
  disk.submit(write_op(1, file, 0, Bytes::copy("a")));
  disk.submit(background);
  disk.submit(write_op(3, file, 1, Bytes::copy("c"), true));

  disk.hold(DiskOp::Lane::kJournal);
  EXPECT_THAT(tickets(disk), ElementsAre(2));
  disk.release();
  EXPECT_THAT(tickets(disk), ElementsAre(1, 3));
  EXPECT_EQ(disk.durable_bytes_of("journal/a").size(), 11u);
  EXPECT_EQ(disk.figures().flushes, 1u);
}

TEST(FakeDisk, StopsAfterTheNamedOperationBetweenAWriteAndItsFlushToo) {
  FakeDisk disk;
  FileHandle file = disk.open("journal/a", OpenMode::kWriteBuffered).value();
  ASSERT_TRUE(disk.flush_directory("journal").ok());
  uint64_t before = disk.operation_count();
  disk.stop_after(1);
  disk.submit(write_op(1, file, 0, Bytes::copy("abc"), true));

  EXPECT_THAT(tickets(disk), ElementsAre());
  EXPECT_TRUE(disk.stopped());
  EXPECT_EQ(disk.operation_count(), before + 1);
  EXPECT_TRUE(disk.durable_bytes_of("journal/a").empty());
  EXPECT_EQ(disk.make_directory("state/x").error().code, Code::kIo);
  EXPECT_EQ(disk.flush(file).error().code, Code::kIo);

  disk.crash(1);
  EXPECT_FALSE(disk.stopped());
  EXPECT_TRUE(disk.make_directory("state/x").ok());
}

TEST(FakeDisk, FailsTheNamedWriteAndFlush) {
  FakeDisk disk;
  FileHandle file = create(disk, "journal/a", "old");
  disk.fail_write(2);
  EXPECT_TRUE(disk.write(file, 0, view_of("1")).ok());
  EXPECT_EQ(disk.write(file, 0, view_of("2")).error().code, Code::kIo);
  EXPECT_TRUE(disk.write(file, 0, view_of("3")).ok());
  disk.fail_flush(1);
  EXPECT_EQ(disk.flush(file).error().code, Code::kIo);
  EXPECT_TRUE(disk.durable_bytes_of("journal/a").empty());
  EXPECT_TRUE(disk.flush(file).ok());
  EXPECT_EQ(disk.durable_bytes_of("journal/a").size(), 3u);
}

TEST(FakeDisk, FailsWritesFlushesAllocationsAndNamesUnderAFolderAlone) {
  FakeDisk disk;
  FileHandle journal = create(disk, "journal/a", "1"), segment = create(disk, "partitions/a", "1");
  using Step = FakeDisk::Step;
  for (Step step : {Step::kWrite, Step::kFlush, Step::kAllocate, Step::kFlushDirectory}) {
    disk.fail(step, 2, "partitions");
  }
  for (bool fails : {false, true, false}) {
    for (const auto& [file, folder, failed] :
         {std::tuple(journal, "journal", false), std::tuple(segment, "partitions", fails)}) {
      EXPECT_EQ(disk.write(file, 0, view_of("2")).ok(), !failed) << folder;
      EXPECT_EQ(disk.flush(file).ok(), !failed) << folder;
      EXPECT_EQ(disk.allocate(file, 1).ok(), !failed) << folder;
      EXPECT_EQ(disk.flush_directory(folder).ok(), !failed) << folder;
    }
  }
  EXPECT_EQ(disk.errors_made_up(), 4u);
}

TEST(FakeDisk, KeepsForgottenWhatAFlushForgotUntilItIsWrittenAgain) {
  for (uint64_t seed = 0; seed < 32; ++seed) {
    for (bool tears : {true, false}) {
      FakeDisk disk;
      disk.put("journal/a", view_of("old and old"));
      FileHandle file = disk.open("journal/a", OpenMode::kWriteBuffered).value();
      ASSERT_TRUE(disk.write(file, 0, view_of("new")).ok());
      disk.fail_flush(1, true);
      ASSERT_FALSE(disk.flush(file).ok());
      ASSERT_TRUE(disk.flush(file).ok());
      FakeDisk rewritten = disk;
      disk.crash(seed, {tears, false});
      EXPECT_EQ(content(disk, "journal/a"), "old and old") << "seed " << seed;

      ASSERT_TRUE(rewritten.write(file, 0, view_of("new")).ok());
      ASSERT_TRUE(rewritten.flush(file).ok());
      rewritten.crash(seed, {tears, false});
      EXPECT_EQ(content(rewritten, "journal/a"), "new and old") << "seed " << seed;
    }
  }
}

TEST(FakeDisk, IsFullBeyondItsCapacityAndFreeAgainAfterARemoval) {
  FakeDisk disk;
  disk.set_capacity(10);
  FileHandle file = create(disk, "journal/a", "12345678");
  EXPECT_EQ(disk.free_bytes().value(), 2u);
  EXPECT_EQ(disk.write(file, 8, view_of("abc")).error().code, Code::kDiskFull);
  EXPECT_EQ(disk.allocate(file, 11).error().code, Code::kDiskFull);
  EXPECT_TRUE(disk.write(file, 0, view_of("again")).ok()) << "no growth, no new space";
  disk.close(file);
  ASSERT_TRUE(disk.remove("journal/a").ok());
  EXPECT_EQ(disk.free_bytes().value(), 10u);
}

TEST(FakeDisk, ReportsReadErrorsUntilTheSectorIsWritten) {
  FakeDisk disk;
  disk.put("journal/a", std::vector<uint8_t>(2048, 1));
  disk.add_read_error("journal/a", 600, 601);
  FileHandle file = disk.open("journal/a", OpenMode::kWriteBuffered).value();
  std::vector<uint8_t> into(512);
  EXPECT_TRUE(disk.read(file, 0, into).ok());
  EXPECT_EQ(disk.read(file, 512, into).error().code, Code::kIo);
  ASSERT_TRUE(disk.write(file, 512, into).ok());
  EXPECT_TRUE(disk.read(file, 512, into).ok());
}

TEST(FakeDisk, FlipsBytesInBothImages) {
  FakeDisk disk;
  disk.put("journal/a", view_of("ab"));
  disk.flip("journal/a", 1, 0x01);
  EXPECT_EQ(content(disk, "journal/a"), "ac");
  disk.crash(0);
  EXPECT_EQ(content(disk, "journal/a"), "ac");
}

TEST(FakeDisk, IsAsNewOnceItIsFormatted) {
  FakeDisk disk;
  disk.put("journal/a", view_of("ab"));
  FileHandle file = disk.open("journal/b", OpenMode::kWriteBuffered).value();
  ASSERT_TRUE(disk.write(file, 0, view_of("b")).ok());
  disk.set_capacity(10);
  disk.format();
  EXPECT_TRUE(disk.files().empty());
  EXPECT_GT(disk.free_bytes().value(), 10u);
  EXPECT_EQ(disk.figures().writes, 1u) << "what it did counts on";
  disk.crash(0);
  EXPECT_TRUE(disk.files().empty());
  EXPECT_TRUE(disk.open("journal/a", OpenMode::kWriteBuffered).ok()) << "its folders are there";
}

TEST(FakeDiskDeathTest, RefusesUnalignedDirectWrites) {
  FakeDisk disk;
  FileHandle file = disk.open("journal/a", OpenMode::kWriteDirect).value();
  EXPECT_DEATH((void)disk.write(file, 512, aligned_bytes(4096, 0)), "position");
  EXPECT_DEATH((void)disk.write(file, 0, aligned_bytes(4096, 0).slice(0, 512)), "size");
  EXPECT_DEATH(disk.submit(write_op(1, file, 0, aligned_bytes(8192, 0).slice(512, 4096))),
               "memory");
}

}  // namespace
}  // namespace strandlog::store
