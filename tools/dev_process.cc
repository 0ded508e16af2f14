// Processes of a development cluster: started apart, and never confused with later ones.
#include "tools/dev_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace strandlog::tools {
namespace {

struct Stat {
  char state = 0;
  uint64_t start = 0;
};

/// Fields 3 and 22 of /proc/PID/stat; what stands in parentheses may hold anything.
std::optional<Stat> read_stat(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  const auto after_name = text.rfind(')');
  if (after_name == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(after_name + 1));
  Stat stat;
  std::string skipped;
  if (!(fields >> stat.state)) return std::nullopt;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  if (!(fields >> stat.start)) return std::nullopt;
  return stat;
}

/// Whether threads beside the first one still end; until they have, files stay open and locked.
bool has_other_threads(pid_t pid) {
  std::error_code error;
  std::filesystem::directory_iterator tasks("/proc/" + std::to_string(pid) + "/task", error);
  return !error && std::distance(tasks, {}) > 1;
}

Error failed(const std::string& what) {
  return Error{Code::kIo, what + " failed: " + std::strerror(errno)};
}

/// Runs in the child: only calls that are safe after fork.
[[noreturn]] void become(char* const* arguments, int null_descriptor, int log_descriptor) {
  setsid();
  dup2(null_descriptor, STDIN_FILENO);
  dup2(log_descriptor, STDOUT_FILENO);
  dup2(log_descriptor, STDERR_FILENO);
  close_range(3, ~0u, 0);
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &usual, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(arguments[0], arguments);
  constexpr char kMessage[] = "cannot be executed\n";
  (void)!write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  _exit(127);
}

}  // namespace

ProcessState process_state(const ProcessId& process) {
  if (process.pid <= 0) return ProcessState::kGone;
  // Reaps it if it was started by this very run; otherwise there is nothing to wait for.
  waitpid(process.pid, nullptr, WNOHANG);
  const auto stat = read_stat(process.pid);
  if (!stat || stat->start != process.start) return ProcessState::kGone;
  const bool ended = stat->state == 'Z' || stat->state == 'X';
  if (ended) return has_other_threads(process.pid) ? ProcessState::kRunning : ProcessState::kGone;
  return stat->state == 'T' || stat->state == 't' ? ProcessState::kPaused : ProcessState::kRunning;
}

Result<ProcessId> identify(pid_t pid) {
  const auto stat = read_stat(pid);
  if (!stat) return Error{Code::kNotFound, "no process " + std::to_string(pid)};
  return ProcessId{pid, stat->start};
}

Result<ProcessId> start_detached(const std::vector<std::string>& arguments,
                                 const std::string& log_path) {
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return failed("opening " + log_path);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  std::vector<char*> pointers;
  for (const auto& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) become(pointers.data(), null, log);
  const int fork_error = errno;
  close(log);
  close(null);
  errno = fork_error;
  if (pid < 0) return failed("fork");
  return identify(pid);
}

Result<void> send_signal(const ProcessId& process, int signal) {
  if (process_state(process) == ProcessState::kGone)
    return Error{Code::kNotFound, "process " + std::to_string(process.pid) + " is gone"};
  if (kill(process.pid, signal) != 0) return failed("kill");
  return {};
}

bool wait_gone(const ProcessId& process, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (process_state(process) != ProcessState::kGone) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  return true;
}

Result<std::string> program_beside(const std::string& name) {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length <= 0) return failed("reading /proc/self/exe");
  std::string found(path.data(), static_cast<size_t>(length));
  found = found.substr(0, found.rfind('/') + 1) + name;
  if (access(found.c_str(), X_OK) != 0)
    return Error{Code::kNotFound, found + " is not there; build it first: make"};
  return found;
}

namespace {

/// "127.0.0.1:7400"; nothing for another form.
std::optional<sockaddr_in> ipv4(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  sockaddr_in where{};
  where.sin_family = AF_INET;
  uint16_t port = 0;
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  where.sin_port = htons(port);
  if (inet_pton(AF_INET, address.substr(0, colon).c_str(), &where.sin_addr) != 1)
    return std::nullopt;
  return where;
}

class TcpSocket {
 public:
  TcpSocket() : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~TcpSocket() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  TcpSocket(const TcpSocket&) = delete;
  TcpSocket& operator=(const TcpSocket&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

bool is_taken(const std::string& address) {
  const auto where = ipv4(address);
  const TcpSocket probe;
  if (!where || probe.descriptor() < 0) return false;
  // As the daemon listens: connections that are only closing do not count.
  const int on = 1;
  setsockopt(probe.descriptor(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return bind(probe.descriptor(), reinterpret_cast<const sockaddr*>(&*where), sizeof *where) != 0 &&
         errno == EADDRINUSE;
}

bool accepts_connections(const std::string& address) {
  const auto where = ipv4(address);
  const TcpSocket probe;
  if (!where || probe.descriptor() < 0) return false;
  return connect(probe.descriptor(), reinterpret_cast<const sockaddr*>(&*where), sizeof *where) ==
         0;
}

}  // namespace strandlog::tools
