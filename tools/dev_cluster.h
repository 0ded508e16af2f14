// DevCluster: the files of a development cluster in one directory, and its brokers' processes.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/dev_process.h"
#include "tools/output.h"

namespace strandlog::tools {

/// Holds D/dev.lock while it lives, so that two commands never change one cluster at once. One
/// thread. Broker numbers begin at 1.
class DevCluster {
 public:
  /// Opens what D/dev.json records. kNotFound without one; waits up to 30 s for the lock, then
  /// kLocked.
  static Result<DevCluster> open(const std::string& directory);
  /// Opens, or makes D with this shape. kConflict when D records another shape.
  static Result<DevCluster> open_or_make(const std::string& directory, std::optional<int> brokers,
                                         std::optional<int> port_base);
  DevCluster(DevCluster&& other) noexcept;
  DevCluster& operator=(DevCluster&&) = delete;
  ~DevCluster();

  int size() const { return static_cast<int>(processes_.size()); }
  const std::string& directory() const { return directory_; }
  std::string endpoint(int broker) const;
  std::vector<std::string> endpoints() const;
  std::string data_path(int broker) const;
  std::string log_path(int broker) const;
  ProcessState state(int broker) const { return process_state(processes_[slot(broker)]); }
  const ProcessId& process(int broker) const { return processes_[slot(broker)]; }

  /// kConflict when something else listens at an address of a stopped broker.
  Result<void> check_ports(int broker) const;
  /// Starts the daemon if it is not running and records the process.
  Result<void> start(int broker, const std::string& program);
  /// SIGKILL, and waits until it is gone. A stopped broker stays as it is.
  Result<void> kill(int broker);
  /// SIGTERM, so that wait_stopped() can wait for several at once.
  void terminate(int broker);
  /// kTimeout when the broker still runs after `patience`.
  Result<void> wait_stopped(int broker, std::chrono::milliseconds patience);
  Result<void> pause(int broker);
  Result<void> resume(int broker);
  /// Deletes the data of a stopped broker; kConflict when it runs.
  Result<void> wipe(int broker);
  /// Deletes everything this class made, all brokers being stopped, and D itself if then empty.
  Result<void> remove_all();

  /// The last lines of a broker's log.
  std::string log_tail(int broker, size_t lines) const;

 private:
  DevCluster(std::string directory, int lock) : directory_(std::move(directory)), lock_(lock) {}
  static Result<DevCluster> locked(const std::string& directory);
  Result<bool> load();
  Result<void> save() const;
  Result<void> write_config(int broker) const;
  std::string peer(int broker) const;
  /// "strandlog dev kill 2 --dir D", for error texts.
  std::string verb(const std::string& name, int broker) const;
  std::string path(int broker, const std::string& end) const;
  size_t slot(int broker) const { return static_cast<size_t>(broker - 1); }

  std::string directory_;  ///< absolute
  int lock_ = -1;
  int port_base_ = 0;
  std::vector<ProcessId> processes_;
};

/// Replaces a file's content in one step.
Result<void> write_file(const std::string& path, const std::string& text);
/// kNotFound when there is none.
Result<std::string> read_file(const std::string& path);

}  // namespace strandlog::tools
