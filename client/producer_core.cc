// ProducerCore: taking, packing and sending batches. What answers do: producer_answers.cc.
#include "client/producer_core.h"

#include <algorithm>

#include "client/error.h"

namespace strandlog::client {
namespace {

// Frames of one request; far below what a message may have, and enough for a full request.
constexpr size_t kMaxFrames = 512;
static_assert(kMaxFrames <= wire::kMaxBlobFrames);

Codec codec_of(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return Codec::kNone;
    case Compression::kLz4:
      return Codec::kLz4;
    case Compression::kZstd:
      return Codec::kZstd;
  }
  return Codec::kNone;
}

}  // namespace

ProducerCore::ProducerCore(RequestTable& requests, Router& router, BatchSource& source,
                           const ProducerConfig& config, int64_t producer_id, ProducerPace pace)
    : requests_(requests),
      router_(router),
      source_(source),
      config_(config),
      producer_id_(producer_id),
      pace_(pace) {}

ProducerCore::~ProducerCore() {
  for (const auto& [key, id] : request_ids_) requests_.cancel(id);
}

void ProducerCore::turn(Time now) {
  if (closed_) return;
  now_ = now;
  for (auto it = active_.begin(); it != active_.end();) {
    Queue& queue = queues_[*it++];  // expire() may take it out of the set
    expire(now, queue);
    restart(now, queue);
  }
  collect(now);
  for (auto& [address, slots] : sendable(now)) send_all(now, address, std::move(slots));
  if (!settled_.empty()) source_.settle(std::exchange(settled_, {}));
}

// ------------------------------------------------------------------------------------- taking

// An open batch leaves when nothing of this producer is under way to its leader (linger 0) or
// when it has waited for linger; what is stopped or queued already keeps gathering.
bool ProducerCore::may_take_open(Time now, const GatheredBatch& gathered) {
  if (config_.linger.count() > 0) {
    Time due = gathered.opened.plus_ms(config_.linger.count());
    if (now >= due) return true;
    next_linger_ = std::min(next_linger_, due);
    return false;
  }
  auto queue = queues_.find(gathered.slot);
  if (queue != queues_.end() && !queue->second.batches.empty()) return false;
  std::string leader =
      router_.leader_of(gathered.where.topic, static_cast<uint32_t>(gathered.where.partition));
  auto busy = in_flight_.find(leader);
  return busy == in_flight_.end() || busy->second == 0;
}

void ProducerCore::collect(Time now) {
  next_linger_ = kNoDeadline;
  std::vector<GatheredBatch> gathered;
  source_.collect([&](const GatheredBatch& open) { return may_take_open(now, open); }, gathered);
  for (GatheredBatch& batch : gathered) enqueue(std::move(batch));
}

void ProducerCore::collect_everything() {
  std::vector<GatheredBatch> gathered;
  source_.collect([](const GatheredBatch&) { return true; }, gathered);
  for (GatheredBatch& batch : gathered) enqueue(std::move(batch));
}

void ProducerCore::enqueue(GatheredBatch gathered) {
  Queue& queue = queues_[gathered.slot];
  if (queue.where.topic.empty()) {
    queue.slot = gathered.slot;
    queue.where = gathered.where;
  }
  Batch batch;
  batch.id = gathered.id;
  batch.records = static_cast<uint32_t>(gathered.builder.record_count());
  batch.memory_bytes = gathered.memory_bytes;
  batch.callbacks = std::move(gathered.callbacks);
  batch.expires = gathered.opened.plus_ms(config_.delivery_timeout.count());
  ProducerStamp stamp{producer_id_, 0, queue.next_sequence};
  queue.next_sequence = static_cast<int32_t>(
      (static_cast<uint32_t>(queue.next_sequence) + batch.records) & 0x7fffffff);
  auto packed = gathered.builder.build(codec_of(config_.compression), stamp);
  // What does not compress may grow past the limit that the plain batch keeps.
  if (packed.ok() && packed->size() > gathered.builder.estimated_bytes()) {
    packed = gathered.builder.build(Codec::kNone, stamp);
  }
  if (packed.ok()) {
    batch.packed = Bytes::take(std::move(*packed));
  } else {
    batch.state = State::kRefused;
    batch.error = public_error(packed.error());
  }
  gathered.builder.clear();
  settled_.builders.push_back(std::move(gathered.builder));
  queue.batches.push_back(std::move(batch));
  active_.insert(gathered.slot);
  if (queue.batches.back().state == State::kRefused) advance(queue);
}

