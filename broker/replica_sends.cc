// What replicas send: appends with entries, and the rest once what it promises is durable.
#include "base/mutant.h"
#include "broker/raft_wire.h"
#include "broker/replicas.h"

namespace strandlog::broker {
namespace {

// A refusal does not stand for an acceptance, nor the other way round.
size_t kind_of(const raft::Message& message) {
  const auto* answer = std::get_if<raft::AppendAnswer>(&message.body);
  return 2 * message.body.index() + (answer && answer->accepted ? 1 : 0);
}

}  // namespace

void Replicas::begin_send(Replica& replica, const raft::Send& send) {
  if (!replica.leads() || replica.group->term() != send.term) return;
  store::ReadRequest request{replica.spec.uid, send.prev.plus(1), send.last, send.max_bytes};
  uint64_t ticket = kSendTickets | ++next_ticket_;
  store::ReadResult result;
  auto ready = store_.read(request, ticket, result);
  if (!ready.ok()) {
    bool compacted = ready.error().code == Code::kOutOfRange;
    replica.group->sent(send.to, send.prev, 0, compacted);
  } else if (*ready) {
    finish_send(replica, send, std::move(result));
  } else {
    pending_sends_[ticket] = {replica.spec.uid, send};
  }
}

void Replicas::finish_send(Replica& replica, const raft::Send& send, store::ReadResult result) {
  host_.touch(replica.spec.uid);
  auto broker = broker_of(replica, send.to);
  bool anything = result.last > send.prev && result.first == send.prev.plus(1);
  if (!broker || !anything) {
    replica.group->sent(send.to, send.prev, 0);
    return;
  }
  raft::Append append{send.prev,   send.prev_term,  result.last, {},
                      send.commit, send.read_round, false};
  raft::Message message{replica.spec.group, replica.spec.uid, send.to, replica.group->term(),
                        append};
  bool gone = peers_.append(*broker, to_wire(message), std::move(result.pieces));
  replica.group->sent(send.to, gone ? result.last : send.prev, gone ? result.bytes : 0);
}

// All that a follower lacks of a log which begins behind its own end is where that is: what a data
// partition's snapshot would hold beside is nothing yet.
void Replicas::offer_start(Replica& replica, const raft::SnapshotSend& wanted) {
  const store::ReplicaState& state = store_.replicas().at(replica.spec.uid);
  const store::KeptConfiguration* configuration = nullptr;
  for (const auto& kept : state.configurations) {
    if (kept.index <= state.start.index) configuration = &kept;
  }
  auto broker = broker_of(replica, wanted.to);
  bool gone = false;
  if (broker && configuration && replica.leads()) {
    raft::SnapshotOffer offer{state.start.index, state.start.term, {}};
    offer.membership.index = configuration->index;
    Term term = replica.group->term();
    raft::Message message{replica.spec.group, replica.spec.uid, wanted.to, term, offer};
    gone = peers_.append(*broker, to_wire(message),
                         {Bytes::copy(store::encode_log_start(state.start)), configuration->value});
    if (gone) offers_.push_back({replica.spec.uid, wanted.to, term, config_.election_ticks});
  }
  if (!gone) replica.group->snapshot_done(wanted.to, false);
}

// Who took one has answered by now, which raft heard; else it is offered again.
void Replicas::expire_offers() {
  for (PendingOffer& offer : offers_) {
    if (--offer.ticks > 0) continue;
    Replica* replica = find(offer.uid);
    if (!replica || !replica->leads() || replica->group->term() != offer.term) continue;
    replica->group->snapshot_done(offer.to, false);
    host_.touch(offer.uid);
  }
  std::erase_if(offers_, [](const PendingOffer& offer) { return offer.ticks == 0; });
}

bool Replicas::on_read(const store::ReadDone& event) {
  auto found = pending_sends_.find(event.ticket);
  if (found == pending_sends_.end()) return false;
  PendingSend pending = std::move(found->second);
  pending_sends_.erase(found);
  Replica* replica = find(pending.uid);
  if (!replica || !replica->group) return true;
  if (!replica->leads() || replica->group->term() != pending.send.term) return true;
  store::ReadResult nothing;
  nothing.last = pending.send.prev;
  finish_send(*replica, pending.send, event.result.ok() ? *event.result : nothing);
  return true;
}

void Replicas::dispatch(const Replica& replica, const raft::Message& message) {
  auto broker = broker_of(replica, message.to);
  if (!broker) return;
  // Empty appends follow the entries they speak about on the same lane.
  if (std::holds_alternative<raft::Append>(message.body)) {
    peers_.append(*broker, to_wire(message), {});
  } else {
    peers_.raft(*broker, to_wire(message));
  }
}

// Rounds become durable in order, so the first held message always waits for the lowest round.
void Replicas::hold_or_dispatch(const Replica& replica, const raft::Message& message) {
  RoundNumber needs = store_.durable();
  if (store_.dirty()) {
    needs = store_.gathering();
  } else if (store_.writing()) {
    needs = store_.gathering().previous();
  }
  bool early = is_mutant(Mutant::kVoteBeforeDurable) &&
               std::holds_alternative<raft::VoteAnswer>(message.body);
  if (needs <= store_.durable() || early) {
    dispatch(replica, message);
  } else {
    held_.insert_or_assign({needs, message.from, message.to, kind_of(message)}, message);
  }
}

std::optional<BrokerId> Replicas::broker_of(const Replica& replica, Uid member) const {
  if (!replica.group) return std::nullopt;
  if (const raft::Member* found = replica.group->membership().find(member)) return found->broker;
  if (replica.stranger && replica.stranger->first == member) return replica.stranger->second;
  return std::nullopt;
}

}  // namespace strandlog::broker
