// Replicas: the local replicas; here raft's decisions become journal rounds and messages.
//
// raft decides, store keeps, peers carry: this is the only place that knows all three. An Output is
// carried out in field order before anything else happens to its group.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/env.h"
#include "broker/config.h"
#include "broker/peers.h"
#include "raft/host.h"
#include "store/store.h"

namespace strandlog::broker {

struct Replica {
  store::ReplicaSpec spec;
  raft::Group* group = nullptr;  ///< owned by the host; null while faulty
  Index commit;
  Offset high_watermark;  ///< after the last committed record, as far as known here
  uint64_t uncommitted_bytes = 0;
  struct Uncommitted {
    Index index;
    uint64_t bytes = 0;
    Offset end;  ///< after its last record
  };
  std::deque<Uncommitted> uncommitted;  ///< a leader's own appends
  std::string fault;
  /// Who spoke last without being a member, as far as is known here: it is answered where it spoke.
  std::optional<std::pair<Uid, BrokerId>> stranger;

  bool leads() const { return group && group->role() == raft::Role::kLeader; }
};

/// Something a turn did to a replica that others act on; a closed list.
struct ReplicaEvent {
  enum class Kind {
    kCommitted,  ///< commit or high watermark moved
    kDurable,    ///< more entries of it are durable here
    kLeads,      ///< won an election
    kLostLeadership,
    kLeaderChanged,  ///< the known leader of its group is another one now
    kReadReady       ///< a read_index() token came back
  };
  Kind kind;
  Uid uid;
  raft::ReadReady read;  ///< kReadReady
};

class Replicas {
 public:
  Replicas(const BrokerConfig& config, store::Store& store, Peers& peers, Random& random);

  /// Starts the raft group of a replica that the store holds. `active`: it may vote and ack.
  void open(Uid uid, bool active);
  void activate(Uid uid);
  /// Stops the group; the store's part is the caller's.
  void close(Uid uid);
  Replica* find(Uid uid);
  Replica* find(const GroupId& group);
  const std::map<Uid, Replica>& all() const { return replicas_; }

  /// kBusy while as much as the bounds allow waits for a majority. What is begun below them may go
  /// beyond: an item is taken as a whole, however long it is.
  Result<void> room_for_more(const Replica& replica) const;
  /// Appends as leader. kNotLeader, kBusy (transfer), kFaulty.
  Result<EntryHeader> propose(Replica& replica, EntryKind kind, uint32_t records, ByteView body,
                              int64_t wall_ms);
  /// As raft::Group::change_membership(); kFaulty.
  Result<Index> change_membership(Replica& replica, const raft::MembershipChange& change);
  /// A Raft message from `from`'s present session, with the frames of its entries.
  void receive(BrokerId from, const wire::RaftMessage& message, const std::vector<Bytes>& frames);
  /// Of an append that has to wait for room: its leader lives, and is answered for what is durable.
  void hear(BrokerId from, const wire::RaftMessage& append);
  void read_index(Replica& replica, uint64_t token);

  void heard(BrokerId broker, BootId boot, uint64_t leaderships_lost);
  bool is_late(BrokerId broker, BootId boot, uint64_t leaderships_lost) const {
    return host_.is_late(broker, boot, leaderships_lost);
  }
  void disconnected(BrokerId broker);
  bool alive(BrokerId broker) const { return host_.alive(broker); }
  uint64_t leaderships_lost() const { return host_.leaderships_lost(); }

  /// A store event of the round kind; read results whose ticket began here.
  void on_durable(const store::RoundDurable& event);
  bool on_read(const store::ReadDone& event);
  void on_fault(Uid uid, const std::string& what);
  void tick();
  /// The disk does not answer: give up this leadership, or every one.
  void step_down(Uid uid);
  void step_down_all();
  /// Starts handing every leadership to a live voter.
  void hand_over();
  /// Carries out what groups decided since the last call; returns what happened.
  std::vector<ReplicaEvent> settle();
  uint64_t uncommitted_bytes() const { return uncommitted_bytes_; }
  /// Where the log begins for readers: what is committed to go is gone, also while its trim waits.
  Offset log_start(const Replica& replica) const;
  /// Out of service here; told to the other brokers.
  const std::set<Uid>& faulty() const { return faulty_; }
  /// Appends of leaders that this disk had no room for, ever.
  uint64_t appends_refused() const { return appends_refused_; }

 private:
  struct Received {
    Index first;
    const std::vector<Bytes>* frames;
    std::optional<store::LogStart> start;  ///< of an offer
  };
  /// Until its follower answers for it; then raft knows, and here it expires.
  struct PendingOffer {
    Uid uid, to;
    Term term;
    uint32_t ticks = 0;
  };
  struct PendingSend {
    Uid uid;
    raft::Send send;
  };
  /// Of what is said again before it is durable the last counts: a round may wait for hours.
  struct HeldKey {
    RoundNumber round;
    Uid from, to;
    size_t kind;
    auto operator<=>(const HeldKey&) const = default;
  };

  bool in_service(Replica& replica);
  Result<void> catch_up_with_group(Replica& replica);
  void give_up(Replica& replica);
  void gave_up_leadership(Replica& replica);
  void carry_out(Replica& replica, const raft::Output& output, const Received* received);
  void take_one(Replica& replica, const Received* received = nullptr);
  /// An entry that the group itself decided on, as leader.
  void append_own(Replica& replica, EntryKind kind, Index index, ByteView body);
  void append_received(Replica& replica, const Received& received, Index first);
  void begin_send(Replica& replica, const raft::Send& send);
  void finish_send(Replica& replica, const raft::Send& send, store::ReadResult result);
  void offer_start(Replica& replica, const raft::SnapshotSend& wanted);
  void expire_offers();
  bool take_offer(const wire::RaftMessage& message, const std::vector<Bytes>& frames,
                  raft::Message& step, Received& received) const;
  void trim_committed();
  void dispatch(const Replica& replica, const raft::Message& message);
  void hold_or_dispatch(const Replica& replica, const raft::Message& message);
  void moved(Replica& replica);
  void note_leader(Replica& replica);
  /// The replica that may take this message now.
  Replica* recipient(BrokerId from, const wire::RaftMessage& message);
  std::optional<BrokerId> broker_of(const Replica& replica, Uid member) const;

  const BrokerConfig& config_;
  store::Store& store_;
  Peers& peers_;
  Random& random_;
  raft::Host host_;
  std::map<Uid, Replica> replicas_;
  std::map<GroupId, Uid> by_group_;  ///< the newest: an old disk may bring one that was replaced
  std::map<Uid, std::pair<Uid, Term>> known_leaders_;
  std::map<uint64_t, PendingSend> pending_sends_;
  std::vector<PendingOffer> offers_;
  std::set<Uid> to_trim_;  ///< a trim entry of theirs is committed and not carried out
  std::map<HeldKey, raft::Message> held_;  ///< until their rounds are durable
  std::vector<ReplicaEvent> events_;
  std::set<Uid> faulty_;
  uint64_t next_ticket_ = 0;
  uint64_t uncommitted_bytes_ = 0;
  uint64_t appends_refused_ = 0;
};

/// Tickets of store reads carry their owner in the top byte.
constexpr uint64_t kSendTickets = 1ull << 56;
constexpr uint64_t kFetchTickets = 2ull << 56;
constexpr uint64_t kCatalogTickets = 3ull << 56;
constexpr uint64_t ticket_owner(uint64_t ticket) { return ticket & (0xffull << 56); }

}  // namespace strandlog::broker