// ------------------------------------------------------------------------------------ sending

bool ProducerCore::has_unsent(const Queue& queue) const {
  return std::any_of(queue.batches.begin(), queue.batches.end(),
                     [](const Batch& batch) { return batch.state == State::kUnsent; });
}

// A stopped partition goes on when nothing of it is under way any more.
void ProducerCore::restart(Time now, Queue& queue) {
  if (!queue.stopped || queue.requests > 0 || now < queue.retry_at) return;
  queue.stopped = false;
  ++queue.attempt;
  for (Batch& batch : queue.batches) {
    if (batch.state == State::kSent) batch.state = State::kUnsent;
  }
}

std::string ProducerCore::usable_leader(Time now, Queue& queue) {
  std::string address =
      router_.leader_of(queue.where.topic, static_cast<uint32_t>(queue.where.partition));
  if (!address.empty()) requests_.want(now, address);
  if (!address.empty() && requests_.is_up(address)) {
    queue.refresh_backoff.reset();
    queue.refresh_at = {};
    return address;
  }
  // A link that is only just connecting is worth a moment; no leader at all is not.
  if (queue.refresh_at == Time{}) {
    if (address.empty()) router_.want(queue.where.topic);
    queue.refresh_at = now.plus_ms(queue.refresh_backoff.next_ms());
  } else if (now >= queue.refresh_at) {
    router_.want(queue.where.topic);
    queue.refresh_at = now.plus_ms(queue.refresh_backoff.next_ms());
  }
  return {};
}

std::map<std::string, std::vector<Slot>> ProducerCore::sendable(Time now) {
  std::map<std::string, std::vector<Slot>> by_leader;
  std::vector<Slot> order(active_.lower_bound(rotation_), active_.end());
  order.insert(order.end(), active_.begin(), active_.lower_bound(rotation_));
  for (Slot slot : order) {
    Queue& queue = queues_[slot];
    if (auto gone = router_.why_gone(queue.where)) {
      fail_gone(queue, std::move(*gone));
      continue;
    }
    if (queue.stopped || queue.requests >= pace_.requests_per_partition || !has_unsent(queue)) {
      continue;
    }
    std::string address = usable_leader(now, queue);
    if (address.empty()) continue;
    // Batches still under way to another leader: their order there is not ours to rely on.
    if (queue.requests > 0 && queue.leader != address) continue;
    by_leader[address].push_back(slot);
  }
  return by_leader;
}

void ProducerCore::send_all(Time now, const std::string& address, std::vector<Slot> slots) {
  while (in_flight_[address] < pace_.requests_per_leader && !slots.empty()) {
    Outgoing outgoing;
    outgoing.address = address;
    wire::ProduceRequest request;
    request.acks = static_cast<uint8_t>(config_.acks);
    Sent sent{address, {}};
    size_t bytes = 0;
    std::vector<Slot> left;
    for (Slot slot : slots) {
      SentItem item{slot, {}};
      if (pack(slot, outgoing, request, item, bytes)) sent.items.push_back(std::move(item));
      const Queue& queue = queues_[slot];
      if (has_unsent(queue) && queue.requests < pace_.requests_per_partition) left.push_back(slot);
    }
    if (sent.items.empty()) return;
    rotation_ = sent.items.back().slot + 1;
    slots = std::move(left);
    if (!submit(now, std::move(outgoing), std::move(request), std::move(sent))) return;
  }
}

