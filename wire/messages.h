// What travels between processes, as plain structs; codec.h turns them into frames and back.
//
// Any client request carries its own id, deadline and identity; any answer repeats the id. Bulk
// bytes never pass through the codec: they are blob frames counted by `frames` fields, in order.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace strandlog::wire {

constexpr uint16_t kWireVersion = 1;
constexpr size_t kMaxControlFrame = 4u << 20;  ///< a longer control frame is refused unread
constexpr size_t kMaxBlobFrames = 1024;

// ------------------------------------------------------------------------------- shared pieces

struct TopicPartition {
  TopicId topic;
  uint32_t partition = 0;
  auto operator<=>(const TopicPartition&) const = default;
};

struct BrokerAddress {
  BrokerId broker;
  StoreId store;
  std::string client_address;  ///< "HOST:PORT"
  std::string peer_address;
  bool operator==(const BrokerAddress&) const = default;
};

/// Made once by `cluster found`; every named broker holds the same one durably.
struct FoundingDocument {
  ClusterId cluster;
  GroupId catalog_group;
  struct Founder {
    BrokerAddress address;
    Uid catalog_uid;
    bool operator==(const Founder&) const = default;
  };
  std::vector<Founder> founders;
  uint32_t group_partitions = 0;  ///< number of `__groups` partitions, fixed for ever
  int64_t created_ms = 0;
  bool operator==(const FoundingDocument&) const = default;
};

enum class FoundingState : uint8_t { kBlank = 0, kPrepared = 1, kFounded = 2 };

// ------------------------------------------------------------------------------ client requests

constexpr size_t kMaxTopicsAsked = 1000;  ///< in one metadata request; of more, ask in turns

struct MetadataRequest {
  std::vector<std::string> topics;  ///< empty and !all: brokers only
  bool all = false;
  /// Rather kStale as a whole than leaving out topics, or calling them missing, that this broker
  /// may not have heard of since it started.
  bool complete = false;
  bool operator==(const MetadataRequest&) const = default;
};

struct ProduceRequest {
  uint8_t acks = 2;  ///< 0 none, 1 durable on the leader, 2 all (durable on a majority)
  struct Item {
    TopicPartition where;
    uint32_t frames = 1;  ///< blob frames of this item; each holds one or more whole batches
    /// How often the producer began anew with this partition: after a failure it waits for what is
    /// under way, then sends again from the first unacknowledged batch as the next attempt.
    uint32_t attempt = 0;
    bool operator==(const Item&) const = default;
  };
  std::vector<Item> items;
  bool operator==(const ProduceRequest&) const = default;
};

struct FetchRequest {
  uint32_t max_wait_ms = 500;
  uint32_t min_bytes = 1;
  uint32_t max_bytes = 1u << 20;
  struct Item {
    TopicPartition where;
    Offset from;
    uint32_t max_bytes = 1u << 20;
    bool operator==(const Item&) const = default;
  };
  std::vector<Item> items;
  bool operator==(const FetchRequest&) const = default;
};

/// Start, end (by ReadIndex) of each; only a leader answers.
struct ListOffsetsRequest {
  std::vector<TopicPartition> items;
  bool operator==(const ListOffsetsRequest&) const = default;
};

struct CreateTopicRequest {
  std::string name;
  uint32_t partitions = 1;
  uint32_t replication = 0;  ///< 0: min(3, brokers)
  std::map<std::string, std::string> settings;
  bool operator==(const CreateTopicRequest&) const = default;
};

struct DeleteTopicRequest {
  std::string name;
  bool operator==(const DeleteTopicRequest&) const = default;
};

/// What a leader knows about its partitions; not-leader per item otherwise.
struct DescribePartitionsRequest {
  std::vector<TopicPartition> items;
  bool operator==(const DescribePartitionsRequest&) const = default;
};

struct StatusRequest {  ///< every counter and histogram of the asked broker
  bool operator==(const StatusRequest&) const = default;
};

struct FoundRequest {
  enum class Step : uint8_t { kInspect = 0, kPrepare = 1, kCommit = 2 };
  Step step = Step::kInspect;
  std::optional<FoundingDocument> document;  ///< prepare and commit
  bool operator==(const FoundRequest&) const = default;
};

using RequestBody = std::variant<MetadataRequest, ProduceRequest, FetchRequest, ListOffsetsRequest,
                                 CreateTopicRequest, DeleteTopicRequest, DescribePartitionsRequest,
                                 StatusRequest, FoundRequest>;

