// System calls of the real disk: whole transfers or an error, never a short one.
#include "store/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace strandlog::store {
namespace {

constexpr uint64_t kAlignment = 4096;
constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;

Error failed(const std::string& what, int number) {
  Code code = Code::kIo;
  if (number == ENOSPC || number == EDQUOT) code = Code::kDiskFull;
  if (number == ENOENT) code = Code::kNotFound;
  if (number == EMFILE || number == ENFILE) code = Code::kBusy;  // of the process, not of the disk
  return {code, what + ": " + std::generic_category().message(number) + " (errno " +
                    std::to_string(number) + ")"};
}

std::string at(const char* verb, const std::string& path, uint64_t position, uint64_t bytes) {
  return std::string(verb) + " " + path + " at " + std::to_string(position) + ", " +
         std::to_string(bytes) + " bytes";
}

// The root is "" or "." to callers; the system calls want ".".
const char* directory_name(const std::string& path) { return path.empty() ? "." : path.c_str(); }

void check_aligned(OpenMode mode, uint64_t position, const void* memory, uint64_t size) {
  if (mode != OpenMode::kWriteDirect) return;
  CHECK(position % kAlignment == 0);
  CHECK(size % kAlignment == 0);
  CHECK(reinterpret_cast<uintptr_t>(memory) % kAlignment == 0);
}

// Drops the first `count` bytes of what is still to be transferred.
void advance(std::vector<iovec>& rest, size_t& first, uint64_t count) {
  while (count > 0) {
    iovec& head = rest[first];
    if (count < head.iov_len) {
      head.iov_base = static_cast<uint8_t*>(head.iov_base) + count;
      head.iov_len -= count;
      return;
    }
    count -= head.iov_len;
    ++first;
  }
}

Result<uint64_t> write_all(int fd, const std::string& path, uint64_t position,
                           const std::vector<ByteView>& pieces) {
  std::vector<iovec> rest;
  uint64_t total = 0, done = 0;
  for (ByteView piece : pieces) {
    if (piece.empty()) continue;
    rest.push_back({const_cast<uint8_t*>(piece.data()), piece.size()});
    total += piece.size();
  }
  size_t first = 0;
  while (done < total) {
    int count = static_cast<int>(std::min<size_t>(rest.size() - first, IOV_MAX));
    ssize_t moved = ::pwritev(fd, rest.data() + first, count, static_cast<off_t>(position + done));
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return failed(at("write", path, position + done, total - done), errno);
    if (moved == 0) return failed(at("write", path, position + done, total - done), EIO);
    done += static_cast<uint64_t>(moved);
    advance(rest, first, static_cast<uint64_t>(moved));
  }
  return total;
}

Result<uint64_t> read_all(int fd, const std::string& path, uint64_t position,
                          MutableByteView into) {
  uint64_t done = 0;
  while (done < into.size()) {
    ssize_t moved =
        ::pread(fd, into.data() + done, into.size() - done, static_cast<off_t>(position + done));
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return failed(at("read", path, position + done, into.size() - done), errno);
    if (moved == 0) break;
    done += static_cast<uint64_t>(moved);
    // A direct read that stops inside a block has met the end of the file.
    if (done % 512 != 0 && done < into.size()) break;
  }
  return done;
}

Result<void> allocate_all(int fd, const std::string& path, uint64_t bytes) {
  int number = 0;
  do {
    number = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  } while (number == EINTR);
  if (number == 0 || bytes == 0) return {};
  return failed(at("allocate", path, 0, bytes), number);
}

// Never retried: after a failed flush the kernel may have dropped the dirty pages.
Result<void> flush_all(int fd, const std::string& path) {
  if (::fdatasync(fd) != 0) return failed("flush " + path, errno);
  return {};
}

Result<void> remove_at(int root_fd, const std::string& path) {
  if (::unlinkat(root_fd, path.c_str(), 0) == 0) return {};
  if (errno == EISDIR && ::unlinkat(root_fd, path.c_str(), AT_REMOVEDIR) == 0) return {};
  return failed("remove " + path, errno);
}

Result<void> flush_directory_at(int root_fd, const std::string& path) {
  int fd = ::openat(root_fd, directory_name(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed("open directory " + path, errno);
  int number = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (number != 0) return failed("flush directory " + path, number);
  return {};
}

// Nice 10 and the lowest best-effort I/O class, of this thread alone. Advice: failure is harmless.
void lower_priority() {
  constexpr int kWhoProcess = 1, kBestEffort = 2, kClassShift = 13, kLowest = 7;
  auto thread = static_cast<id_t>(::syscall(SYS_gettid));
  ::setpriority(PRIO_PROCESS, thread, 10);
  ::syscall(SYS_ioprio_set, kWhoProcess, 0, kBestEffort << kClassShift | kLowest);
}

bool names_a_path(DiskOp::Kind kind) {
  return kind == DiskOp::Kind::kRemove || kind == DiskOp::Kind::kFlushDirectory;
}

size_t lane_number(DiskOp::Lane lane) { return static_cast<size_t>(lane); }

}  // namespace

Result<std::unique_ptr<PosixDisk>> PosixDisk::open(const std::string& root) {
  int root_fd = ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root_fd < 0) return failed("open directory " + root, errno);
  int wake_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd < 0) {
    int number = errno;
    ::close(root_fd);
    return failed("eventfd", number);
  }
  std::unique_ptr<PosixDisk> disk(new PosixDisk(root_fd, wake_fd));
  try {
    for (Lane& lane : disk->lanes_) {
      lane.thread = std::thread([&disk = *disk, &lane] { disk.serve(lane); });
    }
  } catch (const std::system_error& error) {
    return failed("start a disk thread", error.code().value());
  }
  return disk;
}

