// RoundDraft: the gathering round: its items, and the replicas it touches.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "store/journal_format.h"
#include "store/replica_table.h"
#include "store/store.h"

namespace strandlog::store {

class RoundDraft {
 public:
  /// Notes that `log` takes part in the round, which will have number `round`.
  void touch(ReplicaLog& log, RoundNumber round);
  void add(Item item) { items_.push_back(item); }
  /// Adds the item, or puts it in the place of an earlier one of the same replica: a round may
  /// gather for as long as the one before it waits for space.
  void set_hard_state(const Item& item);
  /// Adds an item whose payload is copied into `buffer`.
  void add(Item item, ByteView payload, RoundBuffer& buffer);
  /// Adds the run of entries just put at `place`; extends the last item when the run follows it.
  /// `headers_crc` continues `crc_so_far()` of that item, or begins from 0.
  void add_entries(const Item& run, const RoundBuffer::Place& place);
  /// The CRC to continue for entries of `uid` put at `place`.
  uint32_t crc_before(Uid uid, const RoundBuffer::Place& place) const;

  bool empty() const { return items_.empty(); }
  size_t item_count() const { return items_.size(); }
  /// Hands over everything; the draft is empty afterwards.
  std::vector<Item> take_items() {
    hard_states_.clear();
    return std::exchange(items_, {});
  }
  std::vector<Uid> take_touched() { return std::exchange(touched_, {}); }

 private:
  bool extends(Uid uid, const RoundBuffer::Place& place) const;
  std::vector<Item> items_;
  std::map<Uid, size_t> hard_states_;  ///< where in items_
  std::vector<Uid> touched_;
};

}  // namespace strandlog::store