struct Request {
  uint64_t id = 0;
  uint32_t deadline_ms = 5000;  ///< relative to arrival; the broker answers or drops by then
  ClusterId cluster;            ///< nil while the client does not know it
  std::string client_id;
  uint64_t trace_id = 0;
  uint64_t minimum_catalog_index = 0;  ///< answer from a catalog at least this new, or kStale
  RequestBody body;
  bool operator==(const Request&) const = default;
};

// ------------------------------------------------------------------------------- client answers

/// A typed failure with a hint where to go.
struct WireError {
  Code code = Code::kInternal;
  std::string text;
  BrokerId leader;             ///< kNotLeader: ask this one (0: unknown) …
  std::string leader_address;  ///< … at this client address
  bool operator==(const WireError&) const = default;
};

struct MetadataAnswer {
  ClusterId cluster;
  BrokerId catalog_leader;  ///< 0: unknown
  uint64_t catalog_index = 0;
  struct Broker {
    BrokerAddress address;
    bool alive = false;  ///< the answering broker hears from it (itself: true)
    bool operator==(const Broker&) const = default;
  };
  std::vector<Broker> brokers;
  struct Replica {
    BrokerId broker;
    Uid uid;
    bool lost = false;  ///< its store is gone
    bool operator==(const Replica&) const = default;
  };
  struct Partition {
    uint32_t partition = 0;
    GroupId group;
    bool created = false;
    BrokerId leader;  ///< 0: none known
    Term term;
    std::vector<Replica> replicas;
    bool operator==(const Partition&) const = default;
  };
  struct Topic {
    std::string name;
    TopicId id;
    std::optional<WireError> error;  ///< asked for by name and not there, say
    std::map<std::string, std::string> settings;
    std::vector<Partition> partitions;
    bool operator==(const Topic&) const = default;
  };
  std::vector<Topic> topics;
  bool operator==(const MetadataAnswer&) const = default;
};

struct ProduceAnswer {
  struct Item {
    TopicPartition where;
    std::optional<WireError> error;
    Offset base_offset;  ///< of the item's first record; the item's batches are adjacent
    int64_t append_time_ms = 0;
    bool operator==(const Item&) const = default;
  };
  std::vector<Item> items;
  bool operator==(const ProduceAnswer&) const = default;
};

struct FetchAnswer {
  struct Item {
    TopicPartition where;
    std::optional<WireError> error;
    Offset high_watermark;
    Offset stable_end;
    Offset log_start;
    uint32_t frames = 0;  ///< blob frames: runs of stored entries; skip what lies below `from`
    bool operator==(const Item&) const = default;
  };
  std::vector<Item> items;
  bool operator==(const FetchAnswer&) const = default;
};

struct ListOffsetsAnswer {
  struct Item {
    TopicPartition where;
    std::optional<WireError> error;
    Offset start;
    Offset end;  ///< the high watermark, confirmed by a quorum
    bool operator==(const Item&) const = default;
  };
  std::vector<Item> items;
  bool operator==(const ListOffsetsAnswer&) const = default;
};

struct CreateTopicAnswer {
  TopicId topic;
  uint64_t catalog_index = 0;
  uint32_t replication = 0;
  bool operator==(const CreateTopicAnswer&) const = default;
};

struct DeleteTopicAnswer {
  uint64_t catalog_index = 0;
  bool operator==(const DeleteTopicAnswer&) const = default;
};

enum class ReplicaCondition : uint8_t {
  kInSync = 0,
  kBehind = 1,
  kLost = 2,
  kFaulty = 3,
  kOffline = 4
};

struct DescribePartitionsAnswer {
  struct Replica {
    BrokerId broker;
    Uid uid;
    ReplicaCondition condition = ReplicaCondition::kOffline;
    Index match;
    bool operator==(const Replica&) const = default;
  };
  struct Item {
    TopicPartition where;
    std::optional<WireError> error;
    Term term;
    std::vector<Replica> replicas;
    Offset start, high_watermark, end;
    uint64_t bytes = 0;
    bool operator==(const Item&) const = default;
  };
  std::vector<Item> items;
  bool operator==(const DescribePartitionsAnswer&) const = default;
};

struct StatusAnswer {
  BrokerId broker;
  StoreId store;
  ClusterId cluster;
  FoundingState founding = FoundingState::kBlank;
  std::string version;
  std::string state;  ///< one sentence: "ready", "blank: waiting …"
  BootEpoch boot_epoch;
  std::map<std::string, uint64_t> counters;
  struct Histogram {
    uint64_t count = 0, sum = 0, p50 = 0, p99 = 0, p999 = 0, max = 0;
    bool operator==(const Histogram&) const = default;
  };
  std::map<std::string, Histogram> histograms;
  bool operator==(const StatusAnswer&) const = default;
};

