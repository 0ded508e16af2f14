// Loaded into a release binary by LD_PRELOAD: one call that touches the disk fails, stops short,
// hangs, or is the last thing the process does.
//
// The file that FAULT_RULE names holds one line, "CALL PATH NTH ACTION": of the calls of that kind
// on a file whose path matches the pattern, the NTH since the rule was read. Whoever takes it
// removes the file first, so it happens once, in one process, and its absence says that it did.
//
//     CALL    write, flush, allocate, rename (PATH is the new name), remove
//     ACTION  EIO, ENOSPC, short (half of it is written), kill, kill-after, stall=MILLISECONDS
#include <dlfcn.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

namespace {

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::string path_of(int fd) {
  char path[PATH_MAX];
  std::string link = "/proc/self/fd/" + std::to_string(fd);
  ssize_t size = ::readlink(link.c_str(), path, sizeof path);
  return size > 0 ? std::string(path, static_cast<size_t>(size)) : "";
}

std::string path_at(int directory, const char* path) {
  if (path[0] == '/' || directory == AT_FDCWD) return path;
  return path_of(directory) + "/" + path;
}

// ---------------------------------------------------------------------------------------- the rule

class Rule {
 public:
  // What shall become of this call; nothing: it goes on as usual. `path` is asked for only if there
  // is a rule.
  template <class Path>
  std::string take(const char* call, const Path& path) {
    static const char* const file = std::getenv("FAULT_RULE");
    struct stat info {};
    if (file == nullptr || ::stat(file, &info) != 0) return "";
    std::string where = path();
    std::lock_guard lock(mutex_);
    if (!is_same(info)) read(file, info);
    if (call_ != call || ::fnmatch(pattern_.c_str(), where.c_str(), 0) != 0) return "";
    if (++seen_ != nth_ || ::unlink(file) != 0) return "";
    return action_;
  }

 private:
  bool is_same(const struct stat& info) const {
    return info.st_ino == read_.st_ino && info.st_mtim.tv_sec == read_.st_mtim.tv_sec &&
           info.st_mtim.tv_nsec == read_.st_mtim.tv_nsec;
  }
  void read(const char* path, const struct stat& info) {
    read_ = info;
    seen_ = nth_ = 0;
    call_.clear();
    std::FILE* file = std::fopen(path, "re");
    if (file == nullptr) return;
    char call[32] = "", pattern[512] = "", action[64] = "";
    if (std::fscanf(file, "%31s %511s %ld %63s", call, pattern, &nth_, action) == 4) {
      call_ = call, pattern_ = pattern, action_ = action;
    }
    std::fclose(file);
  }

  std::mutex mutex_;
  struct stat read_ {};
  std::string call_, pattern_, action_;
  long nth_ = 0, seen_ = 0;
};

Rule rule;

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

// Does what the rule says around `call`, which returns an error number or 0.
template <class Call>
int carry_out(const std::string& action, const Call& call) {
  if (action.empty()) return call();
  if (action == "kill") die();
  if (action == "EIO") return EIO;
  if (action == "ENOSPC") return ENOSPC;
  if (action.rfind("stall=", 0) == 0) {
    const long ms = std::atol(action.c_str() + 6);
    const timespec pause{ms / 1000, ms % 1000 * 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
  const int result = call();
  if (action == "kill-after") die();
  return result;
}

// As above, for a call that returns -1 and errno.
template <class Call>
int carry_out_errno(const std::string& action, const Call& call) {
  const int number = carry_out(action, [&] { return call() == 0 ? 0 : errno; });
  errno = number;
  return number == 0 ? 0 : -1;
}

// Half of the bytes, in whole sectors if there is more than one: direct writes take nothing else.
std::vector<iovec> half_of(const iovec* pieces, int count) {
  size_t total = 0;
  for (int i = 0; i < count; ++i) total += pieces[i].iov_len;
  size_t left = total / 2 >= 512 ? total / 2 / 512 * 512 : std::max<size_t>(total / 2, 1);
  std::vector<iovec> half;
  for (int i = 0; i < count && left > 0; ++i) {
    half.push_back({pieces[i].iov_base, std::min(left, pieces[i].iov_len)});
    left -= half.back().iov_len;
  }
  return half;
}

template <class Call>
ssize_t write_with_faults(int fd, const iovec* pieces, int count, const Call& call) {
  const std::string action = rule.take("write", [&] { return path_of(fd); });
  if (action.empty()) return call(pieces, count);
  if (action == "short") {
    const std::vector<iovec> half = half_of(pieces, count);
    return call(half.data(), static_cast<int>(half.size()));
  }
  ssize_t moved = -1;
  errno = carry_out(action, [&] {
    moved = call(pieces, count);
    return moved < 0 ? errno : 0;
  });
  return moved;
}

}  // namespace

// --------------------------------------------------------------------------------------- the calls

extern "C" ssize_t pwritev(int fd, const iovec* pieces, int count, off_t at) {
  static auto* const next = real<ssize_t(int, const iovec*, int, off_t)>("pwritev");
  return write_with_faults(fd, pieces, count,
                           [&](const iovec* some, int n) { return next(fd, some, n, at); });
}

extern "C" ssize_t write(int fd, const void* bytes, size_t size) {
  static auto* const next = real<ssize_t(int, const void*, size_t)>("write");
  const iovec piece{const_cast<void*>(bytes), size};
  return write_with_faults(fd, &piece, 1, [&](const iovec* some, int) {
    return next(fd, some->iov_base, some->iov_len);
  });
}

extern "C" int fdatasync(int fd) {
  static auto* const next = real<int(int)>("fdatasync");
  return carry_out_errno(rule.take("flush", [&] { return path_of(fd); }), [&] { return next(fd); });
}

extern "C" int fsync(int fd) {
  static auto* const next = real<int(int)>("fsync");
  return carry_out_errno(rule.take("flush", [&] { return path_of(fd); }), [&] { return next(fd); });
}

extern "C" int posix_fallocate(int fd, off_t begin, off_t bytes) {
  static auto* const next = real<int(int, off_t, off_t)>("posix_fallocate");
  return carry_out(rule.take("allocate", [&] { return path_of(fd); }),
                   [&] { return next(fd, begin, bytes); });
}

extern "C" int rename(const char* from, const char* to) noexcept {
  static auto* const next = real<int(const char*, const char*)>("rename");
  return carry_out_errno(rule.take("rename", [&] { return std::string(to); }),
                         [&] { return next(from, to); });
}

extern "C" int unlinkat(int directory, const char* path, int flags) noexcept {
  static auto* const next = real<int(int, const char*, int)>("unlinkat");
  return carry_out_errno(rule.take("remove", [&] { return path_at(directory, path); }),
                         [&] { return next(directory, path, flags); });
}
