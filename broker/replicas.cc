// Output by output, in field order; see replicas.h.
#include "broker/replicas.h"

#include <algorithm>

#include "base/log.h"
#include "base/mark.h"
#include "base/mutant.h"
#include "broker/raft_wire.h"
#include "wire/codec.h"

namespace strandlog::broker {

Replicas::Replicas(const BrokerConfig& config, store::Store& store, Peers& peers, Random& random)
    : config_(config), store_(store), peers_(peers), random_(random), host_(config.session_ticks) {}

void Replicas::open(Uid uid, bool active) {
  const store::ReplicaState& state = store_.replicas().at(uid);
  Replica& replica = replicas_[uid];
  replica.spec = state.spec;
  by_group_[state.spec.group] = uid;
  if (state.fault) return on_fault(uid, *state.fault);
  raft::Restored restored;
  for (const store::KeptConfiguration& kept : state.configurations) {
    auto configuration = wire::decode_configuration(kept.value);
    if (!configuration.ok()) {
      return on_fault(uid, "its configuration cannot be read: " + configuration.error().text);
    }
    restored.memberships.push_back(from_wire(*configuration, kept.index));
  }
  if (restored.memberships.empty()) return on_fault(uid, "it has no configuration");
  restored.hard = {state.term, state.vote};
  restored.start = state.start.index;
  restored.start_term = state.start.term;
  for (const auto& run : state.terms) restored.terms.push_back({run.first, run.term});
  restored.last = state.last;
  restored.commit = state.start.index;
  raft::GroupConfig group;
  group.group = state.spec.group;
  group.self = uid;
  group.election_ticks = config_.election_ticks;
  group.heartbeat_ticks = config_.heartbeat_ticks;
  group.window_bytes = config_.replication_window_bytes;
  group.max_append_bytes = config_.replication_append_bytes;
  replica.high_watermark = state.start.offset;
  replica.group = &host_.add(group, std::move(restored), random_.next());
  replica.group->set_active(active);
}

void Replicas::activate(Uid uid) {
  Replica* replica = find(uid);
  if (replica && replica->group) replica->group->set_active(true);
}

void Replicas::close(Uid uid) {
  auto found = replicas_.find(uid);
  if (found == replicas_.end()) return;
  if (found->second.group) give_up(found->second);
  auto of_group = by_group_.find(found->second.spec.group);
  if (of_group != by_group_.end() && of_group->second == uid) by_group_.erase(of_group);
  known_leaders_.erase(uid);
  faulty_.erase(uid);
  if (found->second.group) host_.remove(uid);
  replicas_.erase(found);
  std::erase_if(pending_sends_, [&](const auto& entry) { return entry.second.uid == uid; });
  to_trim_.erase(uid);
}

Replica* Replicas::find(Uid uid) {
  auto found = replicas_.find(uid);
  return found == replicas_.end() ? nullptr : &found->second;
}

Replica* Replicas::find(const GroupId& group) {
  auto found = by_group_.find(group);
  return found == by_group_.end() ? nullptr : find(found->second);
}

// The store may find damage in the middle of a turn; from then on it takes nothing for the replica.
bool Replicas::in_service(Replica& replica) {
  if (!replica.group) return false;
  const auto& fault = store_.replicas().at(replica.spec.uid).fault;
  if (fault) on_fault(replica.spec.uid, *fault);
  return !fault;
}

// The bound is not asked of the sum: an item longer than it would be told to retry for ever.
Result<void> Replicas::room_for_more(const Replica& replica) const {
  if (replica.uncommitted_bytes >= config_.uncommitted_bytes_group) {
    return Error{Code::kBusy, std::to_string(replica.uncommitted_bytes) +
                                  " bytes of this partition wait for a majority, the bound is " +
                                  std::to_string(config_.uncommitted_bytes_group) + ": retry"};
  }
  if (uncommitted_bytes_ >= config_.uncommitted_bytes_broker) {
    return Error{Code::kBusy, std::to_string(uncommitted_bytes_) +
                                  " bytes of this broker wait for a majority, the bound is " +
                                  std::to_string(config_.uncommitted_bytes_broker) + ": retry"};
  }
  return {};
}

// A fresh leader's no-op, and whatever else its group decided, comes before any proposal.
Result<void> Replicas::catch_up_with_group(Replica& replica) {
  if (in_service(replica)) take_one(replica);
  if (replica.group) return {};
  return Error{Code::kFaulty, "this replica is out of service: " + replica.fault};
}

Result<Index> Replicas::change_membership(Replica& replica, const raft::MembershipChange& change) {
  TRY(catch_up_with_group(replica));
  host_.touch(replica.spec.uid);
  return replica.group->change_membership(change);
}

Result<EntryHeader> Replicas::propose(Replica& replica, EntryKind kind, uint32_t records,
                                      ByteView body, int64_t wall_ms) {
  TRY(catch_up_with_group(replica));
  auto index = replica.group->propose();
  if (!index.ok()) return index.error();
  uint64_t bytes = body.size() + kEntryHeaderBytes;
  EntryHeader header =
      store_.append(replica.spec.uid, {kind, replica.group->term(), records, wall_ms, body});
  CHECK(header.index == *index);
  host_.touch(replica.spec.uid);
  replica.uncommitted.push_back({header.index, bytes, header.next_offset()});
  replica.uncommitted_bytes += bytes;
  uncommitted_bytes_ += bytes;
  if (is_mutant(Mutant::kHighWatermarkOnAppend)) replica.high_watermark = header.next_offset();
  return header;
}

void Replicas::read_index(Replica& replica, uint64_t token) {
  CHECK(replica.group);
  replica.group->read_index(token);
  host_.touch(replica.spec.uid);
}

void Replicas::heard(BrokerId broker, BootId boot, uint64_t leaderships_lost) {
  host_.heard(broker, boot, leaderships_lost);
}

void Replicas::disconnected(BrokerId broker) { host_.disconnected(broker); }

void Replicas::on_durable(const store::RoundDurable& event) {
  for (const auto& touched : event.touched) {
    Replica* replica = find(touched.uid);
    if (!replica || !replica->group) continue;
    replica->group->persisted(touched.last, touched.last_term, {touched.term, touched.vote});
    host_.touch(touched.uid);
    events_.push_back({ReplicaEvent::Kind::kDurable, touched.uid, {}});
  }
  while (!held_.empty() && held_.begin()->first.round <= event.round) {
    raft::Message message = std::move(held_.extract(held_.begin()).mapped());
    if (Replica* replica = find(message.from)) dispatch(*replica, message);
  }
}

void Replicas::on_fault(Uid uid, const std::string& what) {
  Replica* replica = find(uid);
  if (!replica) return;
  replica->fault = what;
  faulty_.insert(uid);
  if (!replica->group) return;
  give_up(*replica);
  host_.remove(uid);
  replica->group = nullptr;
}

// Of what a group that ends still wants, only a leader's farewells and refused reads count: its
// followers need not wait for silence. It may have lost its leadership since it was asked last.
void Replicas::give_up(Replica& replica) {
  bool led = replica.leads();
  if (led) replica.group->step_down();
  raft::Output last = host_.take(replica.spec.uid);
  if (!led && !last.lost_leadership) return;
  if (led) {
    for (const auto& message : last.at_once) dispatch(replica, message);
  }
  for (const auto& read : last.reads) {
    events_.push_back({ReplicaEvent::Kind::kReadReady, replica.spec.uid, read});
  }
  gave_up_leadership(replica);
}

void Replicas::gave_up_leadership(Replica& replica) {
  uncommitted_bytes_ -= replica.uncommitted_bytes;
  replica.uncommitted_bytes = 0;
  replica.uncommitted.clear();
  events_.push_back({ReplicaEvent::Kind::kLostLeadership, replica.spec.uid, {}});
}

void Replicas::tick() {
  host_.tick();
  expire_offers();
}

void Replicas::step_down(Uid uid) {
  Replica* replica = find(uid);
  if (!replica || !replica->leads()) return;
  replica->group->step_down();
  host_.touch(uid);
}

void Replicas::step_down_all() {
  for (const auto& [uid, replica] : replicas_) step_down(uid);
}

void Replicas::hand_over() {
  for (auto& [uid, replica] : replicas_) {
    if (!replica.leads()) continue;
    Uid best;
    Index best_match;
    for (const auto& peer : replica.group->status().peers) {
      if (!host_.alive(peer.member.broker) ||
          !replica.group->membership().is_voter(peer.member.uid))
        continue;
      if (best == Uid{} || peer.match > best_match) {
        best = peer.member.uid;
        best_match = peer.match;
      }
    }
    if (best != Uid{}) (void)replica.group->transfer_to(best).ok();
    host_.touch(uid);
  }
}

std::vector<ReplicaEvent> Replicas::settle() {
  // A sent() may free the next Send: go round until nothing is left. The byte windows end this.
  for (auto outputs = host_.take(); !outputs.empty(); outputs = host_.take()) {
    for (const auto& [uid, output] : outputs) {
      if (Replica* replica = find(uid)) carry_out(*replica, output, nullptr);
    }
  }
  trim_committed();
  return std::exchange(events_, {});
}

void Replicas::take_one(Replica& replica, const Received* received) {
  if (!replica.group) return;
  raft::Output output = host_.take(replica.spec.uid);
  carry_out(replica, output, received);
}

void Replicas::carry_out(Replica& replica, const raft::Output& output, const Received* received) {
  Uid uid = replica.spec.uid;
  // Whatever becomes of the replica below, who waits for it hears of this.
  for (const auto& read : output.reads) {
    events_.push_back({ReplicaEvent::Kind::kReadReady, uid, read});
  }
  if (output.lost_leadership) {
    LOG(kInfo, "lost leadership", kv("topic", replica.spec.topic_name),
        kv("partition", replica.spec.partition), kv("uid", uid));
    gave_up_leadership(replica);
  }
  if (!in_service(replica)) return;
  for (const auto& message : output.at_once) dispatch(replica, message);
  if (output.hard_state) {
    store_.set_hard_state(uid, output.hard_state->term, output.hard_state->vote);
  }
  if (output.install) {
    CHECK(received && received->start && received->start->index == output.install->index);
    const raft::Membership& members = output.install->membership;
    store_.install(uid, *received->start, {members.index, wire::encode(to_wire(members))});
    if (!in_service(replica)) return;
  }
  if (output.truncate_from) store_.truncate(uid, *output.truncate_from);
  if (!in_service(replica)) return;
  if (output.append_first && received) append_received(replica, *received, *output.append_first);
  if (!replica.group) return;
  if (output.noop) append_own(replica, EntryKind::kNoop, *output.noop, {});
  if (output.configuration) {
    append_own(replica, EntryKind::kConfiguration, output.configuration->index,
               wire::encode(to_wire(*output.configuration)).view());
  }
  for (const auto& send : output.sends) begin_send(replica, send);
  if (!in_service(replica)) return;  // a Send may have found damage
  for (const auto& snapshot : output.snapshots) offer_start(replica, snapshot);
  for (const auto& message : output.after_write) hold_or_dispatch(replica, message);
  if (output.commit > replica.commit) {
    replica.commit = output.commit;
    moved(replica);
  }
  if (output.became_leader) {
    LOG(kInfo, "became leader", kv("topic", replica.spec.topic_name),
        kv("partition", replica.spec.partition), kv("uid", uid), kv("term", *output.became_leader));
    events_.push_back({ReplicaEvent::Kind::kLeads, uid, {}});
  }
  if (replica.group) note_leader(replica);
}

void Replicas::append_own(Replica& replica, EntryKind kind, Index index, ByteView body) {
  EntryHeader header = store_.append(replica.spec.uid, {kind, replica.group->term(), 0, 0, body});
  CHECK(header.index == index);
  replica.uncommitted.push_back({header.index, 0, header.next_offset()});
}

void Replicas::moved(Replica& replica) {
  // The store tells the offset only of what it has in memory; a leader must know it of all.
  auto end = store_.next_offset_at(replica.spec.uid, replica.commit);
  while (!replica.uncommitted.empty() && replica.uncommitted.front().index <= replica.commit) {
    replica.uncommitted_bytes -= replica.uncommitted.front().bytes;
    uncommitted_bytes_ -= replica.uncommitted.front().bytes;
    end = replica.uncommitted.front().end;
    replica.uncommitted.pop_front();
  }
  if (end) replica.high_watermark = std::max(replica.high_watermark, *end);
  events_.push_back({ReplicaEvent::Kind::kCommitted, replica.spec.uid, {}});
  const auto& trims = store_.replicas().at(replica.spec.uid).trims;
  if (!trims.empty() && trims.front().index <= replica.commit) to_trim_.insert(replica.spec.uid);
}

Offset Replicas::log_start(const Replica& replica) const {
  const store::ReplicaState& state = store_.replicas().at(replica.spec.uid);
  Offset start = state.start.offset;
  for (const store::WantedTrim& trim : state.trims) {
    if (trim.index <= replica.commit) start = std::max(start, trim.start.offset);
  }
  return start;
}

// What waits for the store (a base image is being made) or for this disk is tried at each turn.
void Replicas::trim_committed() {
  for (auto next = to_trim_.begin(); next != to_trim_.end() && store_.may_trim();) {
    Replica* replica = find(*next);
    if (!replica || !in_service(*replica)) {
      next = to_trim_.erase(next);
      continue;
    }
    const store::ReplicaState& state = store_.replicas().at(*next);
    std::optional<store::LogStart> start;
    bool waits = false;
    for (const store::WantedTrim& trim : state.trims) {
      bool counts = trim.index <= replica->commit && trim.start.index > state.start.index;
      bool is_here = trim.start.index <= replica->group->durable();
      if (counts && is_here) start = trim.start;
      waits |= counts && !is_here;
    }
    if (start) {
      mark<"broker: a committed trim is carried out">();
      store_.trim(*next, *start);
      if (in_service(*replica)) replica->group->trimmed(start->index);
    }
    next = waits ? std::next(next) : to_trim_.erase(next);
  }
}

void Replicas::note_leader(Replica& replica) {
  std::pair<Uid, Term> now{replica.group->leader(), replica.group->term()};
  auto& known = known_leaders_[replica.spec.uid];
  if (known == now) return;
  known = now;
  events_.push_back({ReplicaEvent::Kind::kLeaderChanged, replica.spec.uid, {}});
}

}  // namespace strandlog::broker
