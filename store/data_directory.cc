// Locking, checking and formatting of a data directory, with plain system calls.
#include "store/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace strandlog::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormatTitle = "strandlog data directory\n";
constexpr std::string_view kFormat = "strandlog data directory\nversion 1\n";
constexpr std::array kDirectories = {"journal", "state", "partitions", "tmp", "lost"};
constexpr std::array kLogDirectories = {"journal", "partitions"};
constexpr std::array kFiles = {"LOCK", "FORMAT", "identity"};
constexpr size_t kSmallFile = 4096;  ///< FORMAT and identity are far shorter

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Error failed(const std::string& what) {
  int number = errno;
  Code code = number == ENOSPC || number == EDQUOT ? Code::kDiskFull : Code::kIo;
  return {code, what + ": " + std::generic_category().message(number) + " (errno " +
                    std::to_string(number) + ")"};
}

std::string mode_text(mode_t mode) {
  std::string text = "0000";
  for (size_t i = 0; i < 3; ++i) text[3 - i] = static_cast<char>('0' + (mode >> (3 * i) & 7));
  return text;
}

// Data of one store is for its owner alone; a stranger's file in it could be read as a log.
Result<void> check_owner(const std::string& path, bool directory) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return failed("stat " + path);
  if (directory != S_ISDIR(info.st_mode) || (!directory && !S_ISREG(info.st_mode))) {
    return Error{Code::kDenied, path + " is not a " + (directory ? "directory" : "regular file")};
  }
  if (info.st_uid != ::geteuid()) {
    return Error{Code::kDenied, path + " belongs to user " + std::to_string(info.st_uid) +
                                    ", this process runs as user " + std::to_string(::geteuid()) +
                                    ": run as that user, or chown the directory"};
  }
  if ((info.st_mode & 077) != 0) {
    return Error{Code::kDenied, path + " has mode " + mode_text(info.st_mode) +
                                    " and is open to others: chmod " +
                                    (directory ? "700 " : "600 ") + path};
  }
  return {};
}

// none: absent
Result<std::optional<std::string>> read_small(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0 && errno == ENOENT) return std::optional<std::string>{};
  if (fd.get() < 0) return failed("open " + path);
  std::string text(kSmallFile, '\0');
  size_t size = 0;
  while (size < text.size()) {
    ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read " + path);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return std::optional<std::string>(std::move(text));
}

Result<void> sync_directory(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return failed("open " + path);
  if (::fsync(fd.get()) != 0) return failed("fsync " + path);
  return {};
}

Result<void> write_text(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed("write " + path);
    text.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

// The whole new file or the whole old one, whenever the power goes.
Result<void> replace_file(const std::string& directory, const std::string& name,
                          std::string_view text) {
  std::string path = directory + "/" + name, fresh = path + ".new";
  {
    Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (fd.get() < 0) return failed("create " + fresh);
    TRY(write_text(fd.get(), fresh, text));
    if (::fsync(fd.get()) != 0) return failed("fsync " + fresh);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failed("rename " + fresh);
  return sync_directory(directory);
}

Result<std::vector<std::string>> names_in(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename());
  }
  if (error) return Error{Code::kIo, "list " + path + ": " + error.message()};
  std::sort(names.begin(), names.end());
  return names;
}

template <class Names>
bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Empty, or what a formatting leaves that was cut short: our own names and nothing in them.
Result<bool> is_blank(const std::string& path) {
  ASSIGN(std::vector<std::string> names, names_in(path));
  for (const std::string& name : names) {
    if (contains(kDirectories, name)) {
      ASSIGN(std::vector<std::string> inside, names_in(path + "/" + name));
      if (!inside.empty()) return false;
    } else if (!contains(kFiles, name) && name != "FORMAT.new" && name != "identity.new") {
      return false;
    }
  }
  return true;
}

Result<void> check_format(const std::string& path, const std::string& text) {
  if (text == kFormat) return {};
  std::string where = path + "/FORMAT";
  if (text.substr(0, kFormatTitle.size()) != kFormatTitle) {
    bool ours = text.empty() || text.substr(0, 9) == "strandlog";
    return ours ? Error{Code::kCorruption, where + " is damaged: its first line should be \"" +
                                               "strandlog data directory\""}
                : Error{Code::kWrongIdentity,
                        where + " is of another program: choose another directory"};
  }
  std::string version = text.substr(kFormatTitle.size());
  if (version.substr(0, 8) == "version " && version.size() > 9 && version.back() == '\n' &&
      version.find_first_not_of("0123456789", 8) == version.size() - 1) {
    version = version.substr(8, version.size() - 9);
    return Error{Code::kUnsupported, where + " says version " + version +
                                         "; this program reads version 1: use the newer program"};
  }
  return Error{Code::kCorruption, where + " is damaged: its second line should be \"version 1\""};
}

enum class Found { kAbsent, kBlank, kFormatted };

