// Reconciler: which replicas should move, as the catalog leader sees the cluster.
#pragma once

#include <functional>
#include <vector>

#include "broker/catalog.h"

namespace strandlog::broker {

enum class Presence {
  kAlive,
  kAway,  ///< silent; its disk is taken to be there
  kGone,  ///< away for replace.after
};
/// What the catalog does not know.
struct View {
  std::function<Presence(BrokerId)> presence;
  /// Out of service, as its own broker says.
  std::function<bool(const wire::CatalogReplica&)> is_faulty;
};

/// Moves to propose now, most endangered partitions first, under uids from catalog.next_uid() on:
/// for a replica whose store is gone a new one on what its broker has in its place; for one that is
/// out of service a new one beside it, which it goes for; for one whose broker is gone a new one on
/// the live broker that holds the fewest and none of this partition;
/// and for the catalog's group a voter more while it has fewer than the cluster's size asks for (1,
/// 3 from three brokers on, 5 from five). None for a partition without a live majority: nobody
/// could take it in. To each broker come at most `most` moves at a time, not counting those that
/// cannot end now.
std::vector<wire::catalog::MoveReplica> plan_moves(const Catalog& catalog, const View& view,
                                                   size_t most);

}  // namespace strandlog::broker
