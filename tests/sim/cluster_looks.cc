// What a simulated cluster's disks must hold.
#include <algorithm>

#include "store/inspect.h"
#include "tests/sim/cluster.h"
#include "tests/sim/logs.h"
#include "tests/sim/resources.h"
#include "wire/codec.h"

namespace strandlog::sim {
namespace {

constexpr int64_t kEqualMs = 30'000;

constexpr const char* kStoresNote = "stores";

}  // namespace

void SimCluster::check_durable(const Promise& promise) {
  const SimTopic* topic = topic_of(promise.where.topic);
  if (!topic) return;
  ++figures_.promises_checked;
  std::map<Print, size_t> holders;
  auto look_for_it = [&](store::FakeDisk image, const StoreId& store, const std::string& host) {
    image.lose_unflushed();
    auto seen = store::inspect(image, store, [&](const auto& one) {
      const EntryHeader& header = one.entry.header;
      bool is_it = one.replica.topic == promise.where.topic &&
                   one.replica.partition == promise.where.partition &&
                   header.kind == EntryKind::kData && header.base_offset <= promise.offset &&
                   promise.offset < header.next_offset();
      if (is_it) ++holders[print_of(one.entry)];
    });
    if (!seen.ok()) violated(host + " cannot be inspected: " + seen.error().text);
  };
  for (const auto& broker : brokers_) {
    look_for_it(broker->disk(), broker->store_id(), broker->host());
    const auto& lost = broker->lost();
    if (lost) look_for_it(lost->disk, lost->identity.store, broker->host() + ", lost,");
  }
  size_t most = 0;
  for (const auto& [print, count] : holders) most = std::max(most, count);
  size_t needed = promise.acks == 1 ? 1 : topic->replication / 2 + 1;
  if (most >= needed) return;
  violated("I18: offset " + std::to_string(promise.offset.value) + " of " +
           history_.incarnations.of(topic->id) + "/" + std::to_string(promise.where.partition) +
           " was acknowledged while " + std::to_string(most) + " of " + std::to_string(needed) +
           " disks held it for good");
}

void SimCluster::check_vote(const VoteSeen& seen) {
  for (const auto& broker : brokers_) {
    if (broker->host() != seen.host) continue;
    ++figures_.votes_checked;
    store::FakeDisk image = broker->disk();
    image.lose_unflushed();
    auto held = store::inspect(image, broker->store_id());
    if (!held.ok()) return violated(seen.host + " cannot be inspected: " + held.error().text);
    bool durable = std::any_of(
        held->replicas.begin(), held->replicas.end(), [&](const store::InspectedReplica& replica) {
          if (replica.spec.uid != seen.voter) return false;
          return replica.term > seen.term ||
                 (replica.term == seen.term && replica.vote == seen.candidate);
        });
    if (durable) return;
    violated("I14: replica " + std::to_string(seen.voter.value) + " voted for " +
             std::to_string(seen.candidate.value) + " in term " + std::to_string(seen.term.value) +
             " before its disk knew it for good");
  }
}

bool SimCluster::is_watched(const store::ReplicaSpec& replica, store::Life life) const {
  return life == store::Life::kLive && topic_of(replica.topic) != nullptr;
}

bool SimCluster::all_replicas_equal() const {
  std::map<GroupId, std::pair<const SimTopic*, std::multiset<Index>>> ends;
  for (const auto& broker : brokers_) {
    if (!broker->is_up()) return false;
    for (const auto& [uid, replica] : broker->store().replicas()) {
      if (!is_watched(replica.spec, replica.life)) continue;
      auto& [topic, durable] = ends[replica.spec.group];
      topic = topic_of(replica.spec.topic);
      durable.insert(replica.durable);
    }
  }
  size_t groups = 0;
  for (const auto& [name, topic] : topics_) {
    groups += topic.is_doubtful ? 0 : topic.partitions;
  }
  return ends.size() == groups && std::all_of(ends.begin(), ends.end(), [&](const auto& group) {
           const auto& [topic, durable] = group.second;
           return durable.size() == topic->replication && *durable.begin() == *durable.rbegin();
         });
}

// What was not looked at was not compared.
void SimCluster::expect_whole(const Logs& logs, const SimBroker& broker,
                              const store::InspectedReplica& replica) {
  ++figures_.replicas_compared;
  uint64_t held = replica.last.value + 1 - std::min(replica.first.value, replica.last.value + 1);
  if (held > 0 && logs.entries_of(replica.spec.uid) == held) return;
  violated("I15: of " + std::to_string(held) + " entries of " + replica.spec.topic_name + "/" +
           std::to_string(replica.spec.partition) + ", " + broker.host() + " showed " +
           std::to_string(logs.entries_of(replica.spec.uid)));
}

void SimCluster::compare_replicas() {
  bool equal = wait_for(kEqualMs, [&] { return all_replicas_equal(); });
  if (!equal) return violated("I24: not all replicas are equally long 30 s after the last record");
  Logs logs;
  for (const auto& broker : brokers_) {
    store::FakeDisk image = broker->disk();
    image.end_process(0);
    auto seen = store::inspect(image, broker->store_id(), [&](const auto& one) {
      if (!gone_.contains(one.replica.topic.text())) logs.saw(broker->host(), one);
    });
    if (!seen.ok()) return violated(broker->host() + " cannot be inspected: " + seen.error().text);
    for (const auto& damage : seen->damage) {
      violated(broker->host() + " has damage in " + damage.file + ": " + damage.what);
    }
    for (const store::InspectedReplica& replica : seen->replicas) {
      if (is_watched(replica.spec, replica.life)) expect_whole(logs, *broker, replica);
    }
  }
  figures_.entries_compared += logs.compared();
  for (const std::string& broken : logs.violations()) violated(broken);
}

std::map<Place, std::set<int64_t>> SimCluster::offsets_on_disks() {
  std::map<Place, std::set<int64_t>> out;
  for (const auto& broker : brokers_) {
    store::FakeDisk image = broker->disk();
    image.end_process(0);
    auto seen = store::inspect(image, broker->store_id(), [&](const auto& one) {
      const EntryHeader& header = one.entry.header;
      const SimTopic* topic = topic_of(one.replica.topic);
      if (!topic || header.kind != EntryKind::kData) return;
      auto& held =
          out[{history_.incarnations.of(topic->id), static_cast<int32_t>(one.replica.partition)}];
      for (Offset at = header.base_offset; at < header.next_offset(); ++at.value) {
        held.insert(at.value);
      }
    });
    if (!seen.ok()) violated(broker->host() + " cannot be inspected: " + seen.error().text);
  }
  return out;
}

// What cannot be read is lost, or out of reach, which is not the same.
void SimCluster::expect_on_disks(const std::vector<Place>& places) {
  auto held = offsets_on_disks();
  std::map<Place, std::vector<const Sent*>> lost;
  for (const Sent& sent : history_.sent) {
    bool promised = sent.outcome == Sent::Outcome::kAcked && sent.acks == client::Acks::kAll;
    if (promised && !held[sent.where].contains(sent.offset)) lost[sent.where].push_back(&sent);
  }
  for (const Place& name : places) {
    const auto& records = lost[in_history(name)];
    if (records.empty()) continue;
    violated("I1: \"" + records.front()->value + "\" was acknowledged at offset " +
             std::to_string(records.front()->offset) + " of " + name.topic + "/" +
             std::to_string(name.partition) + " and is on no disk, nor are " +
             std::to_string(records.size() - 1) + " others");
  }
}

void SimCluster::look_at_brokers() {
  for (const auto& broker : brokers_) {
    if (!broker->is_up()) continue;
    catalogs_.saw(broker->host(), broker->state());
    auto note = wire::decode_remembered_stores(broker->store().note(kStoresNote));
    if (note.ok()) watch_.registry().admits(broker->process(), *note);
    ask_what_it_uses(*broker);
  }
}

void SimCluster::ask_what_it_uses(const SimBroker& broker) {
  store::FakeDisk::Folder journal = broker.disk().folder("journal");
  uint64_t told = broker.store().figures().journal_bytes;
  if (!is_as_told(told, journal, broker.config())) {
    violated("I23: " + broker.host() + " has a journal of " + std::to_string(journal.bytes) +
             " bytes and tells of " + std::to_string(told));
  }
  size_t replicas = broker.store().replicas().size();
  if (auto open = too_many_open(broker.disk(), replicas)) {
    violated("I23: " + broker.host() + " " + *open);
  }
  auto judge_it = [this, &broker, journal](const wire::Answer& answer) {
    ++figures_.resources_checked;
    OnDisk now{broker.disk().folder("journal"), broker.disk().most_names()};
    now.journal.bytes = std::max(now.journal.bytes, journal.bytes);
    auto beyond = beyond_bounds(std::get<wire::StatusAnswer>(answer.body), broker.config(),
                                watch_.longest_message(), now);
    for (const std::string& what : beyond) violated("I23: " + broker.host() + " " + what);
  };
  operator_->ask(broker.config().listen, wire::StatusRequest{}, judge_it);
}

bool SimCluster::all_catalogs_equal() const {
  std::set<Index> applied;
  for (const auto& broker : brokers_) applied.insert(broker->state().applied(kCatalog).value());
  return applied.size() == 1 && !applied.contains(Index{});
}

void SimCluster::compare_catalogs() {
  look_at_brokers();
  if (!wait_for(kEqualMs, [&] { return all_catalogs_equal(); })) {
    violated(
        "I24: not all brokers have applied the same of the catalog 30 s after the last record");
  }
  look_at_brokers();
}

}  // namespace strandlog::sim
