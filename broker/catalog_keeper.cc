// Applying, reporting and leading; see catalog_replicas.cc and catalog_requests.cc for the rest.
#include "broker/catalog_keeper.h"

#include <algorithm>

#include "base/log.h"

namespace strandlog::broker {
namespace {
constexpr int64_t kDutyMs = 100;  // reports and fetches are repeated this often
constexpr int64_t kProposeAgainMs = 1000;
constexpr int64_t kLookMs = 1000;
constexpr int64_t kTidyMs = 1000;
constexpr size_t kMostMoves = 16;  // partitions on the move to a broker at a time
constexpr uint64_t kServeBytes = 1u << 20;
}  // namespace

void CatalogKeeper::begin(const wire::FoundingDocument& document, std::optional<Uid> uid) {
  document_ = document;
  uid_ = uid;
  std::optional<Index> durable;
  if (uid) durable = known_at_start_ = context_.store.replicas().at(*uid).durable;
  context_.catalog = tables_.load(document, durable);
  context_.metrics.counters["catalog_entries_replayed"] = 0;
  reconcile_due_ = true;
}

bool CatalogKeeper::leads() const {
  Replica* replica = uid_ ? context_.replicas.find(*uid_) : nullptr;
  return replica && replica->leads();
}

bool CatalogKeeper::follows_from_afar() const {
  Replica* replica = uid_ ? context_.replicas.find(*uid_) : nullptr;
  if (!replica || !replica->group || replica->group->leader() == Uid{}) return true;
  return replica->commit < context_.catalog.applied();
}

void CatalogKeeper::advanced() {
  if (!uid_ || reading_) return;
  Replica* replica = context_.replicas.find(*uid_);
  if (!replica || !replica->group) return;
  for (;;) {
    // Only what this store can never forget is applied.
    Index up_to = std::min(replica->commit, replica->group->durable());
    if (up_to <= context_.catalog.applied()) return;
    store::ReadRequest request{*uid_, context_.catalog.applied().plus(1), up_to, kServeBytes};
    uint64_t ticket = kCatalogTickets | ++next_ticket_;
    store::ReadResult result;
    auto ready = context_.store.read(request, ticket, result);
    if (!ready.ok()) {
      if (ready.error().code == Code::kBusy) return;  // tick() comes back to it
      LOG(kError, "cannot read the catalog's log", kv("why", ready.error().text));
      return;
    }
    if (!*ready) {
      reading_ = true;
      return;
    }
    if (result.last < result.first) return;
    if (!apply(result.pieces, up_to)) return;
  }
}

void CatalogKeeper::on_read(const store::ReadDone& event) {
  if (auto served = serving_.find(event.ticket); served != serving_.end()) {
    auto [to, commit] = served->second;
    serving_.erase(served);
    if (event.result.ok() && peers_) {
      peers_->catalog_entries(to, {event.result->first, commit, 0}, event.result->pieces);
    }
    return;
  }
  reading_ = false;
  if (!event.result.ok()) {
    LOG(kError, "cannot read the catalog's log", kv("why", event.result.error().text));
    return;
  }
  if (apply(event.result->pieces, event.result->last)) advanced();
}

// False: nothing of it could be applied.
bool CatalogKeeper::apply(const std::vector<Bytes>& pieces, Index up_to) {
  Index before = context_.catalog.applied();
  for (const Bytes& piece : pieces) apply_run(piece, up_to);
  if (context_.catalog.applied() == before) return false;
  finish_run();
  return true;
}

void CatalogKeeper::apply_run(ByteView run, Index up_to) {
  while (!run.empty()) {
    auto entry = decode_entry(run, group());
    if (!entry.ok()) {
      LOG(kError, "a catalog entry fails its checks", kv("why", entry.error().text));
      return;
    }
    run = run.subspan(entry->whole.size());
    if (entry->header.index > up_to) return;
    if (entry->header.index == context_.catalog.applied().plus(1)) apply_entry(*entry);
  }
}

void CatalogKeeper::apply_entry(const EntryView& entry) {
  if (entry.header.index <= known_at_start_) {
    ++context_.metrics.counters["catalog_entries_replayed"];
  }
  if (entry.header.kind != EntryKind::kCatalog) {
    context_.catalog.skip(entry.header.index);
    return;
  }
  auto command = wire::decode_command(entry.body);
  if (!command.ok()) {
    // Committed by a newer broker: every broker of this version skips it alike.
    LOG(kError, "a catalog command cannot be read", kv("index", entry.header.index),
        kv("why", command.error().text));
    context_.catalog.skip(entry.header.index);
    return;
  }
  context_.catalog.apply(entry.header.index, *command);
  settle_requests(*command);
}

void CatalogKeeper::finish_run() {
  tables_.save(context_.catalog);
  reads_.applied();
  reconcile();
  if (registration()) next_duty_ = context_.now;
}

std::vector<wire::ReplicaReport> CatalogKeeper::open_reports() const {
  std::vector<wire::ReplicaReport> out;
  auto durable = [&](Uid uid) {
    auto round = made_in_.find(uid);
    return round == made_in_.end() || round->second <= context_.store.durable();
  };
  const StoreId& own = context_.self.address.store;
  for (const auto& [uid, state] : context_.store.replicas()) {
    if (state.life != store::Life::kMade || !durable(uid)) continue;
    const CatalogPartition* partition =
        context_.catalog.partition({state.spec.topic, state.spec.partition});
    bool named = partition && partition->creation == state.spec.creation && partition->find(uid);
    if (named && !partition->made.contains(uid)) {
      out.push_back({uid, own, state.spec.creation, false});
    }
  }
  for (const auto& [topic, tombstone] : context_.catalog.tombstones()) {
    for (const auto& replica : tombstone.waiting) {
      if (replica.store != own || !durable(replica.uid)) continue;
      out.push_back({replica.uid, own, 0, true});
    }
  }
  return out;
}

std::optional<wire::RegisterReport> CatalogKeeper::registration() const {
  const auto& brokers = context_.catalog.brokers();
  auto found = brokers.find(context_.self.address.broker);
  if (found != brokers.end() && found->second.address == context_.self.address &&
      found->second.boot_epoch >= context_.self.boot_epoch) {
    return std::nullopt;
  }
  return wire::RegisterReport{context_.self.address, context_.self.boot_epoch};
}

void CatalogKeeper::tick(Peers& peers) {
  peers_ = &peers;
  if (begun() && std::exchange(reconcile_due_, false)) reconcile();
  reads_.expire();
  if (!begun() || context_.now < next_duty_) return;
  next_duty_ = context_.now.plus_ms(kDutyMs);
  std::erase_if(made_in_,
                [&](const auto& entry) { return entry.second <= context_.store.durable(); });
  advanced();  // a read may have been refused
  if (tables_.behind()) tables_.save(context_.catalog);
  if (leads()) lead(context_.now);
  tell_reports(peers);
  for (auto it = deletions_.begin(); it != deletions_.end();) {
    if (it->second.deadline > context_.now) {
      ++it;
      continue;
    }
    context_.fail(it->second.to, Code::kTimeout, "the deletion was not committed in time: retry");
    it = deletions_.erase(it);
  }
  while (!creations_.empty() && creations_.front().deadline <= context_.now) {
    context_.fail(creations_.front().to, Code::kTimeout,
                  "the topic was not committed in time: look with `topic list`, then retry");
    creations_.pop_front();
  }
}

void CatalogKeeper::tell_reports(Peers& peers) {
  std::vector<wire::GroupMembers> members = changes_.step();
  if (context_.now >= next_tidying_) {
    next_tidying_ = context_.now.plus_ms(kTidyMs);
    for (auto& one : changes_.tidy()) members.push_back(std::move(one));
  }
  const wire::LeaderNotice* leader = context_.leader_of(group());
  if (!leader) return;
  if (leader->broker == context_.self.address.broker) {
    for (const auto& one : members) on_members(one);
    return;
  }
  for (const auto& report : open_reports()) peers.report(leader->broker, report);
  for (auto& one : members) peers.members(leader->broker, std::move(one));
  if (follows_from_afar()) peers.catalog_fetch(leader->broker, context_.catalog.applied());
}

void CatalogKeeper::lead(Time now) {
  std::erase_if(proposed_,
                [&](const auto& entry) { return entry.second.plus_ms(kProposeAgainMs) < now; });
  Replica* replica = context_.replicas.find(*uid_);
  if (!replica->group->committed_in_term()) return;
  if (!context_.catalog.founding()) {
    propose_once("found", wire::catalog::Found{*document_});
    return;
  }
  if (auto report = registration()) on_registration(*report);
  for (const auto& report : open_reports()) on_report(report);
  if (now >= next_look_) {  // before topics take the next uids: those are planned again at once
    next_look_ = now.plus_ms(kLookMs);
    call_the_roll();
    restart_creations(move_replicas());
  }
  next_creation();
}

bool CatalogKeeper::is_here(BrokerId broker) const {
  return broker == context_.self.address.broker || context_.replicas.alive(broker);
}

// A leader that is new to office gives everybody the whole time.
void CatalogKeeper::call_the_roll() {
  for (const auto& [id, broker] : context_.catalog.brokers()) {
    Time& heard = heard_.try_emplace(id, context_.now).first->second;
    if (is_here(id)) heard = context_.now;
  }
}

Presence CatalogKeeper::presence_of(BrokerId broker) const {
  if (is_here(broker)) return Presence::kAlive;
  auto heard = heard_.find(broker);
  bool gone = heard != heard_.end() &&
              context_.now >= heard->second.plus_ms(context_.config.replace_after_ms);
  return gone ? Presence::kGone : Presence::kAway;
}

// Returns the first uid behind those of the moves that it proposes.
Uid CatalogKeeper::move_replicas() {
  View view{[this](BrokerId id) { return presence_of(id); },
            [this](const wire::CatalogReplica& replica) { return context_.is_faulty(replica); }};
  Uid next = context_.catalog.next_uid();
  for (const auto& move : plan_moves(context_.catalog, view, kMostMoves)) {
    propose_once("move " + move.where.topic.text() + " " + std::to_string(move.where.partition),
                 move);
    next = move.to.uid.plus(1);
  }
  return next;
}

Result<void> CatalogKeeper::propose(const wire::catalog::Command& command) {
  Replica* replica = uid_ ? context_.replicas.find(*uid_) : nullptr;
  if (!replica || !replica->leads()) {
    return Error{Code::kNotLeader, "this broker does not lead the catalog"};
  }
  Bytes body = wire::encode(command);
  if (body.size() > wire::kMaxControlFrame - kEntryHeaderBytes) {
    return Error{Code::kTooLarge, "the catalog takes commands of at most " +
                                      std::to_string(wire::kMaxControlFrame) + " bytes, this has " +
                                      std::to_string(body.size()) + ": ask for fewer partitions"};
  }
  auto header = context_.replicas.propose(*replica, EntryKind::kCatalog, 0, body, context_.wall_ms);
  if (!header.ok()) return header.error();
  return {};
}

void CatalogKeeper::propose_once(const std::string& key, const wire::catalog::Command& command) {
  if (proposed_.contains(key)) return;
  if (propose(command).ok()) proposed_[key] = context_.now;
}

void CatalogKeeper::on_report(const wire::ReplicaReport& report) {
  if (!leads()) return;
  std::string key =
      (report.destroyed ? "destroyed " : "created ") + std::to_string(report.uid.value);
  if (report.destroyed) {
    propose_once(key, wire::catalog::ReplicaDestroyed{report.uid, report.store});
  } else {
    propose_once(key, wire::catalog::ReplicaCreated{report.uid, report.store, report.creation});
  }
}

void CatalogKeeper::on_members(const wire::GroupMembers& members) {
  const CatalogPartition* partition = context_.catalog.partition(members.where);
  if (!leads() || !partition || members.configuration <= partition->configuration) return;
  propose_once("members " + members.where.topic.text() + " " +
                   std::to_string(members.where.partition) + " " +
                   std::to_string(members.configuration.value),
               members);
}

void CatalogKeeper::on_registration(const wire::RegisterReport& report) {
  if (!leads() || !context_.catalog.founding()) return;
  const auto& brokers = context_.catalog.brokers();
  auto found = brokers.find(report.address.broker);
  bool own = report.address.broker == context_.self.address.broker;
  if (found != brokers.end()) {
    bool current =
        found->second.address == report.address && found->second.boot_epoch >= report.boot_epoch;
    if (current) return;
    // Another disk claims this broker's place: not while the old one is still heard from.
    bool other_store = found->second.address.store != report.address.store;
    if (other_store && !own && context_.replicas.alive(report.address.broker)) return;
  } else if (brokers.size() >= Peers::kMostPeers) {
    return;
  }
  propose_once("register " + std::to_string(report.address.broker.value),
               wire::catalog::RegisterBroker{report.address, report.boot_epoch});
}

void CatalogKeeper::on_fetch(BrokerId from, const wire::CatalogFetch& fetch) {
  Replica* replica = uid_ ? context_.replicas.find(*uid_) : nullptr;
  if (!replica || !replica->leads() || !peers_) return;
  if (fetch.after >= replica->commit) return;
  store::ReadRequest request{*uid_, fetch.after.plus(1), replica->commit, kServeBytes};
  uint64_t ticket = kCatalogTickets | ++next_ticket_;
  store::ReadResult result;
  auto ready = context_.store.read(request, ticket, result);
  if (!ready.ok()) return;
  if (!*ready) {
    serving_[ticket] = {from, replica->commit};
    return;
  }
  peers_->catalog_entries(from, {result.first, replica->commit, 0}, std::move(result.pieces));
}

void CatalogKeeper::ask_stranger(BrokerId broker) {
  if (!begun() || !peers_) return;
  if (strangers_.size() >= Peers::kMostPeers) strangers_.clear();
  Time& next = strangers_[broker];
  if (context_.now < next) return;
  next = context_.now.plus_ms(kDutyMs);
  peers_->catalog_fetch(broker, context_.catalog.applied());
}

void CatalogKeeper::on_entries(const wire::CatalogEntries& entries,
                               const std::vector<Bytes>& frames) {
  if (!begun()) return;
  if (known_at_start_ == Index{}) known_at_start_ = entries.commit;
  if (apply(frames, entries.commit)) next_duty_ = context_.now;  // there may be more
}

void CatalogKeeper::lost_leadership() {
  proposed_.clear();
  unfinished_.clear();
  heard_.clear();
  fail_requests();
}

}  // namespace strandlog::broker
