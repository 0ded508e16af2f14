// RocksStateStore: the StateStore in a RocksDB database, tuned to be small.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "store/state_store.h"

namespace rocksdb {
class DB;
class Status;
}  // namespace rocksdb

namespace strandlog::store {

/// One directory, which it has to itself (the data directory's lock sees to that). Destroying the
/// object without flush() loses what was not flushed, as a crash does. Files: store/format.md,
/// "State".
class RocksStateStore final : public StateStore {
 public:
  struct Opened {
    std::unique_ptr<RocksStateStore> store;
    std::string dropped;  ///< not empty: why what lay there was deleted; the store is empty
  };
  /// Makes the directory when it is absent. Whatever is wrong with what lies there, it is deleted
  /// and made anew; kLocked, kDiskFull, and kIo when not even an empty one can be made.
  static Result<Opened> open(const std::string& path);
  ~RocksStateStore() override;

  Result<Index> applied(std::string_view machine) const override;
  Result<void> apply(std::string_view machine, Index applied, const StateBatch& batch) override;
  Result<std::optional<Bytes>> get(std::string_view machine, std::string_view key) const override;
  Result<StatePage> scan(std::string_view machine, std::string_view prefix, std::string_view after,
                         size_t max_bytes) const override;
  Result<void> drop(std::string_view machine) override;
  Result<void> flush() override;
  void start_flush() override;

 private:
  RocksStateStore(std::string path, std::unique_ptr<rocksdb::DB> db);
  Error failed(const std::string& what, const rocksdb::Status& status) const;

  std::string path_;
  std::unique_ptr<rocksdb::DB> db_;
  mutable std::map<std::string, Index, std::less<>> applied_;  ///< as far as asked for
};

}  // namespace strandlog::store
