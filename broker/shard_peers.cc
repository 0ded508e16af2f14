// What other brokers say: who they are first, then what they want; see shard.h.
#include <algorithm>

#include "base/log.h"
#include "broker/address.h"
#include "broker/shard.h"

namespace strandlog::broker {

void Shard::on_peer(const NetEvent& event) {
  auto decoded = wire::decode_peer_message(event.message.control);
  if (!decoded.ok()) {
    ++metrics_.counters["peer_messages_malformed_total"];
    return;
  }
  const wire::PeerMessage& message = *decoded;
  std::string why;
  Peers::Verdict verdict = Peers::Verdict::kRefused;
  if (replicas_.alive(message.from) && !is_current_store(message)) {
    why = "broker " + std::to_string(message.from.value) + " is heard from with another store";
  } else {
    verdict = peers_.judge(message, context_.cluster, why);
  }
  if (verdict == Peers::Verdict::kRefused) {
    ++metrics_.counters["peer_messages_refused_total"];
    if (refusals_.size() >= Peers::kMostPeers) refusals_.clear();
    std::string& told = refusals_[message.from];
    if (told != why) LOG(kWarn, "refused a peer", kv("broker", message.from), kv("why", why));
    told = why;
    return;
  }
  bool same_cluster = !context_.cluster.is_nil() && message.cluster == context_.cluster;
  introduce(message, same_cluster);
  if (verdict != Peers::Verdict::kConfirmed || !same_cluster) return;
  if (!is_current_store(message)) return learn_from_stranger(message, event.message.blobs);
  peers_.trust(message);
  if (message.faulty) {
    context_.faulty_elsewhere[message.from] = {message.faulty->begin(), message.faulty->end()};
  }
  bool was_alive = replicas_.alive(message.from);
  replicas_.heard(message.from, message.boot_id, message.leaderships_lost);
  if (!was_alive) {
    // Somebody else may have given another address in its name meanwhile: what counts is what it
    // just said itself, else the catalog.
    auto known = catalog_.brokers().find(message.from);
    bool said = message.registration.has_value();
    if (!said && known != catalog_.brokers().end()) peers_.meet(known->second.address);
    std::vector<wire::LeaderNotice> own;
    for (const auto& [group, notice] : leaders_.all()) {
      if (notice.broker == self_.address.broker && notice.leader != Uid{}) own.push_back(notice);
    }
    peers_.leaders(message.from, std::move(own));
  }
  on_peer_content(message, event.message.blobs);
}

// A newcomer is answered at the address it names; its document may make a cluster of us. Nobody
// takes the place of a broker that is still heard from.
void Shard::introduce(const wire::PeerMessage& message, bool same_cluster) {
  if (const auto& newcomer = message.registration) {
    bool consistent = newcomer->address.broker == message.from &&
                      newcomer->address.store == message.store &&
                      newcomer->boot_epoch == message.boot_epoch;
    bool free = is_current_store(message) || !replicas_.alive(message.from);
    if (!consistent || !free || !check_address(newcomer->address).ok()) return;
    peers_.meet(newcomer->address);
    if (same_cluster) keeper_.on_registration(*newcomer);
  }
  if (message.document && message.founding == wire::FoundingState::kFounded) {
    founding_.on_peer_document(*message.document);
    join_cluster_if_founded();
  }
}

// A replaced broker speaks with a new store while the catalog still names the old one: until the
// catalog agrees, neither takes part in anything.
bool Shard::is_current_store(const wire::PeerMessage& message) const {
  if (store_by_configuration(message.from) == message.store) return true;
  auto known = catalog_.brokers().find(message.from);
  if (known != catalog_.brokers().end()) return known->second.address.store == message.store;
  if (!founding_.document()) return false;
  const auto& founders = founding_.document()->founders;
  return std::any_of(founders.begin(), founders.end(), [&](const auto& founder) {
    return founder.address.broker == message.from && founder.address.store == message.store;
  });
}

// The catalog's tables may be younger than its log after a crash, or gone, and without knowing each
// other its voters could never elect who tells them. A configuration in that log which the catalog
// has not come to yet may name a store that is news to it; that it still names an older one, while
// a replica of the newer is on its way, says nothing against what the catalog knows.
std::optional<StoreId> Shard::store_by_configuration(BrokerId broker) const {
  auto own = keeper_.uid() ? replicas_.all().find(*keeper_.uid()) : replicas_.all().end();
  if (own == replicas_.all().end() || !own->second.group) return std::nullopt;
  const raft::Membership& members = own->second.group->membership();
  if (members.index <= catalog_.applied()) return std::nullopt;
  raft::Member newest;
  for (const raft::Member& member : members.all()) {
    if (member.broker == broker && member.uid > newest.uid) newest = member;
  }
  return newest.uid == Uid{} ? std::nullopt : std::optional(newest.store);
}

// Its broker may have another disk since this catalog was last heard of. Only the catalog can tell,
// and what it committed is true whoever passes it on; nothing else of a stranger's counts.
void Shard::learn_from_stranger(const wire::PeerMessage& message,
                                const std::vector<Bytes>& frames) {
  keeper_.ask_stranger(message.from);
  size_t used = 0;
  for (const wire::RaftMessage& raft : message.raft) used += raft.frames;
  take_catalog_entries(message, frames, used);
}

void Shard::take_catalog_entries(const wire::PeerMessage& message, const std::vector<Bytes>& frames,
                                 size_t used) {
  if (!message.catalog_entries || used > frames.size()) return;
  if (message.catalog_entries->frames > frames.size() - used) return;
  std::vector<Bytes> own(frames.begin() + static_cast<ptrdiff_t>(used), frames.end());
  keeper_.on_entries(*message.catalog_entries, own);
}

void Shard::on_peer_content(const wire::PeerMessage& message, const std::vector<Bytes>& frames) {
  size_t used = 0;
  bool late = replicas_.is_late(message.from, message.boot_id, message.leaderships_lost);
  for (wire::RaftMessage raft : message.raft) {
    raft.quiet = raft.quiet && !late;
    if (raft.frames > frames.size() - used) return;  // a lie about its frames: drop the rest
    std::vector<Bytes> own(frames.begin() + static_cast<ptrdiff_t>(used),
                           frames.begin() + static_cast<ptrdiff_t>(used + raft.frames));
    used += raft.frames;
    if (raft.kind != wire::RaftMessage::Kind::kAppend) {
      replicas_.receive(message.from, raft, own);
      continue;
    }
    // A heartbeat behind entries that wait for the disk must not look like a broker that is gone.
    if (own.empty() && !deferred_.empty()) replicas_.hear(message.from, raft);
    size_t bytes = kDeferredOverhead + total_bytes(own);
    if (!may_defer()) {
      ++metrics_.counters["appends_dropped_total"];  // the leader sends it again
      continue;
    }
    deferred_bytes_ += bytes;
    deferred_.push_back({{},
                         {},
                         std::nullopt,
                         message.from,
                         raft,
                         std::move(own),
                         bytes,
                         message.boot_id,
                         message.leaderships_lost});
    run_deferred();
  }
  for (const auto& notice : message.leaders) context_.hear_of_leader(notice);
  for (const auto& report : message.replicas) keeper_.on_report(report);
  for (const auto& members : message.members) keeper_.on_members(members);
  if (message.catalog_fetch) keeper_.on_fetch(message.from, *message.catalog_fetch);
  take_catalog_entries(message, frames, used);
}

void Shard::join_cluster_if_founded() {
  if (!founding_.take_founded()) return;
  std::optional<Uid> uid;
  for (const auto& [local, state] : store_.replicas()) {
    bool catalogs = state.spec.group == founding_.document()->catalog_group;
    if (catalogs && state.life != store::Life::kDead) uid = local;
  }
  if (uid && !replicas_.find(*uid)) {
    replicas_.open(*uid, store_.replicas().at(*uid).life == store::Life::kLive);
  }
  keeper_.begin(*founding_.document(), uid);
  for (const auto& founder : founding_.document()->founders) peers_.meet(founder.address);
}

}  // namespace strandlog::broker
