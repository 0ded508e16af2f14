// Redo: applies the items of journalled rounds to a replica table, in order.
#pragma once

#include "base/env.h"
#include "store/journal_format.h"
#include "store/replica_table.h"

namespace strandlog::store {

class Redo {
 public:
  Redo(ReplicaTable& table, Disk& disk) : table_(table), disk_(disk) {}

  /// Applies one round, whole in `bytes`. A damaged item puts its replica out of service; an error
  /// means that the store cannot go on: an item of the whole store is damaged or unknown.
  Result<void> apply(const RoundHead& head, ByteView bytes);
  /// The round's lists are lost; `items` is what the round after it says of them.
  Result<void> apply_lost(RoundNumber number, const std::vector<RepeatedItem>& items);
  /// After the last round: a replica whose entries have a gap is out of service.
  void finish();
  /// Something of a round was damaged or lost.
  bool found_damage() const { return found_damage_; }

 private:
  Result<void> apply_item(const Item& item, ByteView payload);
  Result<void> apply_made(const Item& item, ByteView payload);
  void apply_entries(ReplicaLog& log, const Item& item, ByteView run);
  void apply_entries_in_segment(ReplicaLog& log, const Item& item, ByteView payload);
  void apply_truncation(ReplicaLog& log, const Item& item);
  void apply_trim(ReplicaLog& log, const Item& item, ByteView payload);
  void apply_life(ReplicaLog& log, const Item& item);

  ReplicaTable& table_;
  Disk& disk_;
  std::vector<EntryHeader> headers_;
  std::vector<uint8_t> scratch_;
  bool found_damage_ = false;
};

}  // namespace strandlog::store
