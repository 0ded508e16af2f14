// Processes of a development cluster: started apart, and never confused with later ones.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace strandlog::tools {

/// A process as the kernel can identify it: numbers return, a number with its start time does not.
struct ProcessId {
  pid_t pid = 0;       ///< 0: none
  uint64_t start = 0;  ///< field 22 of /proc/PID/stat
  bool operator==(const ProcessId&) const = default;
};

enum class ProcessState { kGone, kRunning, kPaused };

/// kGone also for a zombie, and for a number that belongs to another process by now; not before the
/// last thread has ended, for until then its files and locks are held.
ProcessState process_state(const ProcessId& process);

/// Reads the start time of a live process. kNotFound when there is none.
Result<ProcessId> identify(pid_t pid);

/// Starts `arguments` in a session of its own: stdin /dev/null, both outputs appended to
/// `log_path`, no other descriptor inherited. kIo when it cannot be started.
Result<ProcessId> start_detached(const std::vector<std::string>& arguments,
                                 const std::string& log_path);

/// Sends `signal` if the process is still the same one. kNotFound when it is gone.
Result<void> send_signal(const ProcessId& process, int signal);

/// Waits until it is gone; false when `patience` ran out first.
bool wait_gone(const ProcessId& process, std::chrono::milliseconds patience);

/// The file beside this program, or kNotFound.
Result<std::string> program_beside(const std::string& name);

/// True when another socket listens at HOST:PORT (IPv4 numbers).
bool is_taken(const std::string& address);

/// True when something accepts connections at HOST:PORT (IPv4 numbers).
bool accepts_connections(const std::string& address);

}  // namespace strandlog::tools
