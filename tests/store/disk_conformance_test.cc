// What every Disk must do: the same tests on the real one and on the one in memory.
#include <gmock/gmock.h>
#include <poll.h>

#include <array>
#include <functional>
#include <memory>

#include "store/posix_disk.h"
#include "tests/store/aligned_bytes.h"
#include "tests/store/fake_disk.h"
#include "tests/store/temp_directory.h"

namespace strandlog::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DiskUnderTest {
 public:
  virtual ~DiskUnderTest() = default;
  virtual Disk& disk() = 0;
  virtual void wait() = 0;  ///< until a completion may be there
};

class Fake : public DiskUnderTest {
 public:
  Disk& disk() override { return disk_; }
  void wait() override {}

 private:
  FakeDisk disk_;
};

class Posix : public DiskUnderTest {
 public:
  Posix() : disk_(std::move(PosixDisk::open(directory_.path())).value()) {
    for (const char* name : {"journal", "tmp"}) EXPECT_TRUE(disk_->make_directory(name).ok());
  }
  Disk& disk() override { return *disk_; }
  void wait() override {
    pollfd wake{disk_->wake_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&wake, 1, 10'000), 1) << "no completion was signalled";
  }

 private:
  TempDirectory directory_;
  std::unique_ptr<PosixDisk> disk_;
};

using Make = std::unique_ptr<DiskUnderTest> (*)();

class DiskConformance : public ::testing::TestWithParam<Make> {
 protected:
  DiskConformance() : under_test_(GetParam()()), disk_(under_test_->disk()) {}

  std::vector<DiskDone> finish(size_t count) {
    std::vector<DiskDone> done;
    while (done.size() < count && !HasFatalFailure()) {
      under_test_->wait();
      disk_.poll(done);
    }
    return done;
  }
  std::string text(const std::string& path) {
    FileHandle file = disk_.open(path, OpenMode::kRead).value();
    std::vector<uint8_t> bytes(disk_.size(file).value());
    EXPECT_EQ(disk_.read(file, 0, bytes).value(), bytes.size());
    disk_.close(file);
    return {bytes.begin(), bytes.end()};
  }
  FileHandle create(const std::string& path, std::string_view content) {
    FileHandle file = disk_.open(path, OpenMode::kWriteBuffered).value();
    EXPECT_TRUE(disk_.write(file, 0, view_of(content)).ok());
    return file;
  }

  std::unique_ptr<DiskUnderTest> under_test_;
  Disk& disk_;
};

TEST_P(DiskConformance, ReadsBackWhatItWrote) {
  FileHandle file = create("journal/a", "hello world");
  ASSERT_TRUE(disk_.write(file, 6, view_of("there")).ok());
  ASSERT_TRUE(disk_.flush(file).ok());
  ASSERT_TRUE(disk_.flush_directory("journal").ok());
  disk_.close(file);
  EXPECT_EQ(text("journal/a"), "hello there");
}

TEST_P(DiskConformance, OpensForWritingWithoutLosingTheContent) {
  disk_.close(create("journal/a", "kept"));
  disk_.close(disk_.open("journal/a", OpenMode::kWriteBuffered).value());
  disk_.close(disk_.open("journal/a", OpenMode::kWriteDirect).value());
  EXPECT_EQ(text("journal/a"), "kept");
}

TEST_P(DiskConformance, ReadsFewerBytesOnlyAtTheEnd) {
  FileHandle file = create("journal/a", "12345");
  std::vector<uint8_t> into(4);
  EXPECT_EQ(disk_.read(file, 0, into).value(), 4u);
  EXPECT_EQ(disk_.read(file, 3, into).value(), 2u);
  EXPECT_EQ(disk_.read(file, 5, into).value(), 0u);
  EXPECT_EQ(disk_.read(file, 99, into).value(), 0u);
}

TEST_P(DiskConformance, FillsHolesWithZeroes) {
  FileHandle file = create("journal/a", "x");
  ASSERT_TRUE(disk_.write(file, 5000, view_of("y")).ok());
  EXPECT_EQ(text("journal/a"), "x" + std::string(4999, '\0') + "y");
}

TEST_P(DiskConformance, AllocatesZeroesAndNeverShortens) {
  FileHandle file = create("journal/a", "x");
  ASSERT_TRUE(disk_.allocate(file, 8192).ok());
  EXPECT_EQ(disk_.size(file).value(), 8192u);
  ASSERT_TRUE(disk_.allocate(file, 4096).ok());
  EXPECT_EQ(disk_.size(file).value(), 8192u);
  EXPECT_EQ(text("journal/a"), "x" + std::string(8191, '\0'));
}

TEST_P(DiskConformance, NamesAnAbsentFile) {
  auto opened = disk_.open("journal/absent", OpenMode::kRead);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::kNotFound);
  EXPECT_THAT(opened.error().text, HasSubstr("journal/absent"));
  EXPECT_EQ(disk_.remove("journal/absent").error().code, Code::kNotFound);
  EXPECT_EQ(disk_.rename("journal/absent", "journal/b").error().code, Code::kNotFound);
  EXPECT_EQ(disk_.list("absent").error().code, Code::kNotFound);
  EXPECT_EQ(disk_.flush_directory("absent").error().code, Code::kNotFound);
}

