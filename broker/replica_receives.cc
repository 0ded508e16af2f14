// What replicas receive: appends are looked through, and what raft takes of them is stored as it
// is.
#include "base/log.h"
#include "broker/raft_wire.h"
#include "broker/replicas.h"
#include "wire/codec.h"

namespace strandlog::broker {
namespace {

/// Fills what `append` leaves to the receiver, from its entries; returns the last one's index.
Result<Index> look_through(raft::Append& append, const std::vector<Bytes>& frames,
                           const GroupId& group) {
  Index last = append.prev;
  for (const Bytes& frame : frames) {
    ASSIGN(store::VerifiedRun run, store::verify_run(frame, group, last.plus(1)));
    for (const auto& start : run.terms) {
      if (append.runs.empty() || append.runs.back().term != start.term) {
        append.runs.push_back({start.first, start.term});
      }
    }
    for (const EntryView& entry : run.configurations) {
      ASSIGN(wire::Configuration configuration, wire::decode_configuration(entry.body));
      append.configurations.push_back(from_wire(configuration, entry.header.index));
    }
    last = run.last;
  }
  return last;
}

}  // namespace

// A member speaks from its own broker alone. Who is no member here may be one by entries that have
// not arrived: its question is taken, and answered.
Replica* Replicas::recipient(BrokerId from, const wire::RaftMessage& message) {
  Replica* replica = find(message.to);
  if (!replica || replica->spec.group != message.group || !in_service(*replica)) return nullptr;
  const raft::Member* member = replica->group->membership().find(message.from);
  if (member == nullptr) replica->stranger = {message.from, from};
  return member == nullptr || member->broker == from ? replica : nullptr;
}

void Replicas::receive(BrokerId from, const wire::RaftMessage& message,
                       const std::vector<Bytes>& frames) {
  Replica* replica = recipient(from, message);
  if (!replica) return;
  raft::Message step = from_wire(message);
  Received received{message.prev.plus(1), &frames, std::nullopt};
  if (message.kind == wire::RaftMessage::Kind::kSnapshotOffer &&
      !take_offer(message, frames, step, received)) {
    return;
  }
  if (auto* append = std::get_if<raft::Append>(&step.body)) {
    auto last = look_through(*append, frames, replica->spec.group);
    if (!last.ok()) {
      LOG(kWarn, "dropped an append that fails its checks", kv("uid", message.to),
          kv("from", message.from), kv("why", last.error().text));
      return;
    }
    if (append->last != *last) return;  // names entries that did not come along
    if (!frames.empty() && !store_.room_for(total_bytes(frames)).ok()) {
      ++appends_refused_;  // the leader sends it again, until there is room
      return;
    }
  }
  take_one(*replica);
  host_.step(step);
  take_one(*replica, &received);
}

// False: it cannot be taken now, or not at all; an honest leader offers it again.
bool Replicas::take_offer(const wire::RaftMessage& message, const std::vector<Bytes>& frames,
                          raft::Message& step, Received& received) const {
  if (frames.size() != 2 || !store_.may_trim()) return false;
  auto start = store::decode_log_start(frames[0]);
  auto configuration = wire::decode_configuration(frames[1]);
  bool fits = start.ok() && configuration.ok() && start->index == message.last &&
              start->term == message.last_term && message.prev <= message.last;
  if (!fits) {
    LOG(kWarn, "dropped an offer that fails its checks", kv("uid", message.to),
        kv("from", message.from));
    return false;
  }
  std::get<raft::SnapshotOffer>(step.body).membership = from_wire(*configuration, message.prev);
  received.start = *start;
  return true;
}

void Replicas::hear(BrokerId from, const wire::RaftMessage& message) {
  Replica* replica = recipient(from, message);
  if (!replica) return;
  raft::Message step = from_wire(message);
  auto* append = std::get_if<raft::Append>(&step.body);
  CHECK(append != nullptr);
  uint64_t read_round = append->read_round;
  *append = raft::Append{};  // without entries, at a place that every log has
  append->read_round = read_round;
  take_one(*replica);
  host_.step(step);
  take_one(*replica);
}

void Replicas::append_received(Replica& replica, const Received& received, Index first) {
  Index at = received.first;
  for (const Bytes& frame : *received.frames) {
    ByteView run = frame.view();
    while (!run.empty() && at < first) {  // a prefix that this log already has
      auto header = decode_entry_header(run, replica.spec.group);
      CHECK(header.ok());
      run = run.subspan(kEntryHeaderBytes + header->body_bytes);
      at = at.plus(1);
    }
    if (run.empty()) continue;
    auto done = store_.append_stored(replica.spec.uid, run);
    if (!done.ok()) {
      LOG(kError, "entries of the leader do not continue this log", kv("uid", replica.spec.uid),
          kv("why", done.error().text));
      on_fault(replica.spec.uid, done.error().text);
      return;
    }
    at = store_.replicas().at(replica.spec.uid).last.plus(1);
  }
}

}  // namespace strandlog::broker
