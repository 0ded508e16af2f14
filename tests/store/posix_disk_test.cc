// What only the real disk can show: errors of the system, modes, draining at the end.
#include "store/posix_disk.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "tests/store/aligned_bytes.h"
#include "tests/store/temp_directory.h"

namespace strandlog::store {
namespace {

using ::testing::HasSubstr;

TEST(PosixDisk, RunsEverythingSubmittedBeforeItGoes) {
  TempDirectory directory;
  {
    auto disk = std::move(PosixDisk::open(directory.path())).value();
    FileHandle file = disk->open("a", OpenMode::kWriteDirect).value();
    for (uint64_t i = 0; i < 64; ++i) {
      DiskOp op;
      op.file = file;
      op.lane = i % 2 == 0 ? DiskOp::Lane::kJournal : DiskOp::Lane::kBackground;
      op.position = i * 4096;
      op.pieces = {aligned_bytes(4096, 1)};
      disk->submit(std::move(op));
    }
  }
  EXPECT_EQ(std::filesystem::file_size(directory / "a"), 64u * 4096);
}

TEST(PosixDisk, MakesFilesAndDirectoriesForItsOwnerAlone) {
  TempDirectory directory;
  auto disk = std::move(PosixDisk::open(directory.path())).value();
  disk->close(disk->open("a", OpenMode::kWriteBuffered).value());
  ASSERT_TRUE(disk->make_directory("d").ok());
  struct stat info {};
  ASSERT_EQ(::stat((directory / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat((directory / "d").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST(PosixDisk, NamesVerbPathPositionAndErrnoOfAFailure) {
  TempDirectory directory;
  auto disk = std::move(PosixDisk::open(directory.path())).value();
  FileHandle file = disk->open("a", OpenMode::kWriteBuffered).value();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small{8192, before.rlim_max};
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::vector<uint8_t> bytes(16384);

  auto written = disk->write(file, 0, bytes);  // stops short at 8192, then fails there

  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, Code::kIo);
  EXPECT_THAT(written.error().text, HasSubstr("write a at 8192, 8192 bytes"));
  EXPECT_THAT(written.error().text, HasSubstr("errno 27"));
}

// In a child with a mount of its own: a file system of 64 KiB. Exits with 0 when a write beyond it
// is kDiskFull and names the position, 77 when this process may not mount.
[[noreturn]] void fill_a_small_file_system(const std::string& path) {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", path.c_str(), "tmpfs", 0, "size=64k") != 0) {
    std::exit(77);
  }
  auto disk = std::move(PosixDisk::open(path)).value();
  FileHandle file = disk->open("a", OpenMode::kWriteBuffered).value();
  std::vector<uint8_t> bytes(128 << 10);
  auto written = disk->write(file, 0, bytes);
  bool named = !written.ok() && written.error().code == Code::kDiskFull &&
               written.error().text.find("write a at ") != std::string::npos;
  std::exit(named ? 0 : 1);
}

TEST(PosixDisk, SaysThatAFullDeviceIsFull) {
  TempDirectory directory;
  auto passed_or_skipped = [](int status) {
    return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
  };
  EXPECT_EXIT(fill_a_small_file_system(directory.path()), passed_or_skipped, "");
}

TEST(PosixDisk, FollowsNoSymbolicLink) {
  TempDirectory directory;
  std::ofstream(directory / "target") << "x";
  std::filesystem::create_symlink("target", directory / "link");
  auto disk = std::move(PosixDisk::open(directory.path())).value();
  EXPECT_EQ(disk->open("link", OpenMode::kRead).error().code, Code::kIo);
}

TEST(PosixDisk, NeedsItsDirectory) {
  auto disk = PosixDisk::open("/nonexistent/directory");
  ASSERT_FALSE(disk.ok());
  EXPECT_THAT(disk.error().text, HasSubstr("/nonexistent/directory"));
}

TEST(PosixDisk, FallsBackToBufferedWritesWhereDirectOnesAreRefused) {
  std::string path = "/dev/shm/strandlog-test-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) GTEST_SKIP() << "no tmpfs at /dev/shm";
  {
    auto disk = std::move(PosixDisk::open(path)).value();
    FileHandle file = disk->open("a", OpenMode::kWriteDirect).value();
    EXPECT_TRUE(disk->write(file, 0, aligned_bytes(4096, 3)).ok());
    EXPECT_EQ(disk->size(file).value(), 4096u);
    // Kernels from 6.6 on accept O_DIRECT on tmpfs; either way the bytes must be there.
    std::vector<uint8_t> into(1);
    FileHandle reader = disk->open("a", OpenMode::kRead).value();
    EXPECT_EQ(disk->read(reader, 100, into).value(), 1u);
    EXPECT_EQ(into[0], 3);
  }
  std::filesystem::remove_all(path);
}

TEST(PosixDisk, SignalsACompletionAndClearsTheSignalWhenPolled) {
  TempDirectory directory;
  auto disk = std::move(PosixDisk::open(directory.path())).value();
  DiskOp op;
  op.file = disk->open("a", OpenMode::kWriteBuffered).value();
  op.pieces = {Bytes::copy("x")};
  pollfd wake{disk->wake_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&wake, 1, 0), 0);

  disk->submit(std::move(op));

  EXPECT_EQ(::poll(&wake, 1, 10'000), 1);
  std::vector<DiskDone> done;
  disk->poll(done);
  EXPECT_EQ(done.size(), 1u);
  EXPECT_EQ(::poll(&wake, 1, 0), 0);
}

}  // namespace
}  // namespace strandlog::store