struct FoundAnswer {
  FoundingState state = FoundingState::kBlank;
  BrokerAddress address;                     ///< of the asked broker
  std::optional<FoundingDocument> document;  ///< what it holds
  bool operator==(const FoundAnswer&) const = default;
};

using AnswerBody = std::variant<std::monostate, MetadataAnswer, ProduceAnswer, FetchAnswer,
                                ListOffsetsAnswer, CreateTopicAnswer, DeleteTopicAnswer,
                                DescribePartitionsAnswer, StatusAnswer, FoundAnswer>;

struct Answer {
  uint64_t id = 0;
  ClusterId cluster;
  uint32_t throttle_ms = 0;
  std::optional<WireError> error;  ///< the request as a whole failed; then the body is empty
  AnswerBody body;
  bool operator==(const Answer&) const = default;
};

// --------------------------------------------------------------------------- between brokers

/// A Raft message, flat: which fields mean something depends on `kind` (raft/message.h).
struct RaftMessage {
  enum class Kind : uint8_t {
    kVoteRequest = 0,
    kVoteAnswer = 1,
    kAppend = 2,
    kAppendAnswer = 3,
    kSnapshotOffer = 4,
    kTimeoutNow = 5,
    kStepDown = 6,
    kGone = 7
  };
  Kind kind = Kind::kStepDown;
  GroupId group;
  Uid from, to;
  Term term;
  bool pre = false, transfer = false, granted = false, accepted = false, quiet = false;
  Index last;
  Term last_term;
  Index prev;
  Term prev_term;
  Index commit;
  Index match;
  Index hint;
  Term hint_term;
  uint64_t read_round = 0;
  /// kAppend: blob frames with the entries after `prev`. kSnapshotOffer: two, the log start at
  /// `last` (as the body of a trim entry) and the configuration there, which is that of `prev`.
  uint32_t frames = 0;
  bool operator==(const RaftMessage&) const = default;
};

/// Who leads what, told to every broker; the higher term wins.
struct LeaderNotice {
  GroupId group;
  Term term;
  Uid leader;  ///< 0: stepped down, nobody known
  BrokerId broker;
  bool operator==(const LeaderNotice&) const = default;
};

/// "I made / destroyed this replica": repeated until the catalog says so.
struct ReplicaReport {
  Uid uid;
  StoreId store;
  uint64_t creation = 0;
  bool destroyed = false;
  bool operator==(const ReplicaReport&) const = default;
};

/// "I exist, with this store, at these addresses": repeated until the catalog says so.
struct RegisterReport {
  BrokerAddress address;
  BootEpoch boot_epoch;
  bool operator==(const RegisterReport&) const = default;
};

/// A broker without a catalog replica follows the committed log: "send what comes after".
struct CatalogFetch {
  Index after;
  bool operator==(const CatalogFetch&) const = default;
};
struct CatalogEntries {
  Index first;
  Index commit;
  uint32_t frames = 0;  ///< stored entries of group 0
  bool operator==(const CatalogEntries&) const = default;
};

/// A replica as the catalog names it.
struct CatalogReplica {
  Uid uid;
  BrokerId broker;
  StoreId store;
  auto operator<=>(const CatalogReplica&) const = default;
};

/// Who votes in a partition's group, as it has committed: told by its leader, kept by the catalog.
struct GroupMembers {
  TopicPartition where;  ///< the nil topic: the catalog's own group
  uint64_t creation = 0;
  Index configuration;  ///< the entry of the group's log that says so
  std::vector<CatalogReplica> voters;
  bool operator==(const GroupMembers&) const = default;
};

/// One message between brokers: who speaks, then everything this turn has for that peer.
struct PeerMessage {
  uint16_t version = kWireVersion;
  ClusterId cluster;  ///< nil: blank
  BrokerId from;
  StoreId store;
  BootEpoch boot_epoch;
  BootId boot_id;
  RoundNumber durable_round;
  RoundNumber
      boot_round;    ///< the first of this boot: every earlier one was durable when it started
  StoreId to_store;  ///< who the sender thinks it talks to; nil: not known yet
  BootId to_boot;    ///< the boot it last heard from it; nil: none yet
  uint64_t leaderships_lost = 0;
  FoundingState founding = FoundingState::kBlank;
  std::optional<FoundingDocument> document;  ///< told to a peer that may be PREPARED or blank
  std::optional<RegisterReport> registration;
  std::vector<RaftMessage> raft;
  std::vector<LeaderNotice> leaders;
  std::vector<ReplicaReport> replicas;
  std::vector<GroupMembers> members;
  std::optional<CatalogFetch> catalog_fetch;
  std::optional<CatalogEntries> catalog_entries;  ///< its frames follow those of `raft`
  /// The sender's replicas that are out of service, all of them; none: this message does not say.
  std::optional<std::vector<Uid>> faulty;
  bool operator==(const PeerMessage&) const = default;
};

