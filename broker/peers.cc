// Sessions and outboxes; see peers.h.
#include "broker/peers.h"

#include <algorithm>

#include "base/mutant.h"
#include "wire/codec.h"

namespace strandlog::broker {
namespace {
constexpr size_t kBulkMessageBytes = 1u << 20;
constexpr size_t kRaftMessages = 2048;  // of one message: its control frame has a bound
constexpr size_t kNotices = 8192;
constexpr int64_t kSeedMs = 300;
}  // namespace

void Peers::meet(const wire::BrokerAddress& address) {
  if (address.broker == self_.address.broker || address.peer_address.empty()) return;
  if (peers_.size() >= kMostPeers && !peers_.contains(address.broker)) return;
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
  control_box(found->second).raft.push_back(std::move(message));
}

Peers::Outbox& Peers::control_box(Peer& peer) {
  auto& boxes = peer.control_boxes;
  bool full =
      !boxes.empty() &&
      (boxes.back().raft.size() >= kRaftMessages || boxes.back().leaders.size() >= kNotices ||
       boxes.back().replicas.size() >= kNotices || boxes.back().members.size() >= kNotices);
  if (boxes.empty() || full) boxes.emplace_back();
  return boxes.back();
}

bool Peers::append(BrokerId to, wire::RaftMessage message, std::vector<Bytes> frames) {
  auto found = peers_.find(to);
  if (found == peers_.end() || found->second.boot_id == BootId{}) return false;
  auto& boxes = found->second.bulk_boxes;
  size_t bytes = total_bytes(frames);
  bool fits = !boxes.empty() && boxes.back().bytes + bytes <= kBulkMessageBytes &&
              boxes.back().frames.size() + frames.size() <= wire::kMaxBlobFrames &&
              boxes.back().raft.size() < kRaftMessages;
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
  for (const auto& notice : notices) control_box(found->second).leaders.push_back(notice);
}

void Peers::report(BrokerId to, wire::ReplicaReport report) {
  auto found = peers_.find(to);
  if (found != peers_.end()) control_box(found->second).replicas.push_back(report);
}

void Peers::members(BrokerId to, wire::GroupMembers members) {
  auto found = peers_.find(to);
  if (found != peers_.end()) control_box(found->second).members.push_back(std::move(members));
}

void Peers::catalog_fetch(BrokerId to, Index after) {
  auto found = peers_.find(to);
  if (found != peers_.end()) control_box(found->second).catalog_fetch = wire::CatalogFetch{after};
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

wire::PeerMessage Peers::envelope(const Peer* peer, const Announcement& announcement) const {
  wire::PeerMessage message;
  message.cluster = announcement.cluster;
  message.from = self_.address.broker;
  message.store = self_.address.store;
  message.boot_epoch = self_.boot_epoch;
  message.boot_id = self_.boot_id;
  message.boot_round = self_.boot_round;
  message.durable_round = announcement.durable_round;
  message.leaderships_lost = announcement.leaderships_lost;
  message.founding = announcement.founding;
  message.registration = announcement.registration;
  if (peer) {
    message.to_store = peer->store;
    message.to_boot = peer->boot_id;
    if (peer->founding != wire::FoundingState::kFounded) message.document = announcement.document;
  }
  return message;
}

void Peers::transmit(LinkId link, wire::PeerMessage message, Outbox box) {
  message.raft = std::move(box.raft);
  message.leaders = std::move(box.leaders);
  message.replicas = std::move(box.replicas);
  message.members = std::move(box.members);
  message.catalog_fetch = box.catalog_fetch;
  message.catalog_entries = box.catalog_entries;
  if (!transport_.send(link, Message{wire::encode(message), std::move(box.frames)})) ++dropped_;
}

void Peers::flush(Time now, int64_t heartbeat_ms, const Announcement& announcement) {
  for (auto& [id, peer] : peers_) {
    for (Outbox& box : std::exchange(peer.bulk_boxes, {})) {
      transmit(peer.bulk, envelope(&peer, announcement), std::move(box));
    }
    bool due = now >= peer.last_sent.plus_ms(heartbeat_ms);
    if (peer.control_boxes.empty() && !due && !peer.answer_now) continue;
    if (peer.control_boxes.empty()) peer.control_boxes.emplace_back();
    for (Outbox& box : std::exchange(peer.control_boxes, {})) {
      wire::PeerMessage message = envelope(&peer, announcement);
      if (due) {
        message.faulty = announcement.faulty;
        // Who was down while we moved looks for us where we were, and the catalog that would tell
        // it may be led from here.
        message.registration = wire::RegisterReport{self_.address, self_.boot_epoch};
      }
      transmit(peer.control, std::move(message), std::move(box));
    }
    peer.answer_now = false;
    if (due) peer.last_sent = now;
  }
  if (announcement.founding == wire::FoundingState::kFounded) return;
  for (auto& [address, seed] : seeds_) {
    if (now < seed.last_sent.plus_ms(kSeedMs)) continue;
    transmit(seed.link, envelope(nullptr, announcement), {});
    seed.last_sent = now;
  }
}

// What makes the sender nobody to listen to; empty when nothing does.
std::string Peers::why_not(const wire::PeerMessage& message, const ClusterId& cluster) const {
  if (message.from == self_.address.broker) {
    return "broker " + std::to_string(message.from.value) + " has this broker's id";
  }
  if (!message.cluster.is_nil() && !cluster.is_nil() && message.cluster != cluster) {
    return "it belongs to cluster " + message.cluster.text();
  }
  auto known = remembered_.find(message.store);
  if (known == remembered_.end() || is_mutant(Mutant::kBootUnchecked)) return {};
  const wire::RememberedStore& before = known->second;
  if (message.boot_epoch < before.boot_epoch) {
    return "its boot epoch " + std::to_string(message.boot_epoch.value) + " is below " +
           std::to_string(before.boot_epoch.value) +
           " seen before: a restored copy or a late message";
  }
  if (message.boot_epoch == before.boot_epoch && message.boot_id != before.boot_id) {
    return "two processes run from copies of store " + message.store.text();
  }
  if (before.durable_round == kNeverAgain) {
    return "its store was found to be a restored copy before: wipe it and start it anew";
  }
  if (is_behind_itself(message)) {
    return "its journal began this boot with round " + std::to_string(message.boot_round.value) +
           ", round " + std::to_string(before.durable_round.value) +
           " was durable there before: a restored copy";
  }
  return {};
}

// A start finds every round that an earlier one announced, and goes on behind it.
bool Peers::is_behind_itself(const wire::PeerMessage& message) const {
  auto known = remembered_.find(message.store);
  return known != remembered_.end() && message.boot_epoch > known->second.boot_epoch &&
         message.boot_round <= known->second.durable_round;
}

Peers::Verdict Peers::judge(const wire::PeerMessage& message, const ClusterId& cluster,
                            std::string& why) {
  why = why_not(message, cluster);
  if (!why.empty()) {
    // One that names our present boot speaks now; what is late or made up does not know it.
    if (is_behind_itself(message) && message.to_boot == self_.boot_id) {
      remembered_[message.store].durable_round = kNeverAgain;
      changed_ = Changed::kBoot;
    }
    return Verdict::kRefused;
  }
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

void Peers::trust(const wire::PeerMessage& message) {
  wire::RememberedStore now{message.store, message.boot_epoch, message.boot_id,
                            message.durable_round};
  if (remembered_.size() >= kMostPeers && !remembered_.contains(message.store)) {
    remembered_.erase(remembered_.begin());  // as many stores were replaced meanwhile
  }
  auto [known, is_new] = remembered_.try_emplace(message.store, now);
  wire::RememberedStore& before = known->second;
  if (is_new || now.boot_epoch > before.boot_epoch) {
    changed_ = Changed::kBoot;
  } else {
    if (now.durable_round <= before.durable_round) return;
    changed_ = std::max(changed_, Changed::kRounds);
  }
  before = now;
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