PosixDisk::PosixDisk(int root_fd, int wake_fd) : root_fd_(root_fd), wake_fd_(wake_fd) {}

PosixDisk::~PosixDisk() {
  for (Lane& lane : lanes_) {
    std::lock_guard lock(lane.mutex);
    lane.stop = true;
    lane.changed.notify_all();
  }
  for (Lane& lane : lanes_) {
    if (lane.thread.joinable()) lane.thread.join();
  }
  for (const auto& [handle, file] : files_) ::close(file->fd);
  ::close(wake_fd_);
  ::close(root_fd_);
}

const std::shared_ptr<const PosixDisk::OpenFile>& PosixDisk::opened(FileHandle file) const {
  auto it = files_.find(file);
  CHECK(it != files_.end());
  return it->second;
}

// ------------------------------------------------------------------------------------- blocking

Result<FileHandle> PosixDisk::open(const std::string& path, OpenMode mode) {
  int flags = O_CLOEXEC | O_NOFOLLOW | (mode == OpenMode::kRead ? O_RDONLY : O_RDWR | O_CREAT);
  bool direct = mode == OpenMode::kWriteDirect;
  int fd = ::openat(root_fd_, path.c_str(), flags | (direct ? O_DIRECT : 0), kFileMode);
  if (fd < 0 && direct && errno == EINVAL) {  // tmpfs and some FUSE file systems
    direct_refused_ = true;
    fd = ::openat(root_fd_, path.c_str(), flags, kFileMode);
  }
  // An absent directory is not an absent file: the caller of a write asked for creation.
  if (fd < 0 && errno == ENOENT && mode != OpenMode::kRead) {
    return Error{Code::kIo, "open " + path + ": its directory does not exist"};
  }
  if (fd < 0) return failed("open " + path, errno);
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return Error{Code::kIo, "open " + path + ": not a regular file"};
  }
  FileHandle handle{next_handle_++};
  files_[handle] = std::make_shared<const OpenFile>(OpenFile{fd, mode, path});
  return handle;
}

void PosixDisk::close(FileHandle handle) {
  auto it = files_.find(handle);
  if (it == files_.end()) return;
  for (Lane& lane : lanes_) {
    std::unique_lock lock(lane.mutex);
    lane.changed.wait(lock, [&] {
      return std::none_of(lane.queue.begin(), lane.queue.end(),
                          [&](const Task& task) { return task.file == it->second; });
    });
  }
  ::close(it->second->fd);
  files_.erase(it);
}

Result<uint64_t> PosixDisk::size(FileHandle handle) {
  const OpenFile& file = *opened(handle);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return failed("stat " + file.path, errno);
  return static_cast<uint64_t>(info.st_size);
}

Result<uint64_t> PosixDisk::read(FileHandle handle, uint64_t position, MutableByteView into) {
  const OpenFile& file = *opened(handle);
  check_aligned(file.mode, position, into.data(), into.size());
  return read_all(file.fd, file.path, position, into);
}

Result<void> PosixDisk::write(FileHandle handle, uint64_t position, ByteView bytes) {
  const OpenFile& file = *opened(handle);
  CHECK(file.mode != OpenMode::kRead);
  check_aligned(file.mode, position, bytes.data(), bytes.size());
  auto written = write_all(file.fd, file.path, position, {bytes});
  if (!written.ok()) return written.error();
  return {};
}

Result<void> PosixDisk::flush(FileHandle handle) {
  const OpenFile& file = *opened(handle);
  return flush_all(file.fd, file.path);
}

Result<void> PosixDisk::allocate(FileHandle handle, uint64_t bytes) {
  const OpenFile& file = *opened(handle);
  return allocate_all(file.fd, file.path, bytes);
}

