// From a request's frames to journal entries and back to answers; see produce.h.
#include "broker/produce.h"

#include "base/endian.h"
#include "base/record_batch.h"
#include "broker/topic_settings.h"

namespace strandlog::broker {
namespace {

struct Batch {
  ByteView bytes;
  uint32_t records;
};

// A frame is one or more whole batches, back to back.
Result<void> split(ByteView frame, size_t max_bytes, std::vector<Batch>& out) {
  if (frame.empty()) return Error{Code::kCorruptBatch, "an empty frame holds no batch"};
  while (!frame.empty()) {
    if (frame.size() < kBatchHeaderBytes) {
      return Error{Code::kCorruptBatch,
                   std::to_string(frame.size()) + " bytes are no batch: its header alone has 61"};
    }
    // Base offset and length, 8 and 4 bytes, come first and are not counted in the length.
    size_t whole = size_t{load_be<uint32_t>(frame.data() + 8)} + 12;
    if (whole > max_bytes) {
      return Error{Code::kTooLarge,
                   "a batch of " + std::to_string(whole) +
                       " bytes is over max.message.bytes = " + std::to_string(max_bytes)};
    }
    if (whole > frame.size()) {
      return Error{Code::kCorruptBatch, "a batch announces " + std::to_string(whole) + " bytes, " +
                                            std::to_string(frame.size()) + " are there"};
    }
    ASSIGN(BatchHeader valid, validate_batch(frame.first(whole), max_bytes));
    out.push_back({frame.first(whole), static_cast<uint32_t>(valid.record_count)});
    frame = frame.subspan(whole);
  }
  return {};
}

}  // namespace

Result<EntryHeader> Produce::append_item(Replica& replica, const std::vector<Bytes>& frames,
                                         size_t first, size_t count, Index& last) {
  std::vector<Batch> batches;
  uint64_t bytes = 0;
  const CatalogTopic* topic = context_.catalog.topic(replica.spec.topic);
  uint32_t most_bytes = context_.config.max_message_bytes;
  if (topic) most_bytes = max_message_bytes_of(topic->settings).value_or(most_bytes);
  for (size_t i = first; i < first + count; ++i) {
    TRY(split(frames[i], most_bytes, batches));
    bytes += frames[i].size();
  }
  if (batches.empty()) return Error{Code::kCorruptBatch, "the item holds no batch"};
  bytes += batches.size() * kEntryHeaderBytes;
  TRY(context_.store.room_for(bytes));
  TRY(context_.replicas.room_for_more(replica));
  std::optional<EntryHeader> head;
  for (const Batch& batch : batches) {
    auto header = context_.replicas.propose(replica, EntryKind::kData, batch.records, batch.bytes,
                                            context_.wall_ms);
    if (!header.ok() && !head) return header.error();
    if (!header.ok()) {  // damage was found just now; the batches before may have left already
      return Error{Code::kStale,
                   "the replica went out of service while these records were "
                   "appended: they may or may not be kept"};
    }
    if (!head) head = *header;
    last = header->index;
    context_.metrics.counters["produce_records_total"] += batch.records;
  }
  context_.metrics.counters["produce_batches_total"] += batches.size();
  context_.metrics.counters["produce_bytes_total"] += bytes;
  return *head;
}

// Nobody sends again what nobody answers: such a producer is not fenced.
Sender Produce::sender_of(const wire::ProduceRequest& request,
                          const wire::ProduceRequest::Item& item, const std::vector<Bytes>& frames,
                          size_t first) {
  if (request.acks == 0 || item.frames == 0) return {};
  return {producer_of(frames[first]), item.attempt};
}

// Finds the leader's replica and appends the item, or says why not; a refusal closes the fence,
// unless it is a single batch's own fault: its producer goes on without it.
std::variant<Produce::Accepted, wire::WireError> Produce::accept(
    const wire::ProduceRequest::Item& item, const Sender& sender, const std::vector<Bytes>& frames,
    size_t first) {
  if (!fence_.admits(item.where, sender, context_.now)) {
    std::string text = "attempt " + std::to_string(sender.attempt) +
                       " of this producer is over: it begins anew from its first open batch";
    return wire::WireError{Code::kBusy, std::move(text), {}, {}};
  }
  auto located = context_.leading(item.where);
  if (!located.replica) {
    fence_.close(item.where, sender, context_.now);
    return located.error;
  }
  Accepted accepted{located.replica, {}, {}, sender};
  auto header = append_item(*located.replica, frames, first, item.frames, accepted.last);
  if (!header.ok()) {
    bool own_fault = !is_retriable(header.error().code) && item.frames == 1;
    if (!own_fault) fence_.close(item.where, sender, context_.now);
    return wire::WireError{header.error().code, header.error().text, {}, {}};
  }
  accepted.head = *header;
  return accepted;
}

void Produce::handle(const ReplyTo& to, const wire::ProduceRequest& request, Time deadline,
                     const std::vector<Bytes>& frames) {
  ++context_.metrics.counters["produce_requests_total"];
  auto pending = std::make_shared<Pending>();
  pending->to = to;
  pending->arrived = context_.now;
  pending->deadline = deadline;
  pending->open = request.items.size();
  pending->answered = request.acks == 0;  // nobody waits for it
  size_t frame = 0;
  for (const auto& item : request.items) {
    size_t index = pending->answer.items.size();
    pending->answer.items.push_back({item.where, std::nullopt, {}, 0});
    pending->decided.push_back(false);
    size_t first = frame;
    if (item.frames > frames.size() - first) {
      std::string text = "the request names more blob frames than came with it";
      decide(*pending, index, wire::WireError{Code::kInvalidArgument, std::move(text), {}, {}});
      continue;
    }
    frame += item.frames;
    auto outcome = accept(item, sender_of(request, item, frames, first), frames, first);
    if (auto* error = std::get_if<wire::WireError>(&outcome)) {
      decide(*pending, index, std::move(*error));
      continue;
    }
    const Accepted& accepted = std::get<Accepted>(outcome);
    pending->answer.items[index].base_offset = accepted.head.base_offset;
    pending->answer.items[index].append_time_ms = accepted.head.append_time_ms;
    if (request.acks == 0) continue;
    Waiters& waiters = waiters_[accepted.replica->spec.uid];
    waiters.term = accepted.replica->group->term();
    if (request.acks == 1)
      waiters.uncommitted.push_back({accepted.last, item.where, accepted.sender});
    auto& queue = request.acks == 1 ? waiters.durable : waiters.committed;
    queue.push_back({accepted.last, pending, index, accepted.sender, item.where});
  }
  if (pending->answered) return;
  if (pending->open == 0) {
    decide(*pending, 0, std::nullopt);  // a request without items
  } else {
    by_deadline_.emplace(pending->deadline, pending);
  }
}

void Produce::refuse(const ReplyTo& to, const wire::ProduceRequest& request,
                     const std::vector<Bytes>& frames, wire::WireError error) {
  size_t frame = 0;
  for (const auto& item : request.items) {
    if (item.frames == 0 || frame + item.frames > frames.size()) break;
    fence_.close(item.where, sender_of(request, item, frames, frame), context_.now);
    frame += item.frames;
  }
  if (request.acks != 0) context_.fail(to, std::move(error));
}

void Produce::decide(Pending& pending, size_t item, std::optional<wire::WireError> error) {
  if (pending.answered) return;
  if (item < pending.answer.items.size()) {
    pending.answer.items[item].error = std::move(error);
    pending.decided[item] = true;
  }
  if (pending.open > 0) --pending.open;
  if (pending.open > 0) return;
  pending.answered = true;
  context_.metrics.histograms["produce_us"].add(
      static_cast<uint64_t>(context_.now.us - pending.arrived.us));
  context_.answer(pending.to, std::move(pending.answer));
}

void Produce::release(std::deque<Waiter>& waiters, Index up_to) {
  while (!waiters.empty() && waiters.front().index <= up_to) {
    Waiter waiter = std::move(waiters.front());
    waiters.pop_front();
    decide(*waiter.pending, waiter.item, std::nullopt);
  }
}

void Produce::advanced(const Replica& replica) {
  auto found = waiters_.find(replica.spec.uid);
  if (found == waiters_.end()) return;
  // A message of a later term may truncate, append and commit in one step: what is committed at
  // these indexes then is somebody else's.
  if (!replica.leads() || replica.group->term() != found->second.term) {
    lost_leadership(replica.spec.uid);
    return;
  }
  auto& uncommitted = found->second.uncommitted;
  while (!uncommitted.empty() && uncommitted.front().index <= replica.commit)
    uncommitted.pop_front();
  release(found->second.committed, replica.commit);
  if (replica.group) release(found->second.durable, replica.group->durable());
}

void Produce::fail_all(std::deque<Waiter>& waiters, const wire::WireError& error) {
  for (Waiter& waiter : std::exchange(waiters, {})) {
    fence_.close(waiter.where, waiter.sender, context_.now);
    decide(*waiter.pending, waiter.item, error);
  }
}

void Produce::lost_leadership(Uid uid) {
  auto found = waiters_.find(uid);
  if (found == waiters_.end()) return;
  wire::WireError error{Code::kStale,
                        "leadership moved after the append: the records may or may not be kept",
                        {},
                        {}};
  fail_all(found->second.committed, error);
  fail_all(found->second.durable, error);
  for (const Uncommitted& one : found->second.uncommitted)
    fence_.close(one.where, one.sender, context_.now);
  waiters_.erase(found);
}

void Produce::expire() {
  while (!by_deadline_.empty()) {
    auto first = by_deadline_.begin();
    auto pending = first->second.lock();
    if (pending && !pending->answered && first->first > context_.now) return;
    by_deadline_.erase(first);
    if (!pending || pending->answered) continue;
    for (size_t i = 0; i < pending->decided.size(); ++i) {
      if (pending->decided[i]) continue;
      std::string text = "no majority confirmed it in time; it may still be kept";
      decide(*pending, i, wire::WireError{Code::kTimeout, std::move(text), {}, {}});
    }
  }
}

Time Produce::next_deadline() const {
  return by_deadline_.empty() ? Time{INT64_MAX} : by_deadline_.begin()->first;
}

}  // namespace strandlog::broker
