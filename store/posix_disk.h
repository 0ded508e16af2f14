// PosixDisk: the real Disk, a directory served by three threads.
#pragma once

#include <sys/types.h>

#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/env.h"

namespace strandlog::store {

/// A Disk on the file system below one directory. One thread calls it; each lane runs on
/// a thread of its own, the background lane's with lower CPU and I/O priority.
///
/// Direct writes use O_DIRECT; a file system that refuses it gets buffered writes, seen in
/// direct_refused(). Reads through a kWriteDirect handle need the same alignment as writes. Errors:
/// kNotFound for an absent file, kDiskFull for ENOSPC and EDQUOT, kIo for the rest; the text names
/// what was tried, path, position and errno.
class PosixDisk : public Disk {
 public:
  /// Operations waiting in one lane; submit() of one more blocks the caller until a place is free.
  static constexpr size_t kQueueLimit = 4096;

  /// `root` must exist; kIo when it cannot be opened or no thread or eventfd is to be had.
  static Result<std::unique_ptr<PosixDisk>> open(const std::string& root);
  /// Waits until everything submitted has run; its completions are dropped.
  ~PosixDisk() override;
  PosixDisk(const PosixDisk&) = delete;
  PosixDisk& operator=(const PosixDisk&) = delete;

  /// An eventfd that is readable while completions may wait for poll(), which clears it.
  int wake_fd() const { return wake_fd_; }
  /// True once a file was opened that could not be O_DIRECT: announce only after rewriting the
  /// last round, as on every buffered file system.
  bool direct_refused() const { return direct_refused_; }

  Result<FileHandle> open(const std::string& path, OpenMode mode) override;
  /// Waits for this file's submitted operations first.
  void close(FileHandle file) override;
  Result<uint64_t> size(FileHandle file) override;
  Result<uint64_t> read(FileHandle file, uint64_t position, MutableByteView into) override;
  Result<void> write(FileHandle file, uint64_t position, ByteView bytes) override;
  Result<void> flush(FileHandle file) override;
  Result<void> allocate(FileHandle file, uint64_t bytes) override;
  Result<void> make_directory(const std::string& path) override;
  Result<void> flush_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<uint64_t> free_bytes() override;
  void submit(DiskOp op) override;
  void poll(std::vector<DiskDone>& done) override;

 private:
  struct OpenFile {
    int fd = -1;
    OpenMode mode = OpenMode::kRead;
    std::string path;
  };
  /// An operation with all its thread needs; the open file outlives it.
  struct Task {
    DiskOp op;
    std::shared_ptr<const OpenFile> file;
  };
  struct Lane {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Task> queue;  ///< the first one is being run
    std::vector<DiskDone> done;
    bool stop = false;
    std::thread thread;
  };

  PosixDisk(int root_fd, int wake_fd);
  void serve(Lane& lane);
  Result<uint64_t> run(const Task& task);
  const std::shared_ptr<const OpenFile>& opened(FileHandle file) const;

  const int root_fd_;
  const int wake_fd_;
  bool direct_refused_ = false;
  uint64_t next_handle_ = 1;
  std::map<FileHandle, std::shared_ptr<const OpenFile>> files_;
  std::array<Lane, DiskOp::kLanes> lanes_;
};

}  // namespace strandlog::store