// ------------------------------------------------------------------------- catalog commands

namespace catalog {

struct Found {
  FoundingDocument document;
  bool operator==(const Found&) const = default;
};
struct RegisterBroker {
  BrokerAddress address;
  BootEpoch boot_epoch;
  bool operator==(const RegisterBroker&) const = default;
};
struct CreateTopic {
  TopicId topic;
  std::string name;
  std::map<std::string, std::string> settings;
  struct Partition {
    GroupId group;
    uint64_t creation = 0;
    std::vector<CatalogReplica> replicas;
    bool operator==(const Partition&) const = default;
  };
  std::vector<Partition> partitions;
  int64_t created_ms = 0;
  bool operator==(const CreateTopic&) const = default;
};
struct ReplicaCreated {
  Uid uid;
  StoreId store;
  uint64_t creation = 0;
  bool operator==(const ReplicaCreated&) const = default;
};
struct DeleteTopic {
  TopicId topic;
  bool operator==(const DeleteTopic&) const = default;
};
struct ReplicaDestroyed {
  Uid uid;
  StoreId store;
  bool operator==(const ReplicaDestroyed&) const = default;
};
/// A partition whose creation did not finish begins anew under other uids.
struct RestartCreation {
  TopicId topic;
  uint32_t partition = 0;
  uint64_t creation = 0;  ///< the one given up; void when the partition has another by now
  CreateTopic::Partition next;
  bool operator==(const RestartCreation&) const = default;
};

/// A new replica is to come to a partition, in the place of another one or beside the others.
struct MoveReplica {
  TopicPartition where;  ///< the nil topic: the catalog's own group
  uint64_t creation = 0;
  Uid from;  ///< who goes; 0: nobody
  CatalogReplica to;
  bool operator==(const MoveReplica&) const = default;
};

using Command = std::variant<Found, RegisterBroker, CreateTopic, ReplicaCreated, DeleteTopic,
                             ReplicaDestroyed, RestartCreation, MoveReplica, GroupMembers>;

// The rows of the catalog as a StateStore keeps them. Each names what it is about, so that its key
// follows from it.

/// Whose tables these are, which commands made them, and the counters.
struct TableHead {
  ClusterId cluster;
  GroupId group;
  uint32_t machine = 0;  ///< what the build that wrote them makes of commands
  std::optional<FoundingDocument> founding;
  Uid next_uid;
  uint64_t next_creation = 0;
  bool operator==(const TableHead&) const = default;
};
struct BrokerRow {
  BrokerAddress address;
  BootEpoch boot_epoch;
  bool operator==(const BrokerRow&) const = default;
};
struct TopicRow {
  TopicId topic;
  std::string name;
  std::map<std::string, std::string> settings;
  uint32_t partitions = 0;  ///< so many PartitionRows, numbered from 0
  int64_t created_ms = 0;
  bool operator==(const TopicRow&) const = default;
};
struct PartitionRow {
  TopicId topic;
  uint32_t number = 0;
  GroupId group;
  uint64_t creation = 0;
  std::vector<CatalogReplica> replicas;
  std::vector<Uid> made;
  bool created = false;
  Index configuration =
      {};  ///< of the group's log, as of which `replicas` vote; 0: from the beginning
  std::optional<CatalogReplica> comes = {};  ///< a move under way
  Uid goes = {};                             ///< with it; 0: nobody
  bool operator==(const PartitionRow&) const = default;
};
/// A replica of a deleted topic whose store has not confirmed its destruction.
struct TombstoneRow {
  TopicId topic;
  CatalogReplica replica;
  bool operator==(const TombstoneRow&) const = default;
};

using Row = std::variant<TableHead, BrokerRow, TopicRow, PartitionRow, TombstoneRow>;

}  // namespace catalog

/// A configuration of a group, as the journal and configuration entries carry it.
struct Configuration {
  std::vector<CatalogReplica> voters;
  std::vector<CatalogReplica> outgoing;
  std::vector<CatalogReplica> learners;
  bool operator==(const Configuration&) const = default;
};

/// What a broker remembers of each store it met (a lower boot epoch or round than remembered is a
/// restored copy, the same epoch with another boot id a clone).
struct RememberedStore {
  StoreId store;
  BootEpoch boot_epoch;
  BootId boot_id;
  RoundNumber durable_round;
  bool operator==(const RememberedStore&) const = default;
};

}  // namespace strandlog::wire
