// Looking, parking, reading, answering; see fetch.h.
#include "broker/fetch.h"

#include <algorithm>

#include "base/mutant.h"

namespace strandlog::broker {
namespace {
// Of one answer, whatever was asked: a message carries 16 MiB, and the last item may go beyond by
// one entry.
constexpr uint32_t kMaxFetchBytes = 12u << 20;
constexpr size_t kMaxJoinedBytes = 1u << 20;  // so that a joined piece fits into a frame
constexpr size_t kMaxItems = 4096;

// Damage takes this replica out of service; the others have the record.
wire::WireError why_unreadable(const Error& error) {
  return {error.code == Code::kCorruption ? Code::kFaulty : error.code, error.text, {}, {}};
}
}  // namespace

void Fetch::handle(const ReplyTo& to, const wire::FetchRequest& request, uint32_t deadline_ms) {
  ++context_.metrics.counters["fetch_requests_total"];
  if (request.items.size() > kMaxItems) {
    context_.fail(
        to, Code::kTooLarge,
        "a fetch names at most 4096 partitions, this one " + std::to_string(request.items.size()));
    return;
  }
  if (fetches_.size() >= context_.config.max_pending_fetches && !release_one()) {
    context_.fail(
        to, Code::kBusy,
        std::to_string(fetches_.size()) + " fetches wait already, the bound is reached: retry");
    return;
  }
  uint64_t id = ++next_id_;
  PendingFetch& pending = fetches_[id];
  pending.to = to;
  pending.request = request;
  pending.arrived = context_.now;
  pending.deadline = context_.now.plus_ms(std::min(request.max_wait_ms, deadline_ms));
  for (const auto& item : request.items) pending.items.emplace_back().asked = item;
  deadlines_.insert({pending.deadline, id});
  attempt(id);
}

// The fetch that would be answered next is told to retry, later and later, and makes room: a few
// that wait would starve all others.
bool Fetch::release_one() {
  if (deadlines_.empty()) return false;
  context_.fail(take(deadlines_.begin()->second).to, Code::kBusy,
                std::to_string(context_.config.max_pending_fetches) +
                    " fetches wait already, the bound is reached: retry");
  return true;
}

void Fetch::attempt(uint64_t id) {
  auto found = fetches_.find(id);
  if (found == fetches_.end() || found->second.open_reads > 0) return;
  PendingFetch& pending = found->second;
  bool anything = pending.items.empty();
  for (size_t i = 0; i < pending.items.size(); ++i) anything |= look(id, i);
  if (pending.open_reads > 0) return;  // their end comes back here through finish()
  if (pending.deadline <= context_.now || (anything && is_worth_an_answer(pending))) {
    finish(id);
  } else {
    for (Item& item : pending.items) let_go(item);  // read again when there is more
    park(id);
  }
}

bool Fetch::is_worth_an_answer(const PendingFetch& pending) const {
  if (pending.items.empty()) return true;
  uint64_t bytes = 0;
  for (const Item& item : pending.items) {
    if (item.error) return true;
    bytes += item.found.bytes;
  }
  return bytes >=
         std::min(pending.request.min_bytes, std::min(pending.request.max_bytes, kMaxFetchBytes));
}

void Fetch::keep(Item& item, store::ReadResult result) {
  held_bytes_ += result.bytes;
  item.found = std::move(result);
}

void Fetch::let_go(Item& item) {
  held_bytes_ -= item.found.bytes;
  item.found = {};
}

bool Fetch::look(uint64_t id, size_t index) {
  Item& item = fetches_.at(id).items[index];
  if (item.error || item.found.bytes > 0 || item.reading > 0) return true;
  auto located = context_.leading(item.asked.where);
  if (!located.replica) {
    item.error = located.error;
    return true;
  }
  Replica& replica = *located.replica;
  item.uid = replica.spec.uid;
  const store::ReplicaState& state = context_.store.replicas().at(item.uid);
  Offset start = context_.replicas.log_start(replica);
  if (item.asked.from < start) {
    item.error = wire::WireError{Code::kExpired,
                                 "offset " + std::to_string(item.asked.from.value) +
                                     " is below the log's start " + std::to_string(start.value),
                                 {},
                                 {}};
    return true;
  }
  if (item.asked.from < replica.high_watermark) return start_read(id, index, replica);
  if (item.asked.from > replica.high_watermark) {
    // What was committed is in a confirmed leader's log, whether it knows that yet or not.
    if (item.end_confirmed && item.asked.from > state.next_offset) {
      item.error =
          wire::WireError{Code::kOutOfRange,
                          "offset " + std::to_string(item.asked.from.value) +
                              " is above the log's end " + std::to_string(state.next_offset.value),
                          {},
                          {}};
      return true;
    }
    if (!item.end_confirmed && !item.confirming) confirm_end(id, index, replica);
  }
  return false;
}

bool Fetch::start_read(uint64_t id, size_t index, Replica& replica) {
  PendingFetch& pending = fetches_.at(id);
  Item& item = pending.items[index];
  uint64_t most = std::min(pending.request.max_bytes, kMaxFetchBytes);
  uint64_t taken = 0;
  for (const Item& other : pending.items) taken += other.found.bytes + other.reading;
  if (taken > 0 && taken >= most) return true;
  uint64_t bytes = std::min<uint64_t>(item.asked.max_bytes, most - std::min(taken, most));
  // Not asked of the sum: a fetch longer than the bound would be told to retry for ever.
  if (held_bytes_ >= context_.config.max_fetch_bytes) {
    item.error = wire::WireError{Code::kBusy,
                                 std::to_string(held_bytes_) +
                                     " bytes wait for disk reads already, the bound is " +
                                     std::to_string(context_.config.max_fetch_bytes) + ": retry",
                                 {},
                                 {}};
    return true;
  }
  Index upto = replica.commit;
  if (is_mutant(Mutant::kHighWatermarkOnAppend)) upto = context_.store.replicas().at(item.uid).last;
  store::ReadRequest request{item.uid, item.asked.from, upto, bytes};
  uint64_t ticket = kFetchTickets | ++next_ticket_;
  store::ReadResult result;
  auto ready = context_.store.read(request, ticket, result);
  if (!ready.ok()) {
    item.error = why_unreadable(ready.error());
    return true;
  }
  if (*ready) {
    keep(item, std::move(result));
    return true;
  }
  item.reading = bytes;
  held_bytes_ += bytes;
  ++pending.open_reads;
  deadlines_.erase({pending.deadline, id});  // its answer follows the read, however late
  reads_[ticket] = {id, index};
  return true;
}

// Only a quorum-confirmed end may call an offset out of range: a leader that was just elected, or
// was deposed without knowing, may simply not know of the records yet.
void Fetch::confirm_end(uint64_t id, size_t index, Replica& replica) {
  uint64_t token = kFetchTickets | ++next_token_;
  confirmations_[token] = {id, index};
  fetches_.at(id).items[index].confirming = true;
  context_.replicas.read_index(replica, token);
}

void Fetch::on_read(const store::ReadDone& event) {
  auto found = reads_.find(event.ticket);
  if (found == reads_.end()) return;
  ReadOwner owner = found->second;
  reads_.erase(found);
  auto fetch = fetches_.find(owner.fetch);
  if (fetch == fetches_.end()) return;
  Item& item = fetch->second.items[owner.item];
  held_bytes_ -= std::exchange(item.reading, 0);
  --fetch->second.open_reads;
  if (event.result.ok()) {
    keep(item, *event.result);
  } else {
    item.error = why_unreadable(event.result.error());
  }
  if (fetch->second.open_reads == 0) finish(owner.fetch);
}

void Fetch::on_read_index(const raft::ReadReady& ready) {
  if (auto found = confirmations_.find(ready.token); found != confirmations_.end()) {
    ReadOwner owner = found->second;
    confirmations_.erase(found);
    auto fetch = fetches_.find(owner.fetch);
    if (fetch == fetches_.end()) return;
    Item& item = fetch->second.items[owner.item];
    item.confirming = false;
    item.end_confirmed = ready.index.has_value();
    attempt(owner.fetch);
    return;
  }
  auto found = list_reads_.find(ready.token);
  if (found == list_reads_.end()) return;
  ReadOwner owner = found->second;
  list_reads_.erase(found);
  auto list = lists_.find(owner.fetch);
  if (list == lists_.end()) return;
  auto& item = list->second.answer.items[owner.item];
  auto located = context_.leading(item.where);
  if (!ready.index || !located.replica) {
    item.error = located.replica ? context_.not_leader(located.replica->spec.group, "the partition")
                                 : located.error;
  } else {
    item.start = context_.replicas.log_start(*located.replica);
    item.end = located.replica->high_watermark;
  }
  list->second.open.erase(owner.item);
  if (list->second.open.empty()) finish_list(owner.fetch);
}

void Fetch::advanced(Uid uid) {
  auto found = parked_.find(uid);
  if (found == parked_.end()) return;
  for (uint64_t id : std::exchange(found->second, {})) attempt(id);
}

void Fetch::park(uint64_t id) {
  for (const Item& item : fetches_.at(id).items) parked_[item.uid].insert(id);
}

// A message carries a bounded number of frames; joined small ones leave room for every item.
void Fetch::share_frames(std::vector<Item>& items) {
  size_t pieces = 0, filled = 0;
  for (const Item& item : items) {
    pieces += item.found.pieces.size();
    filled += item.found.pieces.empty() ? 0 : 1;
  }
  if (pieces <= wire::kMaxBlobFrames) return;
  size_t share = std::max<size_t>(1, wire::kMaxBlobFrames / filled);
  for (Item& item : items) {
    size_t least = item.found.bytes / kMaxJoinedBytes + 1;
    join_pieces(item.found.pieces, std::max(share, least));
  }
}

// Out of all lists.
Fetch::PendingFetch Fetch::take(uint64_t id) {
  auto found = fetches_.find(id);
  PendingFetch pending = std::move(found->second);
  fetches_.erase(found);
  deadlines_.erase({pending.deadline, id});
  for (const Item& item : pending.items) {
    held_bytes_ -= item.found.bytes;
    auto parked = parked_.find(item.uid);
    if (parked == parked_.end()) continue;
    parked->second.erase(id);
    if (parked->second.empty()) parked_.erase(parked);
  }
  return pending;
}

void Fetch::finish(uint64_t id) {
  if (!fetches_.contains(id)) return;
  PendingFetch pending = take(id);
  share_frames(pending.items);
  wire::FetchAnswer answer;
  std::vector<Bytes> frames;
  for (Item& item : pending.items) {
    wire::FetchAnswer::Item out;
    out.where = item.asked.where;
    out.error = item.error;
    if (Replica* replica = context_.replicas.find(item.uid)) {
      out.high_watermark = out.stable_end = replica->high_watermark;
      out.log_start = context_.replicas.log_start(*replica);
    } else if (!out.error) {  // deleted while others of this fetch were read
      auto located = context_.leading(item.asked.where);
      out.error = located.replica
                      ? wire::WireError{Code::kStale, "its replica is gone: retry", {}, {}}
                      : located.error;
    }
    if (!out.error && frames.size() + item.found.pieces.size() <= wire::kMaxBlobFrames) {
      out.frames = static_cast<uint32_t>(item.found.pieces.size());
      for (Bytes& piece : item.found.pieces) frames.push_back(std::move(piece));
      context_.metrics.counters["fetch_bytes_total"] += item.found.bytes;
    }
    answer.items.push_back(std::move(out));
  }
  context_.metrics.histograms["fetch_us"].add(
      static_cast<uint64_t>(context_.now.us - pending.arrived.us));
  context_.answer(pending.to, std::move(answer), std::move(frames));
}

void Fetch::handle(const ReplyTo& to, const wire::ListOffsetsRequest& request,
                   uint32_t deadline_ms) {
  if (request.items.size() > kMaxItems || lists_.size() >= context_.config.max_pending_fetches) {
    context_.fail(to, Code::kBusy, "too many partitions or waiting requests: retry with fewer");
    return;
  }
  uint64_t id = ++next_id_;
  PendingList& pending = lists_[id];
  pending.to = to;
  pending.deadline = context_.now.plus_ms(deadline_ms);
  for (size_t i = 0; i < request.items.size(); ++i) {
    pending.answer.items.push_back({request.items[i], std::nullopt, {}, {}});
    auto located = context_.leading(request.items[i]);
    if (!located.replica) {
      pending.answer.items[i].error = located.error;
      continue;
    }
    uint64_t token = kFetchTickets | ++next_token_;
    pending.open.insert(i);
    list_reads_[token] = {id, i};
    context_.replicas.read_index(*located.replica, token);
  }
  if (pending.open.empty()) {
    finish_list(id);
  } else {
    list_deadlines_.insert({pending.deadline, id});
  }
}

void Fetch::finish_list(uint64_t id) {
  auto found = lists_.find(id);
  list_deadlines_.erase({found->second.deadline, id});
  context_.answer(found->second.to, std::move(found->second.answer));
  lists_.erase(found);
}

void Fetch::expire() {
  while (!deadlines_.empty() && deadlines_.begin()->first <= context_.now) {
    finish(deadlines_.begin()->second);
  }
  while (!list_deadlines_.empty() && list_deadlines_.begin()->first <= context_.now) {
    uint64_t id = list_deadlines_.begin()->second;
    PendingList& list = lists_.at(id);
    for (size_t i : list.open) {
      list.answer.items[i].error =
          wire::WireError{Code::kTimeout, "no majority confirmed the end in time: retry", {}, {}};
    }
    finish_list(id);
  }
  told_pending_ = fetches_.size();
}

Time Fetch::next_deadline() const {
  Time next{INT64_MAX};
  for (const auto* deadlines : {&deadlines_, &list_deadlines_}) {
    if (!deadlines->empty()) next = std::min(next, deadlines->begin()->first);
  }
  return next;
}

}  // namespace strandlog::broker
