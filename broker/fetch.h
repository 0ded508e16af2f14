// Fetch and ListOffsets: committed entries from an offset, long poll, quorum-confirmed ends.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "broker/context.h"

namespace strandlog::broker {

class Fetch {
 public:
  explicit Fetch(Context& context)
      : context_(context),
        told_pending_(context.metrics.counters["pending_fetches"]),
        held_bytes_(context.metrics.counters["fetch_held_bytes"]) {}

  void handle(const ReplyTo& to, const wire::FetchRequest& request, uint32_t deadline_ms);
  void handle(const ReplyTo& to, const wire::ListOffsetsRequest& request, uint32_t deadline_ms);

  /// A replica's high watermark moved or its leadership changed: looks again.
  void advanced(Uid uid);
  void on_read(const store::ReadDone& event);
  void on_read_index(const raft::ReadReady& ready);
  void expire();
  Time next_deadline() const;
  size_t waiting() const { return fetches_.size() + lists_.size(); }

 private:
  struct Item {
    wire::FetchRequest::Item asked;
    std::optional<wire::WireError> error;
    Uid uid;
    bool confirming = false;     ///< a quorum is asked whether this replica still leads
    bool end_confirmed = false;  ///< it said so: what the log does not have, nobody committed
    uint64_t reading = 0;        ///< bytes a disk read under way may bring
    store::ReadResult found;
  };
  struct PendingFetch {
    ReplyTo to;
    wire::FetchRequest request;
    Time arrived, deadline;  ///< answered by then, with whatever is there
    std::vector<Item> items;
    size_t open_reads = 0;
  };
  struct PendingList {
    ReplyTo to;
    Time deadline;
    wire::ListOffsetsAnswer answer;
    std::set<size_t> open;
  };
  struct ReadOwner {
    uint64_t fetch;
    size_t item;
  };

  bool release_one();
  PendingFetch take(uint64_t id);
  void attempt(uint64_t id);
  /// Decides what can be read for one item now. True when it has something to answer with.
  bool look(uint64_t id, size_t index);
  bool start_read(uint64_t id, size_t index, Replica& replica);
  void keep(Item& item, store::ReadResult result);
  void let_go(Item& item);
  static void share_frames(std::vector<Item>& items);
  bool is_worth_an_answer(const PendingFetch& pending) const;
  void confirm_end(uint64_t id, size_t index, Replica& replica);
  void finish(uint64_t id);
  void park(uint64_t id);
  void finish_list(uint64_t id);

  Context& context_;
  uint64_t& told_pending_;  ///< as of the last turn
  uint64_t& held_bytes_;    ///< found for fetches not answered yet
  uint64_t next_id_ = 0;
  uint64_t next_ticket_ = 0;
  uint64_t next_token_ = 0;
  std::map<uint64_t, PendingFetch> fetches_;
  std::map<uint64_t, PendingList> lists_;
  std::map<Uid, std::set<uint64_t>> parked_;
  std::map<uint64_t, ReadOwner> reads_;                   ///< by store ticket
  std::map<uint64_t, ReadOwner> confirmations_;           ///< by read-index token: fetches
  std::map<uint64_t, ReadOwner> list_reads_;              ///< by read-index token: lists
  using Deadlines = std::set<std::pair<Time, uint64_t>>;  ///< with whose they are
  Deadlines deadlines_;                                   ///< of fetches without a read under way
  Deadlines list_deadlines_;
};

}  // namespace strandlog::broker
