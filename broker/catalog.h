// Catalog: the cluster's metadata as a state machine on Raft group 0.
//
// A pure function of its committed commands: every broker that applied the same index holds the
// same Catalog. A command that no longer fits (its topic was deleted, say) changes nothing.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "wire/messages.h"

namespace strandlog::broker {

/// A replica on its way into a partition.
struct CatalogMove {
  wire::CatalogReplica to;
  Uid from;  ///< whose place it takes; 0: it comes beside the others
  bool operator==(const CatalogMove&) const = default;
};

struct CatalogPartition {
  GroupId group;
  uint64_t creation = 0;
  std::vector<wire::CatalogReplica> replicas;  ///< the group's voters, as it last told
  std::set<Uid> made;                          ///< replicas whose stores reported them
  /// Set once every replica was made: from then an empty directory is a loss, not a beginning.
  bool created = false;
  Index configuration = {};  ///< of the group's log: `replicas` are its voters since then
  std::optional<CatalogMove> move = {};
  bool operator==(const CatalogPartition&) const = default;

  /// A voter or the one on its way; nullptr for others.
  const wire::CatalogReplica* find(Uid uid) const;
};

/// The catalog's own group among the partitions.
inline const wire::TopicPartition kCatalogPartition{};
constexpr const char* kCatalogName = "__catalog";

struct CatalogTopic {
  TopicId id;
  std::string name;
  std::map<std::string, std::string> settings;
  std::vector<CatalogPartition> partitions;
  int64_t created_ms = 0;
  bool operator==(const CatalogTopic&) const = default;
};

/// Replicas of a topic that was deleted or that they had to leave: kept until every store that
/// holds one has confirmed its destruction.
struct Tombstone {
  std::set<wire::CatalogReplica> waiting;
  bool operator==(const Tombstone&) const = default;
};

struct CatalogBroker {
  wire::BrokerAddress address;
  BootEpoch boot_epoch;
  bool operator==(const CatalogBroker&) const = default;
};

/// All there is to a catalog, to keep it and to begin from it.
struct CatalogState {
  Index applied;
  std::optional<wire::FoundingDocument> founding;
  std::map<BrokerId, CatalogBroker> brokers;
  std::map<TopicId, CatalogTopic> topics;
  CatalogPartition own;  ///< the catalog's group
  std::map<TopicId, Tombstone> tombstones;
  Uid next_uid{1};
  uint64_t next_creation = 1;
};

/// What commands may have changed: the rest of a kept copy still stands, founding and counters
/// aside. What is named here and not in the catalog is gone.
struct CatalogChanges {
  std::set<BrokerId> brokers;
  std::set<TopicId> topics;
  std::set<wire::TopicPartition> partitions;
  std::set<std::pair<TopicId, wire::CatalogReplica>> tombstones;
};

class Catalog {
 public:
  Catalog() = default;
  /// The catalog that once was in this state. kCorruption when none can have been.
  static Result<Catalog> from(CatalogState state);

  /// Applies the command of entry `index`. Index by index, each once.
  void apply(Index index, const wire::catalog::Command& command);
  /// Moves past an entry without a command (a leader's no-op).
  void skip(Index index) { applied_ = index; }

  Index applied() const { return applied_; }
  const std::optional<wire::FoundingDocument>& founding() const { return founding_; }
  const std::map<BrokerId, CatalogBroker>& brokers() const { return brokers_; }
  const std::map<TopicId, CatalogTopic>& topics() const { return topics_; }
  const std::map<TopicId, Tombstone>& tombstones() const { return tombstones_; }
  const CatalogTopic* topic_named(const std::string& name) const;
  const CatalogTopic* topic(const TopicId& id) const;
  const CatalogPartition* partition(const wire::TopicPartition& where) const;
  /// Where a replica is on its way.
  const std::set<wire::TopicPartition>& moving() const { return moving_; }
  /// Whether a replica of this topic is to be destroyed.
  bool is_doomed(const TopicId& topic, Uid uid) const;
  /// True when the store this replica was bound to is not its broker's store any more.
  bool is_lost(const wire::CatalogReplica& replica) const;
  /// The first uid never handed out.
  Uid next_uid() const { return next_uid_; }
  uint64_t next_creation() const { return next_creation_; }
  /// Since the beginning, or forget_changes().
  const CatalogChanges& changes() const { return changes_; }
  void forget_changes() { changes_ = {}; }

 private:
  void apply_one(const wire::catalog::Found& command);
  void apply_one(const wire::catalog::RegisterBroker& command);
  void apply_one(const wire::catalog::CreateTopic& command);
  void apply_one(const wire::catalog::ReplicaCreated& command);
  void apply_one(const wire::catalog::DeleteTopic& command);
  void apply_one(const wire::catalog::ReplicaDestroyed& command);
  void apply_one(const wire::catalog::RestartCreation& command);
  void apply_one(const wire::catalog::MoveReplica& command);
  void apply_one(const wire::GroupMembers& command);
  CatalogPartition* find(const wire::TopicPartition& where);
  void give_up_moves();
  void end_move(const TopicId& topic, CatalogPartition& partition);
  void doom(const TopicId& topic, const wire::CatalogReplica& replica);
  void note_move(const wire::TopicPartition& where, const CatalogPartition& partition);
  bool has_fresh_numbers(const wire::catalog::CreateTopic::Partition& partition) const;
  void take_numbers(const wire::catalog::CreateTopic::Partition& partition);
  void forget_lost_in_tombstones();

  Index applied_;
  std::optional<wire::FoundingDocument> founding_;
  std::map<BrokerId, CatalogBroker> brokers_;
  std::map<TopicId, CatalogTopic> topics_;
  std::map<std::string, TopicId> by_name_;
  CatalogPartition own_;
  std::set<wire::TopicPartition> moving_;
  std::map<TopicId, Tombstone> tombstones_;
  Uid next_uid_{1};
  uint64_t next_creation_ = 1;
  CatalogChanges changes_;
};

constexpr size_t kMaxTopicName = 249;

/// Letters, digits, '.', '_' and '-', 1 to 249 of them, not "." or ".." and not "__…".
Result<void> check_topic_name(const std::string& name);

}  // namespace strandlog::broker