TEST_P(DiskConformance, RefusesAFileInAnAbsentDirectory) {
  EXPECT_EQ(disk_.open("absent/a", OpenMode::kWriteBuffered).error().code, Code::kIo);
  EXPECT_EQ(disk_.make_directory("absent/a").error().code, Code::kIo);
  EXPECT_EQ(disk_.open("journal", OpenMode::kRead).error().code, Code::kIo);
}

TEST_P(DiskConformance, ListsRenamesAndRemovesSorted) {
  for (const char* path : {"tmp/b", "tmp/a", "tmp/c"}) disk_.close(create(path, path));
  ASSERT_TRUE(disk_.make_directory("tmp/d").ok());
  ASSERT_TRUE(disk_.make_directory("tmp/d").ok()) << "fine if it exists";
  EXPECT_THAT(disk_.list("tmp").value(), ElementsAre("a", "b", "c", "d"));
  ASSERT_TRUE(disk_.rename("tmp/a", "tmp/b").ok());
  ASSERT_TRUE(disk_.rename("tmp/c", "journal/c").ok());
  ASSERT_TRUE(disk_.remove("tmp/d").ok());
  EXPECT_THAT(disk_.list("tmp").value(), ElementsAre("b"));
  EXPECT_EQ(text("tmp/b"), "tmp/a");
  EXPECT_EQ(text("journal/c"), "tmp/c");
  EXPECT_TRUE(disk_.flush_directory("").ok());
  auto root = disk_.list("").value();
  EXPECT_TRUE(std::find(root.begin(), root.end(), "journal") != root.end());
}

TEST_P(DiskConformance, RefusesToRemoveADirectoryInUse) {
  disk_.close(create("tmp/a", "a"));
  EXPECT_EQ(disk_.remove("tmp").error().code, Code::kIo);
  EXPECT_EQ(text("tmp/a"), "a");
}

TEST_P(DiskConformance, KeepsARemovedFileForItsHandle) {
  FileHandle file = create("tmp/a", "still");
  ASSERT_TRUE(disk_.remove("tmp/a").ok());
  std::vector<uint8_t> into(5);
  EXPECT_EQ(disk_.read(file, 0, into).value(), 5u);
  EXPECT_EQ(text_of(into), "still");
  disk_.close(file);
}

