// DataDirectory: whose directory this is, and that nobody else uses it now.
#pragma once

#include <optional>
#include <string>

#include "base/env.h"
#include "base/ids.h"
#include "base/result.h"

namespace strandlog::store {

/// Who a store is; in the file `identity`, with a checksum.
struct Identity {
  ClusterId cluster;  ///< nil while the broker is blank
  BrokerId broker;
  StoreId store;
  bool operator==(const Identity&) const = default;
};

/// A formatted directory, locked for this process as long as the object lives. Layout and files:
/// store/format.md, "Data directory". Works on the real file system at start-up, before there is a
/// Disk; blocks.
///
/// What every opening call refuses, without changing anything in the directory:
/// kDenied: another owner, or others may read or write it; kWrongIdentity: not a Strandlog
/// directory, or another broker's; kUnsupported: of a newer version; kCorruption: FORMAT, identity
/// or the directories of the log are damaged or missing; kLocked: another process has it, named by
/// its pid; kNotFound: nothing there; kIo: the rest. The texts name the next step.
class DataDirectory {
 public:
  /// Makes the directory (its parent must exist) or takes an empty one, and formats it under a new
  /// store id. kConflict when it is formatted already. A formatting that was cut short is finished.
  static Result<DataDirectory> format(const std::string& path, BrokerId broker, Random& random);
  /// Opens a formatted directory and empties tmp/. kWrongIdentity when it belongs to another
  /// broker.
  static Result<DataDirectory> open(const std::string& path, BrokerId broker);
  /// For a daemon: open() when formatted, else format().
  static Result<DataDirectory> open_or_format(const std::string& path, BrokerId broker,
                                              Random& random);
  /// Moves what is there to lost/<store id>/ and formats the rest anew under a new store id: for a
  /// store that cannot be trusted. Nothing is deleted. A call that was cut short is finished by the
  /// next one: open() says kCorruption until then. kConflict when lost/ holds kMostLost stores
  /// already; what open() says of a directory that is another's, or says nothing of whose it is.
  static Result<DataDirectory> set_aside(const std::string& path, BrokerId broker, Random& random);
  static constexpr size_t kMostLost = 3;
  /// For offline tools: any broker's; locks but changes nothing (the pid in LOCK excepted).
  static Result<DataDirectory> open_read_only(const std::string& path);

  ~DataDirectory();
  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&&) = delete;

  const std::string& path() const { return path_; }
  const Identity& identity() const { return identity_; }
  /// Names the cluster, durably. kConflict when it already belongs to another one.
  Result<void> join(ClusterId cluster);

 private:
  DataDirectory(std::string path, int directory_fd, int lock_fd)
      : path_(std::move(path)), directory_fd_(directory_fd), lock_fd_(lock_fd) {}
  static Result<DataDirectory> lock(const std::string& path, bool read_only);
  Result<void> write_layout();
  Result<void> move_to_lost() const;
  Result<void> prepare_layout(bool read_only) const;

  std::string path_;
  int directory_fd_ = -1;
  int lock_fd_ = -1;  ///< -1: read-only and never opened by a daemon
  Identity identity_;
};

/// kWrongIdentity when the store at `path` is not this broker's.
Result<void> check_broker_of(const Identity& identity, BrokerId broker, const std::string& path);

/// The file `identity`, and back. kCorruption when damaged, kUnsupported when newer.
std::string encode_identity(const Identity& identity);
Result<Identity> decode_identity(const std::string& text);

}  // namespace strandlog::store