// Reads only: whatever is refused here stays untouched.
Result<Found> examine(const std::string& path) {
  if (path.empty()) return Error{Code::kInvalidArgument, "the data directory has no path"};
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return Found::kAbsent;
    return failed("stat " + path);
  }
  if (!S_ISDIR(info.st_mode)) return check_owner(path, true).error();
  // Whose it is comes first: nobody is told to change the mode of a directory that is not ours.
  ASSIGN(std::optional<std::string> format, read_small(path + "/FORMAT"));
  if (format) {
    TRY(check_owner(path, true));
    TRY(check_owner(path + "/FORMAT", false));
    TRY(check_format(path, *format));
    return Found::kFormatted;
  }
  ASSIGN(bool blank, is_blank(path));
  if (blank) {
    TRY(check_owner(path, true));
    return Found::kBlank;
  }
  return Error{Code::kWrongIdentity,
               path +
                   " is not empty and has no FORMAT file, so it is no Strandlog directory: "
                   "choose an empty or absent one"};
}

Error locked_by(const std::string& path, const std::optional<std::string>& pid) {
  std::string digits = pid.value_or("").substr(0, pid.value_or("").find('\n'));
  bool known = !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  return {Code::kLocked, path + " is in use by " +
                             (known ? "process " + digits : std::string("another process")) +
                             ": stop it first, or choose another directory"};
}

Result<void> make_directories(const std::string& path, bool log_too) {
  for (const char* name : kDirectories) {
    if (!log_too && contains(kLogDirectories, name)) continue;
    std::string directory = path + "/" + name;
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
      return failed("make directory " + directory);
    }
  }
  return sync_directory(path);
}

Result<Identity> read_identity(const std::string& path) {
  ASSIGN(std::optional<std::string> text, read_small(path + "/identity"));
  if (!text) {
    return Error{Code::kCorruption,
                 path +
                     " has a FORMAT but no identity file: restore the file, or move the "
                     "directory away and start with an empty one"};
  }
  TRY(check_owner(path + "/identity", false));
  Result<Identity> identity = decode_identity(*text);
  if (!identity.ok()) return Error{identity.error().code, path + ": " + identity.error().text};
  return identity;
}

Result<void> check_log_directories(const std::string& path) {
  for (const char* name : kLogDirectories) {
    std::string directory = path + "/" + name;
    if (!fs::exists(directory)) {
      return Error{Code::kCorruption, directory + " is missing: restore it, or move " + path +
                                          " away and start with an empty directory"};
    }
    TRY(check_owner(directory, true));
  }
  return {};
}

}  // namespace

DataDirectory::~DataDirectory() {
  if (lock_fd_ >= 0) {
    [[maybe_unused]] int ignored = ::ftruncate(lock_fd_, 0);
    ::close(lock_fd_);
  }
  if (directory_fd_ >= 0) ::close(directory_fd_);
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      directory_fd_(std::exchange(other.directory_fd_, -1)),
      lock_fd_(std::exchange(other.lock_fd_, -1)),
      identity_(other.identity_) {}

Result<DataDirectory> DataDirectory::lock(const std::string& path, bool read_only) {
  std::string file = path + "/LOCK";
  Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return failed("open " + path);
  int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
  Fd fd(::open(file.c_str(), read_only ? flags : flags | O_CREAT, 0600));
  if (fd.get() < 0) {
    // A daemon makes LOCK before anything else: without it there is nobody to keep out.
    if (read_only && (errno == ENOENT || errno == EROFS)) {
      return DataDirectory(path, directory.release(), -1);
    }
    return failed("open " + file);
  }
  TRY(check_owner(file, false));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed("lock " + file);
    ASSIGN(std::optional<std::string> pid, read_small(file));
    return locked_by(path, pid);
  }
  if (::ftruncate(fd.get(), 0) != 0) return failed("truncate " + file);
  // Only for the text of locked_by(): a full disk need not have room for it.
  Result<void> noted = write_text(fd.get(), file, std::to_string(::getpid()) + "\n");
  if (!noted.ok() && noted.error().code != Code::kDiskFull) return noted.error();
  return DataDirectory(path, directory.release(), fd.release());
}

Result<void> DataDirectory::write_layout() {
  TRY(make_directories(path_, true));
  TRY(replace_file(path_, "identity", encode_identity(identity_)));
  // FORMAT comes last: where it is, everything else is too.
  TRY(replace_file(path_, "FORMAT", kFormat));
  fs::path parent = fs::absolute(path_).lexically_normal();
  if (!parent.has_filename()) parent = parent.parent_path();
  return sync_directory(parent.parent_path());
}

