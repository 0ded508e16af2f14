// Peers: the other brokers; sessions by boot ids, one outgoing message per lane, peer and turn.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/env.h"
#include "wire/messages.h"

namespace strandlog::broker {

/// Who this broker is to its peers.
struct Self {
  wire::BrokerAddress address;
  BootEpoch boot_epoch;
  BootId boot_id;
  RoundNumber boot_round;
};

/// Two links per peer: control (votes, answers, heartbeats) and bulk (appends), so that a large
/// append never delays a heartbeat. Used by the shard's thread.
class Peers {
 public:
  Peers(Self self, Transport& transport) : self_(std::move(self)), transport_(transport) {}

  /// Learns or updates a broker's peer address; connects when it is new or has moved. At most
  /// kMostPeers are met: beyond, a newcomer is left alone.
  void meet(const wire::BrokerAddress& address);
  /// A peer address without a known broker behind it: told who we are while we are blank.
  void add_seed(const std::string& address);

  /// What every message of the next flush() says besides its content.
  struct Announcement {
    ClusterId cluster;
    RoundNumber durable_round;
    uint64_t leaderships_lost = 0;
    wire::FoundingState founding = wire::FoundingState::kBlank;
    std::optional<wire::FoundingDocument> document;    ///< sent to peers that are not founded
    std::optional<wire::RegisterReport> registration;  ///< with every message, not heartbeats
                                                       ///< alone, until the catalog has it
    std::vector<Uid> faulty;                           ///< replicas out of service here
  };

  // ---- outbox of this turn
  void raft(BrokerId to, wire::RaftMessage message);
  /// An append, with its entries if any, on the bulk lane. False until the peer was heard from.
  /// What flush() then cannot hand over (dropped()) is lost as on a network: the leader sends it
  /// again.
  bool append(BrokerId to, wire::RaftMessage message, std::vector<Bytes> frames);
  void leaders(const std::vector<wire::LeaderNotice>& notices);  ///< to everyone
  void leaders(BrokerId to, std::vector<wire::LeaderNotice> notices);
  void report(BrokerId to, wire::ReplicaReport report);
  void members(BrokerId to, wire::GroupMembers members);
  void catalog_fetch(BrokerId to, Index after);
  void catalog_entries(BrokerId to, wire::CatalogEntries entries, std::vector<Bytes> frames);
  /// Sends what has gathered, and a heartbeat to whom nothing went for `heartbeat_ms`.
  void flush(Time now, int64_t heartbeat_ms, const Announcement& announcement);

  // ---- inbox
  enum class Verdict {
    kConfirmed,   ///< knows our present boot: a session
    kIntroduced,  ///< does not know us yet: only its introduction counts
    kRefused      ///< another cluster, a stale copy, a clone, or our own id: dropped
  };
  /// Judges who speaks, before anything it says. `why` says what was wrong when refused. Remembers
  /// nothing new of a store (that is trust()'s) but that it was found to be a restored copy: such a
  /// one is refused for ever, however far its journal grows.
  Verdict judge(const wire::PeerMessage& message, const ClusterId& cluster, std::string& why);
  /// The sender is who it says it is, with its broker's present store: its boot and its durable
  /// round are remembered, and anything older is refused from now on.
  void trust(const wire::PeerMessage& message);
  /// Messages that the transport did not take, ever.
  uint64_t dropped() const { return dropped_; }
  /// The broker whose link this is; none for seeds and unknown links.
  std::optional<BrokerId> broker_of(LinkId link) const;

  std::vector<wire::RememberedStore> remembered() const;
  void remember(const std::vector<wire::RememberedStore>& stores);
  /// kBoot once after trust() saw a boot not remembered yet: remembered() belongs in the journal.
  /// kRounds after durable rounds moved: it belongs in the next round, when there is one.
  enum class Changed { kNothing, kRounds, kBoot };
  Changed take_remembered_changed() { return std::exchange(changed_, Changed::kNothing); }

  static constexpr size_t kMostPeers = 1000;
  static constexpr RoundNumber kNeverAgain{UINT64_MAX};  ///< remembered of a restored copy

 private:
  struct Outbox {
    std::vector<wire::RaftMessage> raft;
    std::vector<wire::LeaderNotice> leaders;
    std::vector<wire::ReplicaReport> replicas;
    std::vector<wire::GroupMembers> members;
    std::optional<wire::CatalogFetch> catalog_fetch;
    std::optional<wire::CatalogEntries> catalog_entries;
    std::vector<Bytes> frames;
    size_t bytes = 0;
    bool empty() const {
      return raft.empty() && leaders.empty() && replicas.empty() && members.empty() &&
             !catalog_fetch && !catalog_entries;
    }
  };
  struct Peer {
    std::string address;
    LinkId control, bulk;
    StoreId store;
    BootId boot_id;  ///< last heard; nil until then
    wire::FoundingState founding = wire::FoundingState::kFounded;
    bool answer_now = false;
    Time last_sent{-1'000'000'000};
    std::vector<Outbox> control_boxes, bulk_boxes;
  };
  struct Seed {
    LinkId link;
    Time last_sent{-1'000'000'000};
  };

  Outbox& control_box(Peer& peer);
  std::string why_not(const wire::PeerMessage& message, const ClusterId& cluster) const;
  bool is_behind_itself(const wire::PeerMessage& message) const;
  wire::PeerMessage envelope(const Peer* peer, const Announcement& announcement) const;
  void transmit(LinkId link, wire::PeerMessage message, Outbox box);

  Self self_;
  Transport& transport_;
  std::map<BrokerId, Peer> peers_;
  std::map<LinkId, BrokerId> links_;
  std::map<std::string, Seed> seeds_;
  std::map<StoreId, wire::RememberedStore> remembered_;
  Changed changed_ = Changed::kNothing;
  uint64_t dropped_ = 0;
};

}  // namespace strandlog::broker
