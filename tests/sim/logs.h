// Logs: the entries of all replicas, as they lie on the disks.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "store/inspect.h"

namespace strandlog::sim {

/// What makes an entry itself; of equal entries nothing differs.
struct Print {
  Index index;
  Term term;
  uint32_t crc = 0;
  auto operator<=>(const Print&) const = default;
};
Print print_of(const EntryView& entry);

/// I15: replicas of a group hold the same bytes at the same index. I21: along a log the times at
/// which its leaders took the entries never decrease, whatever their clocks say; clients that look
/// for a time rely on it. They are given these entries as they are, but no times. One thread.
class Logs {
 public:
  /// Each replica from its log's start on, in order.
  void saw(const std::string& broker, const store::InspectedEntry& one);
  const std::vector<std::string>& violations() const { return violations_; }
  uint64_t entries_of(Uid uid) const;
  /// Entries that another replica had shown before.
  uint64_t compared() const { return compared_; }

 private:
  void violated(const std::string& what);

  struct Latest {
    Index index;
    int64_t ms = 0;
    uint64_t entries = 0;  ///< with it
  };
  std::map<std::pair<GroupId, Index>, Print> known_;
  std::map<Uid, Latest> last_;
  uint64_t compared_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace strandlog::sim
