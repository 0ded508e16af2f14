// Shard: one thread's event loop and all it owns: partitions, Raft groups, journal, connections.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/env.h"
#include "broker/admin.h"
#include "broker/catalog.h"
#include "broker/catalog_keeper.h"
#include "broker/config.h"
#include "broker/context.h"
#include "broker/disk_patience.h"
#include "broker/fetch.h"
#include "broker/founding.h"
#include "broker/peers.h"
#include "broker/produce.h"
#include "broker/replicas.h"
#include "broker/retention.h"
#include "store/store.h"

namespace strandlog::broker {

/// Used by one thread. Never blocks: the caller waits for sockets and disk between turns.
class Shard {
 public:
  /// Restores every replica the store holds. kCorruption when what the journal holds about the
  /// cluster cannot be read.
  static Result<std::unique_ptr<Shard>> open(const BrokerConfig& config, StoreId store_id,
                                             Clock& clock, Random& random, store::Store& store,
                                             store::StateStore& state_store, Transport& transport);

  /// One turn.
  void run_once();
  /// When the next turn is due even if nothing arrives.
  Time next_deadline() const;
  /// Starts a clean stop: hands leaderships over. stopped() tells when the process may end.
  void begin_stop();
  bool stopped() const;
  /// Set when the process must end at once: the disk failed, or this directory is a stranger here.
  const std::optional<Error>& failure() const { return failure_; }
  std::string state() const { return admin_.state(); }
  /// The cluster this broker belongs to once its journal says so for good; nil before.
  ClusterId cluster() const;

 private:
  Shard(const BrokerConfig& config, Self self, Clock& clock, Random& random, store::Store& store,
        store::StateStore& state, Transport& transport);

  // ---- the turn, in order
  void receive();
  void finish_disk();
  void tick();
  void settle();
  void send();
  void submit();
  void expire();

  void on_client(const NetEvent& event);
  void on_request(const ReplyTo& to, wire::Request& request, const std::vector<Bytes>& frames);
  void on_peer(const NetEvent& event);
  /// What a newer configuration of the catalog's group says of a broker's store.
  std::optional<StoreId> store_by_configuration(BrokerId broker) const;
  void learn_from_stranger(const wire::PeerMessage& message, const std::vector<Bytes>& frames);
  void take_catalog_entries(const wire::PeerMessage& message, const std::vector<Bytes>& frames,
                            size_t used);
  void on_peer_content(const wire::PeerMessage& message, const std::vector<Bytes>& frames);
  /// What comes before the bound is reached may go beyond it: the longest append gets through.
  bool may_defer() const { return deferred_bytes_ < config_.max_deferred_bytes; }
  bool has_room_for_deferred() const;
  void run_deferred();
  void act(const ReplicaEvent& event);
  void announce_leader(Uid uid);
  void watch_disk();
  void join_cluster_if_founded();
  bool is_current_store(const wire::PeerMessage& message) const;
  void introduce(const wire::PeerMessage& message, bool same_cluster);
  void keep_remembered_stores();
  void announce_again();

  static constexpr size_t kDeferredOverhead = 256;  ///< counted for each, beside its bytes
  struct Deferred {  ///< bytes that wait until the gathering round and the journal have room
    ReplyTo to;
    Time deadline;  ///< of a produce request
    std::optional<wire::ProduceRequest> produce;
    BrokerId from;  ///< of an append
    std::optional<wire::RaftMessage> append;
    std::vector<Bytes> frames;
    size_t bytes = 0;
    BootId boot = {};  ///< the sender's, and how many leaderships it had lost, when it spoke
    uint64_t leaderships_lost = 0;
  };

  BrokerConfig config_;
  Self self_;
  Clock& clock_;
  store::Store& store_;
  Transport& transport_;
  Metrics metrics_;
  Catalog catalog_;
  Leaders leaders_;
  Peers peers_;
  Replicas replicas_;
  Context context_;
  Founding founding_;
  CatalogKeeper keeper_;
  Produce produce_;
  Fetch fetch_;
  Admin admin_;
  Retention retention_;
  std::vector<NetEvent> net_events_;
  std::vector<store::StoreEvent> store_events_;
  std::deque<Deferred> deferred_;
  size_t deferred_bytes_ = 0;
  std::vector<wire::LeaderNotice> notices_;
  Time next_tick_;
  DiskPatience patience_;
  bool stalled_ = false;  ///< said so; until the disk answers
  std::optional<Time> stop_deadline_;
  std::map<BrokerId, std::string> refusals_;  ///< last reason told per peer: said once
  RoundNumber worth_telling_;    ///< the last durable round that held something of a replica
  bool rounds_to_keep_ = false;  ///< peers' durable rounds moved since they were journalled
  Time keep_rounds_at_;
  Time announce_again_at_;
  std::optional<Error> failure_;
};

}  // namespace strandlog::broker
