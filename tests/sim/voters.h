// Voters: who has to live for a group to go on, by the configurations that lie on disks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "store/inspect.h"

namespace strandlog::sim {

/// Of one group.
class Voters {
 public:
  using Counts = std::function<bool(size_t)>;

  /// A replica that lies on the disk of this broker.
  void saw(size_t broker, const store::InspectedReplica& replica);
  /// Whether the brokers that count hold a majority of whatever may decide: of the newest
  /// configuration of every replica, and of both halves of a joint one. More than is needed where
  /// some have yet to hear of a change. Voters whose disks are gone never count.
  bool have_majority(const Counts& counts) const;
  bool are_on(size_t broker) const;
  /// No change is on its way, and no voter's disk is gone.
  bool are_whole() const;
  /// As "4@- 6@3 8@2 or 6@3 8@2 10@1": the sets, each uid with its broker.
  std::string text() const;

 private:
  std::set<std::set<Uid>> sets_;  ///< a majority of each is needed
  std::map<Uid, size_t> homes_;   ///< the number of the broker that holds it
};

}  // namespace strandlog::sim