Result<DataDirectory> DataDirectory::format(const std::string& path, BrokerId broker,
                                            Random& random) {
  ASSIGN(Found found, examine(path));
  if (found == Found::kAbsent && ::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return failed("make directory " + path);
  }
  if (found != Found::kFormatted) {
    ASSIGN(DataDirectory directory, lock(path, false));
    ASSIGN(found, examine(path));  // another process may have been faster
    if (found == Found::kBlank) {
      directory.identity_ = {ClusterId{}, broker, random.uuid<StoreId>()};
      TRY(directory.write_layout());
      return directory;
    }
  }
  return Error{Code::kConflict, path + " is formatted already: open it, or choose an empty one"};
}

Result<void> DataDirectory::prepare_layout(bool read_only) const {
  TRY(check_log_directories(path_));
  if (read_only) return {};
  TRY(make_directories(path_, false));
  for (const char* name : kDirectories) TRY(check_owner(path_ + "/" + name, true));
  ASSIGN(std::vector<std::string> leftovers, names_in(path_ + "/tmp"));
  for (const std::string& name : leftovers) {
    std::error_code error;
    fs::remove_all(path_ + "/tmp/" + name, error);
    if (error) return Error{Code::kIo, "remove " + path_ + "/tmp/" + name + ": " + error.message()};
  }
  return {};
}

Result<DataDirectory> DataDirectory::open(const std::string& path, BrokerId broker) {
  ASSIGN(Found found, examine(path));
  if (found != Found::kFormatted) {
    return Error{Code::kNotFound, path + " holds no store: it is absent, empty or half formatted"};
  }
  // Before LOCK is touched: a refused directory stays as it is.
  ASSIGN(Identity identity, read_identity(path));
  TRY(check_broker_of(identity, broker, path));
  TRY(check_log_directories(path));
  ASSIGN(DataDirectory directory, lock(path, false));
  ASSIGN(directory.identity_, read_identity(path));
  TRY(directory.prepare_layout(false));
  return directory;
}

Result<DataDirectory> DataDirectory::open_or_format(const std::string& path, BrokerId broker,
                                                    Random& random) {
  ASSIGN(Found found, examine(path));
  if (found == Found::kFormatted) return open(path, broker);
  return format(path, broker, random);
}

Result<void> DataDirectory::move_to_lost() const {
  std::string lost = path_ + "/lost", into = lost + "/" + identity_.store.text();
  if (::mkdir(lost.c_str(), 0700) != 0 && errno != EEXIST) return failed("make directory " + lost);
  ASSIGN(std::vector<std::string> held, names_in(lost));
  if (!contains(held, identity_.store.text()) && held.size() >= kMostLost) {
    return Error{Code::kConflict, lost + " holds " + std::to_string(held.size()) +
                                      " stores already: look at them, remove what nobody needs, "
                                      "and start again"};
  }
  if (::mkdir(into.c_str(), 0700) != 0 && errno != EEXIST) return failed("make directory " + into);
  TRY(replace_file(into, "identity", encode_identity(identity_)));
  for (const char* name : {"journal", "partitions", "state"}) {
    std::string from = path_ + "/" + name, to = into + "/" + name;
    if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) return failed("rename " + from);
  }
  TRY(sync_directory(into));
  TRY(sync_directory(lost));
  return sync_directory(path_);
}

// The new identity comes before new directories: an empty journal must never meet the old one.
Result<DataDirectory> DataDirectory::set_aside(const std::string& path, BrokerId broker,
                                               Random& random) {
  ASSIGN(Found found, examine(path));
  if (found != Found::kFormatted) return Error{Code::kNotFound, path + " holds no store"};
  ASSIGN(DataDirectory directory, lock(path, false));
  ASSIGN(directory.identity_, read_identity(path));
  TRY(check_broker_of(directory.identity_, broker, path));
  // Neither is there between the two last steps of a call that was cut short.
  bool any = fs::exists(path + "/journal") || fs::exists(path + "/partitions");
  if (any) TRY(directory.move_to_lost());
  directory.identity_ = {ClusterId{}, broker, random.uuid<StoreId>()};
  TRY(replace_file(path, "identity", encode_identity(directory.identity_)));
  TRY(make_directories(path, true));
  return directory;
}

Result<DataDirectory> DataDirectory::open_read_only(const std::string& path) {
  ASSIGN(Found found, examine(path));
  if (found != Found::kFormatted) {
    return Error{Code::kNotFound, path + " holds no store: it is absent, empty or half formatted"};
  }
  ASSIGN(DataDirectory directory, lock(path, true));
  ASSIGN(directory.identity_, read_identity(path));
  TRY(directory.prepare_layout(true));
  return directory;
}

Result<void> DataDirectory::join(ClusterId cluster) {
  CHECK(!cluster.is_nil());
  if (identity_.cluster == cluster) return {};
  if (!identity_.cluster.is_nil()) {
    return Error{Code::kConflict, path_ + " belongs to cluster " + identity_.cluster.text() +
                                      " and cannot join cluster " + cluster.text()};
  }
  Identity joined = identity_;
  joined.cluster = cluster;
  TRY(replace_file(path_, "identity", encode_identity(joined)));
  identity_ = joined;
  return {};
}

}  // namespace strandlog::store
