// DevCluster: the files of a development cluster in one directory, and its brokers' processes.
#include "tools/dev_cluster.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/printable.h"

namespace strandlog::tools {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kLockPatience{30000};
constexpr milliseconds kKillPatience{5000};
constexpr int kDefaultBrokers = 3;
constexpr int kDefaultPortBase = 17400;
constexpr int kMostBrokers = 10;
constexpr int kLowestPort = 1024;
constexpr int kHighestPort = 65000;

Error io(const std::string& what) { return {Code::kIo, what + " failed: " + std::strerror(errno)}; }

/// True while the lock file at `path` is the one that is open: another command may have deleted it.
bool still_there(int descriptor, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  return fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

Result<int> take_lock(const std::string& path) {
  const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
  while (true) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return io("opening " + path);
    while (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      if (std::chrono::steady_clock::now() >= deadline) {
        close(descriptor);
        return Error{Code::kLocked,
                     "another `strandlog dev` command holds " + path + " since 30 s"};
      }
      std::this_thread::sleep_for(milliseconds{20});
    }
    if (still_there(descriptor, path)) return descriptor;
    close(descriptor);
  }
}

/// What the brokers' configuration can name: some characters would end or change a line of it.
Result<std::string> absolute_path(const std::string& directory) {
  if (directory.empty()) return Error{Code::kInvalidArgument, "--dir is empty"};
  std::error_code failure;
  std::string absolute = fs::absolute(directory, failure).lexically_normal().string();
  if (failure) return Error{Code::kIo, directory + ": " + failure.message()};
  if (absolute.size() > 1 && absolute.ends_with('/')) absolute.pop_back();
  const bool usable = absolute.find(" #") == std::string::npos && printable(absolute) == absolute &&
                      !absolute.ends_with(' ');
  if (usable) return absolute;
  return Error{Code::kInvalidArgument,
               "\"" + printable(absolute) +
                   "\" cannot be used: no \" #\", control characters or blanks at the end"};
}

Result<void> remove_tree(const std::string& path) {
  std::error_code failure;
  fs::remove_all(path, failure);
  if (failure) return Error{Code::kIo, "deleting " + path + " failed: " + failure.message()};
  return {};
}

}  // namespace