Result<void> PosixDisk::make_directory(const std::string& path) {
  if (path.empty() || ::mkdirat(root_fd_, path.c_str(), kDirectoryMode) == 0) return {};
  int number = errno;
  struct stat info {};
  if (number == EEXIST && ::fstatat(root_fd_, path.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISDIR(info.st_mode)) {
    return {};
  }
  Error error = failed("make directory " + path, number);
  error.code = error.code == Code::kNotFound ? Code::kIo : error.code;
  return error;
}

Result<void> PosixDisk::flush_directory(const std::string& path) {
  return flush_directory_at(root_fd_, path);
}

Result<std::vector<std::string>> PosixDisk::list(const std::string& path) {
  int fd = ::openat(root_fd_, directory_name(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed("open directory " + path, errno);
  DIR* directory = ::fdopendir(fd);
  if (directory == nullptr) {
    int number = errno;
    ::close(fd);
    return failed("list " + path, number);
  }
  std::vector<std::string> names;
  errno = 0;
  while (dirent* item = ::readdir(directory)) {
    std::string name = item->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
    errno = 0;
  }
  int number = errno;
  ::closedir(directory);
  if (number != 0) return failed("list " + path, number);
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> PosixDisk::rename(const std::string& from, const std::string& to) {
  if (::renameat(root_fd_, from.c_str(), root_fd_, to.c_str()) == 0) return {};
  return failed("rename " + from + " to " + to, errno);
}

Result<void> PosixDisk::remove(const std::string& path) { return remove_at(root_fd_, path); }

Result<uint64_t> PosixDisk::free_bytes() {
  struct statvfs info {};
  if (::fstatvfs(root_fd_, &info) != 0) return failed("statvfs", errno);
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

// --------------------------------------------------------------------------------- asynchronous

void PosixDisk::submit(DiskOp op) {
  Task task;
  if (!names_a_path(op.kind)) {
    task.file = opened(op.file);
    uint64_t position = op.position;
    for (const Bytes& piece : op.pieces) {
      check_aligned(task.file->mode, position, piece.data(), piece.size());
      position += piece.size();
    }
    if (op.kind == DiskOp::Kind::kRead) {
      check_aligned(task.file->mode, op.position, op.into->data(), op.into->size());
    }
  }
  Lane& lane = lanes_[lane_number(op.lane)];
  task.op = std::move(op);
  std::unique_lock lock(lane.mutex);
  lane.changed.wait(lock, [&] { return lane.queue.size() < kQueueLimit; });
  lane.queue.push_back(std::move(task));
  lane.changed.notify_all();
}

void PosixDisk::poll(std::vector<DiskDone>& done) {
  uint64_t count = 0;
  // Cleared first: what completes from here on raises it again.
  [[maybe_unused]] ssize_t got = ::read(wake_fd_, &count, sizeof count);
  for (Lane& lane : lanes_) {
    std::lock_guard lock(lane.mutex);
    std::move(lane.done.begin(), lane.done.end(), std::back_inserter(done));
    lane.done.clear();
  }
}

Result<uint64_t> PosixDisk::run(const Task& task) {
  const DiskOp& op = task.op;
  switch (op.kind) {
    case DiskOp::Kind::kWrite: {
      CHECK(task.file->mode != OpenMode::kRead);
      std::vector<ByteView> pieces(op.pieces.begin(), op.pieces.end());
      ASSIGN(uint64_t written, write_all(task.file->fd, task.file->path, op.position, pieces));
      if (op.flush_after) TRY(flush_all(task.file->fd, task.file->path));
      return written;
    }
    case DiskOp::Kind::kRead:
      return read_all(task.file->fd, task.file->path, op.position, *op.into);
    case DiskOp::Kind::kAllocate:
      TRY(allocate_all(task.file->fd, task.file->path, op.position));
      if (op.flush_after) TRY(flush_all(task.file->fd, task.file->path));
      return uint64_t{0};
    case DiskOp::Kind::kFlush:
      TRY(flush_all(task.file->fd, task.file->path));
      return uint64_t{0};
    case DiskOp::Kind::kRemove:
      TRY(remove_at(root_fd_, op.path));
      return uint64_t{0};
    case DiskOp::Kind::kFlushDirectory:
      TRY(flush_directory_at(root_fd_, op.path));
      return uint64_t{0};
  }
  CHECK(false);
}

void PosixDisk::serve(Lane& lane) {
  if (&lane == &lanes_[lane_number(DiskOp::Lane::kBackground)]) lower_priority();
  std::unique_lock lock(lane.mutex);
  while (true) {
    lane.changed.wait(lock, [&] { return lane.stop || !lane.queue.empty(); });
    if (lane.queue.empty()) return;         // stopped and drained
    const Task& task = lane.queue.front();  // a deque keeps it in place while others are added
    lock.unlock();
    Result<uint64_t> result = run(task);
    lock.lock();
    lane.done.push_back({task.op.ticket, std::move(result)});
    Task finished = std::move(lane.queue.front());
    lane.queue.pop_front();
    lane.changed.notify_all();
    lock.unlock();
    uint64_t one = 1;
    [[maybe_unused]] ssize_t told = ::write(wake_fd_, &one, sizeof one);
    finished = {};  // its buffers are released outside the lock
    lock.lock();
  }
}

}  // namespace strandlog::store
