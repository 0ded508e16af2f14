// Produce: validates batches, proposes them, and answers when they are as durable as was asked.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <variant>
#include <vector>

#include "broker/context.h"
#include "broker/fence.h"

namespace strandlog::broker {

class Produce {
 public:
  explicit Produce(Context& context) : context_(context) {}

  /// Each item succeeds or fails as a whole; a batch that is refused changes nothing.
  void handle(const ReplyTo& to, const wire::ProduceRequest& request, Time deadline,
              const std::vector<Bytes>& frames);
  /// Refuses the whole request; what follows it in its producer's pipeline is refused as well.
  void refuse(const ReplyTo& to, const wire::ProduceRequest& request,
              const std::vector<Bytes>& frames, wire::WireError error);
  /// Commit or durable index of a replica moved: answers whoever waited for it.
  void advanced(const Replica& replica);
  /// What was appended and not committed may or may not survive: tells the producers so.
  void lost_leadership(Uid uid);
  void expire();
  Time next_deadline() const;
  size_t waiting() const { return by_deadline_.size(); }

 private:
  struct Pending {
    ReplyTo to;
    wire::ProduceAnswer answer;
    std::vector<bool> decided;  ///< by item
    size_t open = 0;            ///< items not decided yet
    Time arrived, deadline;
    bool answered = false;
  };
  struct Waiter {
    Index index;
    std::shared_ptr<Pending> pending;
    size_t item;
    Sender sender;
    wire::TopicPartition where;  ///< of the item: the answer may have left at its deadline
  };
  /// An item that was asked to be durable here only, and is not committed yet. It may be lost with
  /// the leadership, its answer on the way: then nothing behind it may be accepted.
  struct Uncommitted {
    Index index;
    wire::TopicPartition where;
    Sender sender;
  };
  struct Waiters {
    Term term;  ///< they were appended in
    std::deque<Waiter> committed, durable;
    std::deque<Uncommitted> uncommitted;
  };

  struct Accepted {
    Replica* replica;
    EntryHeader head;  ///< of the item's first batch
    Index last;        ///< of its last one
    Sender sender;
  };

  static Sender sender_of(const wire::ProduceRequest& request,
                          const wire::ProduceRequest::Item& item, const std::vector<Bytes>& frames,
                          size_t first);
  std::variant<Accepted, wire::WireError> accept(const wire::ProduceRequest::Item& item,
                                                 const Sender& sender,
                                                 const std::vector<Bytes>& frames, size_t first);
  Result<EntryHeader> append_item(Replica& replica, const std::vector<Bytes>& frames, size_t first,
                                  size_t count, Index& last);
  void decide(Pending& pending, size_t item, std::optional<wire::WireError> error);
  void release(std::deque<Waiter>& waiters, Index up_to);
  void fail_all(std::deque<Waiter>& waiters, const wire::WireError& error);

  Context& context_;
  Fence fence_;
  std::map<Uid, Waiters> waiters_;
  std::multimap<Time, std::weak_ptr<Pending>> by_deadline_;
};

}  // namespace strandlog::broker
