// StateStore: tables of state machines that can be computed again from their logs.
//
// A machine is whatever applies one committed log: the catalog, the offsets of consumer groups. Its
// rows lie under its name, together with the index of the last entry they hold. Nothing lies here
// that a log does not have too: a store that is lost costs time, never a vote or a byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace strandlog::store {

constexpr size_t kMaxMachineName = 64;
constexpr size_t kMaxStateKey = 1024;
constexpr size_t kMaxStateValue = 1u << 20;
/// Keys, values and kStateChangeOverhead for each change.
constexpr size_t kMaxStateBatch = 32u << 20;
constexpr size_t kStateChangeOverhead = 32;

/// Changes of one machine's rows; a later change of a key wins over an earlier one.
class StateBatch {
 public:
  struct Change {
    std::string key;
    std::optional<Bytes> value;  ///< none: the row goes, if it was there
  };

  void put(std::string key, Bytes value) { add({std::move(key), std::move(value)}); }
  void erase(std::string key) { add({std::move(key), std::nullopt}); }
  const std::vector<Change>& changes() const { return changes_; }
  size_t byte_count() const { return bytes_; }

 private:
  void add(Change change) {
    bytes_ += kStateChangeOverhead + change.key.size() + (change.value ? change.value->size() : 0);
    changes_.push_back(std::move(change));
  }
  std::vector<Change> changes_;
  size_t bytes_ = 0;
};

struct StateRow {
  std::string key;
  Bytes value;
  bool operator==(const StateRow& other) const {
    return key == other.key && value.text() == other.value.text();
  }
};

/// A piece of a scan: `more` says that rows follow after the last one.
struct StatePage {
  std::vector<StateRow> rows;
  bool more = false;
};

/// Used by one thread.
///
/// *After a crash* (the object goes without flush()) each machine stands at some index that it was
/// at before, with exactly the rows it had there: never a mixture of two, never before what the
/// last flush() or drop() made durable. Two machines may fall back by different amounts.
///
/// *Errors.* kInvalidArgument, kTooLarge: a name or key that is empty, anything over a bound above;
/// nothing was changed. kBusy (of apply alone): the disk is behind, try later. kDiskFull, kIo: the
/// disk refused. kCorruption: stored bytes fail their checksum; the next open() finds the store
/// damaged and begins an empty one, until then its user does without.
class StateStore {
 public:
  virtual ~StateStore() = default;

  /// The last index that the machine's rows hold; 0 when nothing is known of it.
  virtual Result<Index> applied(std::string_view machine) const = 0;
  /// Makes all the changes and sets applied(), as one. `applied` rises: above the one before.
  /// The caller applies only what is committed and durable in its own log. Does not wait for the
  /// disk.
  virtual Result<void> apply(std::string_view machine, Index applied, const StateBatch& batch) = 0;

  /// None: no such row.
  virtual Result<std::optional<Bytes>> get(std::string_view machine,
                                           std::string_view key) const = 0;
  /// Rows whose keys begin with `prefix`, those above `after` (empty: all of them), in the order of
  /// their unsigned bytes; ends before exceeding `max_bytes`, but never before the first row.
  virtual Result<StatePage> scan(std::string_view machine, std::string_view prefix,
                                 std::string_view after, size_t max_bytes) const = 0;

  /// Forgets the machine, durably. Waits for the disk: for a start, or a machine that has ended.
  virtual Result<void> drop(std::string_view machine) = 0;
  /// Makes all that was applied durable. Waits for the disk: for a clean stop.
  virtual Result<void> flush() = 0;
  /// Begins to make it durable, without waiting and without saying when it is.
  virtual void start_flush() = 0;
};

/// The bounds above, for those who implement it.
Result<void> check_machine(std::string_view machine);
Result<void> check_batch(std::string_view machine, const StateBatch& batch);

}  // namespace strandlog::store
