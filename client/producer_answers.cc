// ProducerCore: what an answer, its absence and time do to a partition's queue.
#include <algorithm>

#include "client/error.h"
#include "client/producer_core.h"

namespace strandlog::client {

ProducerCore::Batch* ProducerCore::find(Queue& queue, uint64_t id) {
  auto found =
      std::lower_bound(queue.batches.begin(), queue.batches.end(), id,
                       [](const Batch& batch, uint64_t wanted) { return batch.id < wanted; });
  return found != queue.batches.end() && found->id == id ? &*found : nullptr;
}

void ProducerCore::on_reply(uint64_t key, Reply reply) {
  Sent sent = std::move(sent_[key]);
  sent_.erase(key);
  request_ids_.erase(key);
  --in_flight_[sent.address];
  const auto* answer = std::get_if<wire::ProduceAnswer>(&reply.answer.body);
  Error whole = public_error(strandlog::Code::kInternal,
                             sent.address + ": the answer does not fit the request");
  bool clearly_not = false;
  if (reply.failure) {
    whole = std::move(*reply.failure);
    clearly_not = whole.written == Written::kNo;
  } else if (reply.answer.error) {
    whole = public_error(*reply.answer.error, sent.address);
    clearly_not = certainly_not_written(reply.answer.error->code);
  }
  bool usable = !reply.failure && !reply.answer.error;
  for (const SentItem& item : sent.items) {
    on_item(item, usable ? answer : nullptr, whole, clearly_not);
  }
}

void ProducerCore::on_item(const SentItem& item, const wire::ProduceAnswer* answer,
                           const Error& whole, bool clearly_not) {
  Queue& queue = queues_[item.slot];
  --queue.requests;
  const TopicRoute* route = router_.topic(queue.where.topic);
  const wire::ProduceAnswer::Item* mine = nullptr;
  if (answer != nullptr) {
    for (const auto& one : answer->items) {
      bool same_partition = one.where.partition == static_cast<uint32_t>(queue.where.partition);
      if (same_partition && (route == nullptr || one.where.topic == route->id)) mine = &one;
    }
  }
  if (mine == nullptr) {
    failed(queue, item, whole, !clearly_not, false);
  } else if (!mine->error) {
    written(queue, item, static_cast<int64_t>(mine->base_offset.value));
  } else {
    on_item_error(queue, item, *mine->error);
  }
  advance(queue);
}

void ProducerCore::on_item_error(Queue& queue, const SentItem& item, const wire::WireError& error) {
  bool maybe = !certainly_not_written(error.code);
  Error shown = public_error(error, queue.leader);
  bool hinted = false;
  if (error.code == strandlog::Code::kNotLeader) {
    router_.learn(queue.where.topic, static_cast<uint32_t>(queue.where.partition), error);
    std::string next =
        router_.leader_of(queue.where.topic, static_cast<uint32_t>(queue.where.partition));
    hinted = !next.empty() && next != queue.leader;
  }
  // Not found: a broker may lag behind the catalog; metadata decides whether the topic is gone.
  bool final =
      maybe ? false : !is_retriable(error.code) && error.code != strandlog::Code::kNotFound;
  if (final) {
    refused(queue, item, std::move(shown));
  } else {
    failed(queue, item, std::move(shown), maybe, hinted);
  }
}

void ProducerCore::written(Queue& queue, const SentItem& item, int64_t base_offset) {
  for (const SentBatch& one : item.batches) {
    Batch* batch = find(queue, one.id);
    if (batch != nullptr) {  // else it was given up meanwhile
      batch->state = State::kDone;
      batch->offset = base_offset;
      batch->packed = {};
    }
    if (base_offset >= 0) base_offset += one.records;
  }
  queue.backoff.reset();
}

// An item is refused as a whole. With several batches in it the guilty one is found by sending
// each alone.
void ProducerCore::refused(Queue& queue, const SentItem& item, Error error) {
  if (item.batches.size() > 1) {
    queue.alone_until = std::max(queue.alone_until, item.batches.back().id + 1);
    failed(queue, item, std::move(error), false, true);
    return;
  }
  Batch* batch = find(queue, item.batches.front().id);
  if (batch == nullptr) return;
  batch->state = State::kRefused;
  error.written = batch->maybe_written ? Written::kMaybe : Written::kNo;
  batch->error = std::move(error);
}

void ProducerCore::failed(Queue& queue, const SentItem& item, Error error, bool maybe,
                          bool at_once) {
  for (const SentBatch& one : item.batches) {
    Batch* batch = find(queue, one.id);
    if (batch != nullptr) batch->maybe_written |= maybe;
  }
  queue.last_error = std::move(error);
  if (!at_once) router_.want(queue.where.topic);
  bool first = !queue.stopped;
  queue.stopped = true;
  if (!first) return;
  int64_t wait_ms = queue.backoff.next_ms();
  // The first hint is followed at once; brokers that name each other get a pause.
  if (at_once && wait_ms == kFirstBackoffMs) wait_ms = 0;
  queue.retry_at = now_.plus_ms(wait_ms);
}

void ProducerCore::fail_gone(Queue& queue, Error error) {
  if (queue.requests > 0) return;
  source_.forget_topic(queue.where.topic);
  for (Batch& batch : queue.batches) {
    if (batch.state == State::kDone) continue;
    batch.state = State::kRefused;
    error.written = batch.maybe_written ? Written::kMaybe : Written::kNo;
    batch.error = error;
  }
  advance(queue);
}

// Batches expire in their order, so only the first ones can be over.
void ProducerCore::expire(Time now, Queue& queue) {
  while (!queue.batches.empty() && queue.batches.front().expires <= now) {
    Batch& batch = queue.batches.front();
    bool maybe = batch.maybe_written || (batch.state == State::kSent && queue.requests > 0);
    std::string text = "not acknowledged within delivery.timeout.ms = " +
                       std::to_string(config_.delivery_timeout.count());
    if (!queue.last_error.text.empty()) text += "; last: " + queue.last_error.text;
    batch.state = State::kRefused;
    batch.error =
        public_error(strandlog::Code::kTimeout, text, maybe ? Written::kMaybe : Written::kNo);
    advance(queue);
  }
}

// Completions of a partition come in the order of its sends: from the front, while it is decided.
void ProducerCore::advance(Queue& queue) {
  while (!queue.batches.empty()) {
    Batch& front = queue.batches.front();
    bool decided = front.state == State::kDone || front.state == State::kRefused;
    if (!decided) break;
    Batch batch = std::move(front);
    queue.batches.pop_front();
    complete(queue, batch);
  }
  if (queue.batches.empty()) active_.erase(queue.slot);
}

void ProducerCore::complete(const Queue& queue, Batch& batch) {
  bool good = batch.state == State::kDone;
  (good ? settled_.acked : settled_.failed) += batch.records;
  settled_.batches.push_back(batch.id);
  settled_.memory_bytes += batch.memory_bytes;
  for (size_t i = 0; i < batch.callbacks.size(); ++i) {
    if (!batch.callbacks[i]) continue;
    if (good) {
      int64_t offset = batch.offset < 0 ? -1 : batch.offset + static_cast<int64_t>(i);
      batch.callbacks[i](Ack{queue.where.partition, offset});
    } else {
      batch.callbacks[i](batch.error);
    }
  }
}

void ProducerCore::abort() {
  if (closed_) return;
  collect_everything();
  for (const auto& [key, id] : request_ids_) requests_.cancel(id);
  request_ids_.clear();
  sent_.clear();
  for (auto& [slot, queue] : queues_) {
    for (Batch& batch : queue.batches) {
      if (batch.state == State::kDone || batch.state == State::kRefused) continue;
      batch.state = State::kRefused;
      std::string text = "the producer was closed before this was acknowledged";
      if (!queue.last_error.text.empty()) text += "; last: " + queue.last_error.text;
      batch.error = public_error(strandlog::Code::kClosed, text, Written::kMaybe);
    }
    advance(queue);
  }
  closed_ = true;
  source_.settle(std::exchange(settled_, {}));
}

}  // namespace strandlog::client