TEST_P(DiskConformance, WritesManyPiecesOneAfterTheOtherAndFlushes) {
  FileHandle file = disk_.open("journal/a", OpenMode::kWriteDirect).value();
  DiskOp op;
  op.ticket = 7;
  op.file = file;
  op.position = 4096;
  for (int i = 0; i < 1500; ++i) op.pieces.push_back(aligned_bytes(4096, uint8_t(i % 251)));
  op.flush_after = true;
  disk_.submit(op);

  auto done = finish(1);

  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].ticket, 7u);
  EXPECT_EQ(done[0].result.value(), 1500u * 4096);
  std::string all = text("journal/a");
  ASSERT_EQ(all.size(), 1501u * 4096);
  for (size_t i = 0; i < 1500; ++i) {
    ASSERT_EQ(static_cast<uint8_t>(all[(i + 1) * 4096 + 4095]), i % 251) << "piece " << i;
  }
}

TEST_P(DiskConformance, RunsALaneInOrder) {
  FileHandle file = disk_.open("journal/a", OpenMode::kWriteBuffered).value();
  for (uint64_t i = 1; i <= 200; ++i) {
    DiskOp op;
    op.lane = static_cast<DiskOp::Lane>(i % DiskOp::kLanes);
    op.ticket = i;
    op.file = file;
    op.position = i % DiskOp::kLanes;  // each lane overwrites a byte of its own
    op.pieces = {Bytes::take({static_cast<uint8_t>(i)})};
    disk_.submit(std::move(op));
  }

  uint64_t last[DiskOp::kLanes] = {};
  for (const DiskDone& d : finish(200)) {
    EXPECT_TRUE(d.result.ok());
    EXPECT_LT(last[d.ticket % DiskOp::kLanes], d.ticket);
    last[d.ticket % DiskOp::kLanes] = d.ticket;
  }
  EXPECT_EQ(text("journal/a"), std::string({char(198), char(199), char(200)}));
}

TEST_P(DiskConformance, ReadsFlushesAndRemovesInTheBackground) {
  FileHandle file = create("tmp/a", "content");
  std::vector<uint8_t> into(100);
  DiskOp read, flush, remove, again, names, absent;
  read.kind = DiskOp::Kind::kRead;
  read.position = 3;
  read.into = &into;
  flush.kind = DiskOp::Kind::kFlush;
  read.file = flush.file = file;
  remove.kind = again.kind = DiskOp::Kind::kRemove;
  remove.path = again.path = "tmp/a";
  names.kind = absent.kind = DiskOp::Kind::kFlushDirectory;
  names.path = "tmp";
  absent.path = "absent";
  uint64_t ticket = 0;
  for (DiskOp* op : {&read, &flush, &remove, &again, &names, &absent}) {
    op->ticket = ++ticket;
    op->lane = DiskOp::Lane::kBackground;
    disk_.submit(*op);
  }

  auto done = finish(6);

  ASSERT_EQ(done.size(), 6u);
  EXPECT_EQ(done[0].result.value(), 4u);
  EXPECT_EQ(into.size(), 100u) << "the caller's buffer keeps its size";
  EXPECT_EQ(text_of(ByteView(into).first(4)), "tent");
  EXPECT_TRUE(done[1].result.ok());
  EXPECT_TRUE(done[2].result.ok());
  EXPECT_EQ(done[3].result.error().code, Code::kNotFound);
  EXPECT_TRUE(done[4].result.ok());
  EXPECT_EQ(done[5].result.error().code, Code::kNotFound);
  EXPECT_THAT(disk_.list("tmp").value(), ElementsAre());
}

TEST_P(DiskConformance, PollsNothingWhenNothingFinished) {
  std::vector<DiskDone> done;
  disk_.poll(done);
  EXPECT_TRUE(done.empty());
  EXPECT_GT(disk_.free_bytes().value(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Both, DiskConformance,
                         ::testing::Values(Make([]() -> std::unique_ptr<DiskUnderTest> {
                                             return std::make_unique<Fake>();
                                           }),
                                           Make([]() -> std::unique_ptr<DiskUnderTest> {
                                             return std::make_unique<Posix>();
                                           })),
                         [](const auto& one) { return one.index == 0 ? "Fake" : "Posix"; });

}  // namespace
}  // namespace strandlog::store