// Adds the partition's next batches to the request, as far as there is room.
bool ProducerCore::pack(Slot slot, Outgoing& outgoing, wire::ProduceRequest& request,
                        SentItem& item, size_t& bytes) {
  Queue& queue = queues_[slot];
  const TopicRoute* route = router_.topic(queue.where.topic);
  if (route == nullptr) return false;
  for (Batch& batch : queue.batches) {
    if (batch.state != State::kUnsent) continue;
    bool fits = bytes == 0 || bytes + batch.packed.size() <= config_.max_request_size;
    if (!fits || outgoing.blobs.size() >= kMaxFrames) break;
    bool alone = batch.id < queue.alone_until;
    if (alone && (!item.batches.empty() || queue.requests > 0)) break;
    batch.state = State::kSent;
    bytes += batch.packed.size();
    outgoing.blobs.push_back(batch.packed);
    item.batches.push_back({batch.id, batch.records});
    if (alone) break;
  }
  if (item.batches.empty()) return false;
  wire::TopicPartition where{route->id, static_cast<uint32_t>(queue.where.partition)};
  request.items.push_back({where, static_cast<uint32_t>(item.batches.size()), queue.attempt});
  ++queue.requests;
  queue.leader = outgoing.address;
  return true;
}

void ProducerCore::count_sending(const Sent& sent) {
  ++settled_.requests;
  for (const SentItem& item : sent.items) {
    Queue& queue = queues_[item.slot];
    for (const SentBatch& one : item.batches) {
      Batch* batch = find(queue, one.id);
      ++settled_.sent_batches;
      if (batch->maybe_written) settled_.possible_duplicates += batch->records;
    }
  }
}

bool ProducerCore::submit(Time now, Outgoing outgoing, wire::ProduceRequest request, Sent sent) {
  count_sending(sent);
  outgoing.body = std::move(request);
  outgoing.deadline = now.plus_ms(config_.request_timeout.count());
  if (config_.acks == Acks::kNone) {
    bool accepted = requests_.send_only(now, std::move(outgoing));
    for (const SentItem& item : sent.items) {
      Queue& queue = queues_[item.slot];
      --queue.requests;
      if (accepted) {
        written(queue, item, -1);
      } else {
        failed(
            queue, item,
            public_error(strandlog::Code::kBusy, "the send queue to " + sent.address + " is full"),
            false, false);
      }
      advance(queue);
    }
    return accepted;
  }
  outgoing.drop_link_on_timeout = true;
  ++in_flight_[sent.address];
  uint64_t key = next_key_++;
  sent_[key] = std::move(sent);
  uint64_t id = requests_.send(now, std::move(outgoing),
                               [this, key](Reply reply) { on_reply(key, std::move(reply)); });
  request_ids_[key] = id;
  if (!requests_.has_failed(id)) return true;
  // It never left. Nothing may go before it: its partitions stop here, not when the reply is told.
  for (const SentItem& item : sent_[key].items) stop(now, queues_[item.slot]);
  return false;
}

// Until what is under way is answered; then the partition begins anew.
void ProducerCore::stop(Time now, Queue& queue) {
  if (queue.stopped) return;
  queue.stopped = true;
  queue.retry_at = now.plus_ms(queue.backoff.next_ms());
}

Time ProducerCore::next_deadline() const {
  if (closed_) return kNoDeadline;
  if (!settled_.empty()) return Time{0};
  Time next = next_linger_;
  for (Slot slot : active_) {
    const Queue& queue = queues_.at(slot);
    next = std::min(next, queue.batches.front().expires);
    if (queue.stopped && queue.requests == 0) next = std::min(next, queue.retry_at);
    if (!queue.stopped && queue.refresh_at != Time{} && has_unsent(queue)) {
      next = std::min(next, queue.refresh_at);
    }
  }
  return next;
}

}  // namespace strandlog::client
