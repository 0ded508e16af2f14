// CatalogTables: the catalog's rows in a StateStore, so that a start applies only what is new.
//
// A copy that can be computed again: whatever is wrong with it, the log is replayed. Keys and rows:
// store/format.md, "State".
#pragma once

#include <optional>
#include <string>

#include "broker/catalog.h"
#include "store/state_store.h"

namespace strandlog::broker {

/// Used by a shard's thread. Only load() may wait for the disk.
class CatalogTables {
 public:
  explicit CatalogTables(store::StateStore& state) : state_(state) {}

  /// The catalog as it was kept for the cluster of `document`, an empty one when nothing was. What
  /// cannot be read, is of another cluster or of a build that took commands otherwise, or is ahead
  /// of `durable`, the end of the local log (none: there is no local log), is dropped and said.
  Catalog load(const wire::FoundingDocument& document, std::optional<Index> durable);
  /// Keeps what changed since the last save that succeeded, if anything was applied. The caller has
  /// in its own durable log all that was applied, or has no log. After kBusy and kDiskFull the next
  /// save makes up for it; after other errors nothing is kept until the next start.
  void save(Catalog& catalog);
  /// A save failed and should be tried again.
  bool behind() const { return behind_; }

 private:
  Result<Catalog> read(std::optional<Index> durable) const;
  store::StateBatch changes_of(const Catalog& catalog) const;
  void keep_nothing(const Error& error);

  store::StateStore& state_;
  wire::FoundingDocument document_;
  bool keeping_ = true;
  bool behind_ = false;
  Index saved_;
  Index flushed_;  ///< where the last flush was begun
};

/// The key of a row.
std::string catalog_key(const wire::catalog::Row& row);

}  // namespace strandlog::broker