Result<void> write_file(const std::string& path, const std::string& text) {
  const std::string next = path + ".next";
  std::ofstream file(next, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return Error{Code::kIo, "writing " + next + " failed"};
  if (std::rename(next.c_str(), path.c_str()) != 0) return io("renaming " + next);
  return {};
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{Code::kNotFound, "no file " + path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

DevCluster::DevCluster(DevCluster&& other) noexcept
    : directory_(std::move(other.directory_)),
      lock_(std::exchange(other.lock_, -1)),
      port_base_(other.port_base_),
      processes_(std::move(other.processes_)) {}

DevCluster::~DevCluster() {
  if (lock_ >= 0) close(lock_);
}

Result<DevCluster> DevCluster::locked(const std::string& directory) {
  ASSIGN(const std::string absolute, absolute_path(directory));
  ASSIGN(const int lock, take_lock(absolute + "/dev.lock"));
  return DevCluster(absolute, lock);
}

Result<DevCluster> DevCluster::open(const std::string& directory) {
  const Error none{Code::kNotFound, "no development cluster in " + directory +
                                        "\n  start one: strandlog dev up -n 3 --dir " + directory};
  std::error_code failure;
  if (!fs::exists(directory + "/dev.json", failure)) {
    if (!failure) return none;
    return Error{Code::kIo, directory + ": " + failure.message()};
  }
  ASSIGN(auto cluster, locked(directory));
  ASSIGN(const bool found, cluster.load());
  if (!found) return none;
  return cluster;
}

Result<DevCluster> DevCluster::open_or_make(const std::string& directory,
                                            std::optional<int> brokers,
                                            std::optional<int> port_base) {
  std::error_code failure;
  TRY(absolute_path(directory));
  fs::create_directories(directory, failure);
  if (failure) return Error{Code::kIo, "making " + directory + " failed: " + failure.message()};
  ASSIGN(auto cluster, locked(directory));
  ASSIGN(const bool found, cluster.load());
  if (!found) {
    cluster.port_base_ = port_base.value_or(kDefaultPortBase);
    cluster.processes_.resize(static_cast<size_t>(brokers.value_or(kDefaultBrokers)));
    for (int broker = 1; broker <= cluster.size(); ++broker) TRY(cluster.write_config(broker));
    TRY(cluster.save());
    return cluster;
  }
  const bool same = brokers.value_or(cluster.size()) == cluster.size() &&
                    port_base.value_or(cluster.port_base_) == cluster.port_base_;
  if (same) return cluster;
  return Error{Code::kConflict, directory + " holds " + std::to_string(cluster.size()) +
                                    " brokers from port " + std::to_string(cluster.port_base_) +
                                    "\n  take another --dir, or: strandlog dev down --wipe --dir " +
                                    directory};
}

Result<bool> DevCluster::load() {
  const auto text = read_file(directory_ + "/dev.json");
  if (!text.ok()) return false;
  const Error damaged{Code::kCorruption, directory_ +
                                             "/dev.json is not what `dev up` wrote\n  the brokers' "
                                             "data is beside it; without the file `dev up` "
                                             "begins anew with what is there"};
  const Json document = Json::parse(*text, nullptr, false);
  if (!document.is_object()) return damaged;
  // The library throws for a missing or mistyped member.
  try {
    port_base_ = document.at("port_base").get<int>();
    processes_.clear();
    for (const auto& process : document.at("brokers"))
      processes_.push_back({process.at("pid").get<pid_t>(), process.at("start").get<uint64_t>()});
  } catch (const Json::exception&) {
    return damaged;
  }
  if (processes_.empty() || size() > kMostBrokers || port_base_ < kLowestPort ||
      port_base_ > kHighestPort)
    return damaged;
  return true;
}

Result<void> DevCluster::save() const {
  Json brokers = Json::array();
  for (const auto& process : processes_)
    brokers.push_back({{"pid", process.pid}, {"start", process.start}});
  return write_file(directory_ + "/dev.json",
                    json_line({{"port_base", port_base_}, {"brokers", std::move(brokers)}}));
}

std::string DevCluster::verb(const std::string& name, int broker) const {
  const bool plain = directory_.find_first_of(" '\"$`\\*?;&|<>()") == std::string::npos;
  return "strandlog dev " + name + " " + std::to_string(broker) + " --dir " +
         (plain ? directory_ : "\"" + directory_ + "\"");
}

std::string DevCluster::path(int broker, const std::string& end) const {
  return directory_ + "/broker-" + std::to_string(broker) + end;
}
std::string DevCluster::data_path(int broker) const { return path(broker, ""); }
std::string DevCluster::log_path(int broker) const { return path(broker, ".log"); }
std::string DevCluster::endpoint(int broker) const {
  return "127.0.0.1:" + std::to_string(port_base_ + 10 * (broker - 1));
}
std::string DevCluster::peer(int broker) const {
  return "127.0.0.1:" + std::to_string(port_base_ + 100 + 10 * (broker - 1));
}
std::vector<std::string> DevCluster::endpoints() const {
  std::vector<std::string> all;
  for (int broker = 1; broker <= size(); ++broker) all.push_back(endpoint(broker));
  return all;
}

Result<void> DevCluster::write_config(int broker) const {
  std::string seeds;
  for (int other = 1; other <= size(); ++other) seeds += (other == 1 ? "" : ",") + peer(other);
  return write_file(path(broker, ".conf"),
                    "broker.id = " + std::to_string(broker) + "\ndata.dir = " + data_path(broker) +
                        "\nlisten = " + endpoint(broker) + "\nlisten.peer = " + peer(broker) +
                        "\nseeds = " + seeds + "\n");
}

Result<void> DevCluster::check_ports(int broker) const {
  if (state(broker) != ProcessState::kGone) return {};
  for (const auto& [address, use] :
       {std::pair(endpoint(broker), "clients"), std::pair(peer(broker), "other brokers")}) {
    if (!is_taken(address)) continue;
    return Error{Code::kConflict,
                 "port " + address.substr(address.rfind(':') + 1) + ", for the " + use +
                     " of broker " + std::to_string(broker) +
                     ", is taken: another process listens at " + address +
                     "\n  stop that, or take others: strandlog dev up --port-base N --dir D"};
  }
  return {};
}

Result<void> DevCluster::start(int broker, const std::string& program) {
  if (state(broker) != ProcessState::kGone) return {};
  if (!fs::exists(path(broker, ".conf"))) TRY(write_config(broker));
  ASSIGN(processes_[slot(broker)],
         start_detached({program, "--config", path(broker, ".conf")}, log_path(broker)));
  return save();
}

Result<void> DevCluster::kill(int broker) {
  const ProcessId& target = process(broker);
  if (state(broker) == ProcessState::kGone) return {};
  TRY(send_signal(target, SIGKILL));
  if (wait_gone(target, kKillPatience)) return {};
  return Error{Code::kTimeout, "broker " + std::to_string(broker) + " (pid " +
                                   std::to_string(target.pid) + ") outlives SIGKILL"};
}

void DevCluster::terminate(int broker) {
  // Failing means that it went by itself. A paused process hears it only when it goes on.
  (void)send_signal(process(broker), SIGTERM);
  (void)send_signal(process(broker), SIGCONT);
}

Result<void> DevCluster::wait_stopped(int broker, milliseconds patience) {
  const ProcessId& target = process(broker);
  if (wait_gone(target, patience)) return {};
  return Error{Code::kTimeout,
               "broker " + std::to_string(broker) + " (pid " + std::to_string(target.pid) +
                   ") did not stop within " + std::to_string(patience.count() / 1000) +
                   " s\n  end it: " + verb("kill", broker) + "      why: " + verb("logs", broker)};
}

Result<void> DevCluster::pause(int broker) {
  if (state(broker) == ProcessState::kGone)
    return Error{Code::kConflict, "broker " + std::to_string(broker) + " is stopped"};
  TRY(send_signal(process(broker), SIGSTOP));
  const auto deadline = std::chrono::steady_clock::now() + kKillPatience;
  while (state(broker) == ProcessState::kRunning) {
    if (std::chrono::steady_clock::now() >= deadline)
      return Error{Code::kTimeout, "broker " + std::to_string(broker) + " does not pause"};
    std::this_thread::sleep_for(milliseconds{5});
  }
  return {};
}

Result<void> DevCluster::resume(int broker) {
  if (state(broker) == ProcessState::kGone)
    return Error{Code::kConflict, "broker " + std::to_string(broker) + " is stopped"};
  return send_signal(process(broker), SIGCONT);
}

Result<void> DevCluster::wipe(int broker) {
  if (state(broker) != ProcessState::kGone) {
    return Error{Code::kConflict, "broker " + std::to_string(broker) +
                                      " runs; wiping needs it stopped\n  " + verb("kill", broker)};
  }
  return remove_tree(data_path(broker));
}

Result<void> DevCluster::remove_all() {
  for (int broker = 1; broker <= size(); ++broker) {
    TRY(wipe(broker));
    for (const char* end : {".conf", ".conf.next", ".log"}) ::unlink(path(broker, end).c_str());
  }
  for (const char* name : {"/dev.json", "/dev.json.next", "/dev.lock"})
    ::unlink((directory_ + name).c_str());
  // Something else may live in it; then it stays.
  ::rmdir(directory_.c_str());
  return {};
}

std::string DevCluster::log_tail(int broker, size_t lines) const {
  const auto text = read_file(log_path(broker));
  if (!text.ok() || lines == 0) return "";
  size_t begin = text->size();
  if (begin > 0 && (*text)[begin - 1] == '\n') --begin;
  for (size_t seen = 0; begin > 0; --begin)
    if ((*text)[begin - 1] == '\n' && ++seen == lines) break;
  return text->substr(begin);
}

}  // namespace strandlog::tools
