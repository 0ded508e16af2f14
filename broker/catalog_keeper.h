// CatalogKeeper: keeps this broker's catalog current and makes the local replicas match it.
//
// Applies what group 0 committed (from the local replica, or fetched from the catalog leader when
// there is none), makes and destroys replicas as it says, reports that, and, on the catalog
// leader, turns reports and topic requests into commands.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/catalog_tables.h"
#include "broker/confirmed_reads.h"
#include "broker/context.h"
#include "broker/group_changes.h"
#include "broker/reconciler.h"

namespace strandlog::broker {

class CatalogKeeper {
 public:
  CatalogKeeper(Context& context, store::StateStore& state)
      : context_(context), tables_(state), reads_(context), changes_(context) {}

  /// The document names group 0; `uid` is the local replica of it, none when there is none here.
  /// Begins with the catalog that was kept in the state store.
  void begin(const wire::FoundingDocument& document, std::optional<Uid> uid);
  bool begun() const { return document_.has_value(); }
  std::optional<Uid> uid() const { return uid_; }
  const GroupId& group() const { return document_->catalog_group; }
  bool leads() const;

  // ---- what happened to the local catalog replica
  void advanced();  ///< commit or durable index moved
  void on_read(const store::ReadDone& event);
  void lost_leadership();
  void on_read_index(const raft::ReadReady& ready) { reads_.on_read_index(ready); }

  // ---- from peers
  void on_report(const wire::ReplicaReport& report);
  void on_members(const wire::GroupMembers& members);
  void on_registration(const wire::RegisterReport& report);
  void on_fetch(BrokerId from, const wire::CatalogFetch& fetch);
  /// Somebody whose store this catalog does not know: it is asked for what was committed since.
  void ask_stranger(BrokerId broker);
  void on_entries(const wire::CatalogEntries& entries, const std::vector<Bytes>& frames);

  // ---- from clients
  void handle(const ReplyTo& to, const wire::CreateTopicRequest& request, uint32_t deadline_ms);
  void handle(const ReplyTo& to, const wire::DeleteTopicRequest& request, uint32_t deadline_ms);

  /// Only while leads(). Runs `then` when the catalog is known to hold everything that was
  /// committed before this call; else tells `otherwise` why, or, without one, fails `to`. See
  /// ConfirmedReads.
  void when_current(const ReplyTo& to, uint32_t deadline_ms, ConfirmedReads::Then then,
                    ConfirmedReads::Otherwise otherwise = {});

  /// Repeats reports and fetches that are due; expires waiting requests.
  void tick(Peers& peers);
  Time next_deadline() const { return next_duty_; }
  /// What to tell the catalog leader about this broker; none once the catalog has it.
  std::optional<wire::RegisterReport> registration() const;

 private:
  struct Creation {
    ReplyTo to;
    wire::CreateTopicRequest request;
    Time deadline;
    TopicId topic;  ///< nil until proposed
  };
  struct Deletion {
    ReplyTo to;
    Time deadline;
  };

  /// No local replica of the catalog's group that works, hears a leader and has come as far as what
  /// is applied: the log is fetched.
  bool follows_from_afar() const;
  bool apply(const std::vector<Bytes>& pieces, Index up_to);
  void apply_run(ByteView run, Index up_to);
  void apply_entry(const EntryView& entry);
  void finish_run();
  void settle_requests(const wire::catalog::Command& command);
  void reconcile();
  void reconcile_partition(const wire::TopicPartition& where, const std::string& name,
                           const CatalogPartition& partition);
  void reconcile_replica(const store::ReplicaSpec& spec, const CatalogPartition& partition);
  void destroy_deleted();
  void make_replica(const store::ReplicaSpec& spec, const CatalogPartition& partition);
  void tell_reports(Peers& peers);
  std::vector<wire::ReplicaReport> open_reports() const;
  void lead(Time now);
  Result<void> propose(const wire::catalog::Command& command);
  void propose_once(const std::string& key, const wire::catalog::Command& command);
  void create(const ReplyTo& to, const wire::CreateTopicRequest& request, Time deadline);
  void remove(const ReplyTo& to, const std::string& name, Time deadline);
  void next_creation();
  bool is_stuck(const CatalogPartition& partition) const;
  bool is_here(BrokerId broker) const;
  void call_the_roll();
  Presence presence_of(BrokerId broker) const;
  Uid move_replicas();
  void restart_creations(Uid next);
  void propose_restarts(
      const std::vector<std::pair<wire::TopicPartition, const CatalogPartition*>>& stuck, Uid uid);
  std::map<BrokerId, uint64_t> live_brokers() const;
  bool is_superseded(const store::ReplicaState& state) const;
  wire::catalog::CreateTopic::Partition numbered(const std::vector<BrokerId>& chosen, Uid uid,
                                                 uint64_t creation);
  Result<wire::catalog::CreateTopic> plan(const wire::CreateTopicRequest& request);
  void fail_requests();

  Context& context_;
  CatalogTables tables_;
  ConfirmedReads reads_;
  GroupChanges changes_;
  std::optional<wire::FoundingDocument> document_;
  std::optional<Uid> uid_;
  bool reconcile_due_ = false;  ///< what was loaded has not been carried out yet
  Index known_at_start_;        ///< end of the catalog's log when this broker began
  bool reading_ = false;
  uint64_t next_ticket_ = 0;
  std::map<Uid, RoundNumber> made_in_;    ///< round under way that carries the making or its end
  std::map<std::string, Time> proposed_;  ///< commands under way, by what they are about
  std::map<uint64_t, std::pair<BrokerId, Index>> serving_;  ///< catalog reads for a peer
  std::deque<Creation> creations_;  ///< one at a time: numbers come from the catalog
  std::multimap<TopicId, Deletion> deletions_;
  std::map<uint64_t, Time> unfinished_;  ///< creation numbers, since this leader first saw them
  std::map<BrokerId, Time> heard_;       ///< when this leader last saw each, or began to look
  Time next_look_;                       ///< at what is unfinished, or lost
  Time next_tidying_;
  std::map<BrokerId, Time> strangers_;  ///< when each may be asked again
  Time next_duty_;
  Peers* peers_ = nullptr;
};

}  // namespace strandlog::broker
