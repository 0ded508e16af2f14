// Sessions and outboxes; see peers.h.
#include "broker/peers.h"

#include "base/log.h"
#include "wire/codec.h"

namespace strandlog::broker {
namespace {
constexpr size_t kBulkMessageBytes = 1u
                                     << 20;  // packing aims below the 1 MiB frame cap per message
constexpr int64_t kSeedMs = 300;
}  // namespace

void Peers::meet(const wire::BrokerAddress& address) {
  if (address.broker == self_.address.broker || address.peer_address.empty()) return;
  Peer& peer = peers_[address.broker];
  if (peer.address == address.peer_address) return;
  if (!peer.address.empty()) {
    for (LinkId old : {peer.control, peer.bulk}) {
      transport_.close(old);
      links_.erase(old);
    }
  }
  peer.address = address.peer_address;
  peer.control = transport_.connect(peer.address);
  peer.bulk = transport_.connect(peer.address);
  links_[peer.control] = links_[peer.bulk] = address.broker;
}

void Peers::add_seed(const std::string& address) {
  if (address == self_.address.peer_address || seeds_.contains(address)) return;
  seeds_[address] = {transport_.connect(address), Time{-1'000'000'000}};
}

void Peers::raft(BrokerId to, wire::RaftMessage message) {
  auto found = peers_.find(to);
  if (found == peers_.end() || found->second.boot_id == BootId{}) return;
  found->second.control_box.raft.push_back(std::move(message));
}

bool Peers::append(BrokerId to, wire::RaftMessage message, std::vector<Bytes> frames) {
  auto found = peers_.find(to);
  if (found == peers_.end() || found->second.boot_id == BootId{}) return false;
  auto& boxes = found->second.bulk_boxes;
  size_t bytes = 0;
  for (const Bytes& frame : frames) bytes += frame.size();
  bool fits = !boxes.empty() && boxes.back().bytes + bytes <= kBulkMessageBytes &&
              boxes.back().frames.size() + frames.size() <= wire::kMaxBlobFrames;
  if (!fits) boxes.emplace_back();
  Outbox& box = boxes.back();
  message.frames = static_cast<uint32_t>(frames.size());
  box.raft.push_back(std::move(message));
  for (Bytes& frame : frames) box.frames.push_back(std::move(frame));
  box.bytes += bytes;
  return true;
}

void Peers::leaders(const std::vector<wire::LeaderNotice>& notices) {
  for (auto& [id, peer] : peers_) leaders(id, notices);
}

void Peers::leaders(BrokerId to, std::vector<wire::LeaderNotice> notices) {
  auto found = peers_.find(to);
  if (found == peers_.end()) return;
  auto& box = found->second.control_box.leaders;
  box.insert(box.end(), notices.begin(), notices.end());
}

void Peers::report(BrokerId to, wire::ReplicaReport report) {
  auto found = peers_.find(to);
  if (found != peers_.end()) found->second.control_box.replicas.push_back(report);
}

void Peers::catalog_fetch(BrokerId to, Index after) {
  auto found = peers_.find(to);
  if (found != peers_.end()) found->second.control_box.catalog_fetch = wire::CatalogFetch{after};
}

void Peers::catalog_entries(BrokerId to, wire::CatalogEntries entries, std::vector<Bytes> frames) {
  auto found = peers_.find(to);
  if (found == peers_.end()) return;
  Outbox box;
  entries.frames = static_cast<uint32_t>(frames.size());
  box.catalog_entries = entries;
  box.frames = std::move(frames);
  found->second.bulk_boxes.push_back(std::move(box));
}

void Peers::transmit(LinkId link, const Peer* peer, Outbox box, const Announcement& announcement) {
  wire::PeerMessage message;
  message.cluster = announcement.cluster;
  message.from = self_.address.broker;
  message.store = self_.address.store;
  message.boot_epoch = self_.boot_epoch;
  message.boot_id = self_.boot_id;
  message.durable_round = announcement.durable_round;
  message.leaderships_lost = announcement.leaderships_lost;
  message.founding = announcement.founding;
  message.registration = announcement.registration;
  if (peer) {
    message.to_store = peer->store;
    message.to_boot = peer->boot_id;
    if (peer->founding != wire::FoundingState::kFounded) message.document = announcement.document;
  }
  message.raft = std::move(box.raft);
  message.leaders = std::move(box.leaders);
  message.replicas = std::move(box.replicas);
  message.catalog_fetch = box.catalog_fetch;
  message.catalog_entries = box.catalog_entries;
  transport_.send(link, Message{wire::encode(message), std::move(box.frames)});
}

void Peers::flush(Time now, int64_t heartbeat_ms, const Announcement& announcement) {
  for (auto& [id, peer] : peers_) {
    for (Outbox& box : std::exchange(peer.bulk_boxes, {})) {
      transmit(peer.bulk, &peer, std::move(box), announcement);
    }
    bool due = now >= peer.last_sent.plus_ms(heartbeat_ms);
    if (peer.control_box.empty() && !due && !peer.answer_now) continue;
    transmit(peer.control, &peer, std::exchange(peer.control_box, {}), announcement);
    peer.answer_now = false;
    peer.last_sent = now;
  }
  if (announcement.founding == wire::FoundingState::kFounded) return;
  for (auto& [address, seed] : seeds_) {
    if (now < seed.last_sent.plus_ms(kSeedMs)) continue;
    transmit(seed.link, nullptr, {}, announcement);
    seed.last_sent = now;
  }
}

Peers::Verdict Peers::judge(const wire::PeerMessage& message, const ClusterId& cluster,
                            std::string& why) {
  if (message.from == self_.address.broker) {
    why = "broker " + std::to_string(message.from.value) + " has this broker's id";
    return Verdict::kRefused;
  }
  if (!message.cluster.is_nil() && !cluster.is_nil() && message.cluster != cluster) {
    why = "it belongs to cluster " + message.cluster.text();
    return Verdict::kRefused;
  }
  wire::RememberedStore now{message.store, message.boot_epoch, message.boot_id,
                            message.durable_round};
  auto [known, is_new] = remembered_.try_emplace(message.store, now);
  wire::RememberedStore& before = known->second;
  if (!is_new && message.boot_epoch < before.boot_epoch) {
    why = "its boot epoch " + std::to_string(message.boot_epoch.value) + " is below " +
          std::to_string(before.boot_epoch.value) +
          " seen before: a restored copy or a late message";
    return Verdict::kRefused;
  }
  if (!is_new && message.boot_epoch == before.boot_epoch && message.boot_id != before.boot_id) {
    why = "two processes run from copies of store " + message.store.text();
    return Verdict::kRefused;
  }
  remembered_changed_ |= is_new || message.boot_epoch > before.boot_epoch;
  now.durable_round =
      std::max(now.durable_round,
               before.boot_epoch == now.boot_epoch ? before.durable_round : RoundNumber{});
  before = now;

  auto found = peers_.find(message.from);
  if (found == peers_.end()) return Verdict::kIntroduced;
  Peer& peer = found->second;
  bool new_boot = peer.boot_id != message.boot_id;
  peer.boot_id = message.boot_id;
  peer.store = message.store;
  peer.founding = message.founding;
  bool confirmed = message.to_boot == self_.boot_id;
  // A peer that does not know our boot, or whose boot is news to us, is answered at once: the
  // session stands after one round trip instead of one heartbeat.
  if (new_boot || !confirmed) peer.answer_now = true;
  return confirmed ? Verdict::kConfirmed : Verdict::kIntroduced;
}

std::optional<BrokerId> Peers::broker_of(LinkId link) const {
  auto found = links_.find(link);
  if (found == links_.end()) return std::nullopt;
  return found->second;
}

std::vector<wire::RememberedStore> Peers::remembered() const {
  std::vector<wire::RememberedStore> out;
  for (const auto& [store, entry] : remembered_) out.push_back(entry);
  return out;
}

void Peers::remember(const std::vector<wire::RememberedStore>& stores) {
  for (const auto& store : stores) remembered_[store.store] = store;
}

}  // namespace strandlog::broker
