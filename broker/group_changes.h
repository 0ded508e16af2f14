// GroupChanges: brings the groups led here to the members that the catalog wants.
#pragma once

#include <vector>

#include "broker/context.h"

namespace strandlog::broker {

/// A newcomer listens once its store has reported it, takes its place by a joint change as soon as
/// it keeps up, and what the group committed goes to the catalog, whose answer ends the move. Every
/// step follows from the catalog and the group alone, so it does not matter who leads when. Used
/// by the shard's thread.
class GroupChanges {
 public:
  explicit GroupChanges(Context& context) : context_(context) {}

  /// Takes the next step of every move in a group that is led here. Returns what the catalog does
  /// not know yet; repeat it until it does.
  std::vector<wire::GroupMembers> step();
  /// Looks at every group led here: learners whose move was given up leave, and what the catalog
  /// does not know of a group's voters is returned, as by step().
  std::vector<wire::GroupMembers> tidy();

 private:
  void advance(Replica& replica, const CatalogPartition& partition);
  void change(Replica& replica, std::vector<raft::Member> voters,
              std::vector<raft::Member> learners);

  Context& context_;
};

}  // namespace strandlog::broker
