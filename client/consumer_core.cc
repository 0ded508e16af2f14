// ConsumerCore: what to fetch from whom, and what the answers say.
#include "client/consumer_core.h"

#include <algorithm>

#include "client/error.h"

namespace strandlog::client {
namespace {
constexpr size_t kMaxItems = 1024;
}  // namespace

ConsumerCore::ConsumerCore(RequestTable& requests, Router& router, FetchSink& sink,
                           const ConsumerConfig& config, int64_t request_timeout_ms)
    : requests_(requests),
      router_(router),
      sink_(sink),
      config_(config),
      request_timeout_ms_(request_timeout_ms) {}

ConsumerCore::~ConsumerCore() {
  for (const auto& [address, fetch] : fetches_) requests_.cancel(fetch.request);
}

void ConsumerCore::assign(const std::map<TopicPartition, StartAt>& positions) {
  for (const auto& [address, fetch] : fetches_) requests_.cancel(fetch.request);
  fetches_.clear();
  partitions_.clear();
  for (const auto& [where, start] : positions) {
    Partition& partition = partitions_[where];
    partition.next = start.offset;
    partition.generation = start.generation;
  }
}

void ConsumerCore::seek(const TopicPartition& where, StartAt position) {
  auto found = partitions_.find(where);
  if (found == partitions_.end()) return;
  interrupt(where);
  found->second = Partition{};
  found->second.next = position.offset;
  found->second.generation = position.generation;
}

// A long poll that asks for the old position would hold up the new one.
void ConsumerCore::interrupt(const TopicPartition& where) {
  std::erase_if(fetches_, [&](const auto& entry) {
    const auto& asked = entry.second.asked;
    bool named = std::any_of(asked.begin(), asked.end(),
                             [&](const Asked& one) { return one.where == where; });
    if (named) requests_.cancel(entry.second.request);
    return named;
  });
}

void ConsumerCore::release(const TopicPartition& where, uint64_t generation, uint64_t bytes) {
  auto found = partitions_.find(where);
  if (found == partitions_.end() || found->second.generation != generation) return;
  found->second.buffered -= std::min(found->second.buffered, bytes);
}

std::map<std::string, std::vector<TopicPartition>> ConsumerCore::by_leader(Time now) {
  std::map<std::string, std::vector<TopicPartition>> leaders;
  for (auto& [where, partition] : partitions_) {
    if (partition.paused || now < partition.retry_at) continue;
    std::string address = router_.leader_of(where.topic, static_cast<uint32_t>(where.partition));
    if (!address.empty()) requests_.want(now, address);
    if (!address.empty() && requests_.is_up(address)) {
      partition.refresh_backoff.reset();
      partition.refresh_at = {};
      leaders[address].push_back(where);
      continue;
    }
    if (auto gone = router_.why_gone(where)) {
      Asked asked{where, {}, {}, partition.generation, partition.next};
      stop(asked, partition, std::move(*gone));
      continue;
    }
    bool first = partition.refresh_at == Time{};
    if (!first && now < partition.refresh_at) continue;
    if (!first || address.empty()) router_.want(where.topic);
    partition.refresh_at = now.plus_ms(partition.refresh_backoff.next_ms());
  }
  return leaders;
}

void ConsumerCore::turn(Time now) {
  now_ = now;
  auto leaders = by_leader(now);
  for (auto& [address, partitions] : leaders) {
    auto waiting = fetches_.find(address);
    if (waiting != fetches_.end()) {
      // A long poll must not hold up a partition that came (back) to this leader meanwhile.
      if (partitions.size() <= waiting->second.asked.size()) continue;
      if (waiting->second.asked.size() >= kMaxItems) continue;
      requests_.cancel(waiting->second.request);
      fetches_.erase(waiting);
    }
    // What is buffered and what may come stay within two answers' worth over all leaders.
    uint64_t share = config_.fetch_max_bytes / leaders.size();
    uint64_t buffered = 0;
    for (const TopicPartition& where : partitions) buffered += partitions_[where].buffered;
    if (buffered > share) continue;
    fetch(now, address, partitions, std::max<uint64_t>(share, 1));
  }
}

void ConsumerCore::fetch(Time now, const std::string& address,
                         const std::vector<TopicPartition>& partitions, uint64_t share) {
  wire::FetchRequest request;
  request.max_wait_ms = static_cast<uint32_t>(config_.fetch_max_wait.count());
  request.min_bytes = config_.fetch_min_bytes;
  request.max_bytes = static_cast<uint32_t>(share);
  Fetch& fetch = fetches_[address];
  auto begin = std::upper_bound(partitions.begin(), partitions.end(), rotation_);
  std::vector<TopicPartition> order(begin, partitions.end());
  order.insert(order.end(), partitions.begin(), begin);
  if (order.size() > kMaxItems) order.resize(kMaxItems);
  for (const TopicPartition& where : order) {
    const Partition& partition = partitions_[where];
    const TopicRoute* route = router_.topic(where.topic);
    wire::TopicPartition wire_where{route->id, static_cast<uint32_t>(where.partition)};
    GroupId group = route->partitions[wire_where.partition].group;
    request.items.push_back({wire_where, Offset{static_cast<uint64_t>(partition.next)},
                             config_.max_partition_fetch_bytes});
    fetch.asked.push_back({where, wire_where, group, partition.generation, partition.next});
  }
  rotation_ = order.size() < partitions.size() ? order.back() : order.front();
  Outgoing outgoing;
  outgoing.address = address;
  outgoing.body = std::move(request);
  outgoing.deadline = now.plus_ms(config_.fetch_max_wait.count() + request_timeout_ms_);
  fetch.request = requests_.send(now, std::move(outgoing), [this, address](Reply reply) {
    on_reply(address, std::move(reply));
  });
}

// The partition as it was when asked for; nullptr when it has been sought, unassigned, or given up
// with its trouble since, or another leader's answer has taken it further.
ConsumerCore::Partition* ConsumerCore::current(const Asked& asked) {
  auto found = partitions_.find(asked.where);
  if (found == partitions_.end()) return nullptr;
  Partition& partition = found->second;
  bool same = partition.generation == asked.generation && partition.next == asked.from;
  return same && !partition.paused ? &partition : nullptr;
}

void ConsumerCore::on_reply(const std::string& address, Reply reply) {
  Fetch fetch = std::move(fetches_[address]);
  fetches_.erase(address);
  const auto* answer = std::get_if<wire::FetchAnswer>(&reply.answer.body);
  if (reply.failure || reply.answer.error || answer == nullptr) {
    wire::WireError error{strandlog::Code::kTimeout, "no answer", {}, {}};
    if (!reply.failure && reply.answer.error) error = *reply.answer.error;
    for (const Asked& asked : fetch.asked) on_error(asked, error, address);
    return;
  }
  size_t frame = 0;
  for (const auto& item : answer->items) {
    if (item.frames > reply.blobs.size() - frame) return;
    auto begin = reply.blobs.begin() + static_cast<ptrdiff_t>(frame);
    std::vector<Bytes> frames(begin, begin + item.frames);
    frame += item.frames;
    auto asked = std::find_if(fetch.asked.begin(), fetch.asked.end(),
                              [&](const Asked& one) { return one.wire_where == item.where; });
    if (asked != fetch.asked.end()) on_item(*asked, item, std::move(frames), address);
  }
}

void ConsumerCore::on_item(const Asked& asked, const wire::FetchAnswer::Item& item,
                           std::vector<Bytes> frames, const std::string& address) {
  Partition* partition = current(asked);
  if (partition == nullptr) return;
  auto start = static_cast<int64_t>(item.log_start.value);
  if (item.error && item.error->code == strandlog::Code::kExpired && start > asked.from) {
    partition->backoff.reset();
    partition->next = start;
    sink_.deliver({asked.where,
                   asked.generation,
                   asked.group,
                   {},
                   0,
                   Missing{start, public_error(*item.error, address)}});
    return;
  }
  if (item.error) return on_error(asked, *item.error, address);
  uint64_t bytes = 0;
  for (const Bytes& frame : frames) bytes += frame.size();
  if (bytes == 0) return partition->backoff.reset();
  int64_t next = offset_after(frames, asked.group, asked.from);
  if (next == asked.from) {
    // Damaged on the way, or entries of another group: worth another attempt, and a word.
    sink_.trouble({asked.where, asked.generation, asked.from,
                   public_error(strandlog::Code::kCorruption,
                                address + " sent " + std::to_string(bytes) +
                                    " bytes that are no entries of this partition; trying again")});
    return retry(*partition, asked.where.topic, false);
  }
  partition->backoff.reset();
  partition->next = next;
  partition->buffered += bytes;
  sink_.deliver({asked.where, asked.generation, asked.group, std::move(frames), bytes});
}

void ConsumerCore::on_error(const Asked& asked, const wire::WireError& error,
                            const std::string& address) {
  Partition* partition = current(asked);
  if (partition == nullptr) return;
  auto number = static_cast<uint32_t>(asked.where.partition);
  if (error.code == strandlog::Code::kNotLeader) {
    router_.learn(asked.where.topic, number, error);
    std::string next = router_.leader_of(asked.where.topic, number);
    retry(*partition, asked.where.topic, !next.empty() && next != address);
    return;
  }
  // A broker that lags behind the catalog says not-found too; metadata decides. A faulty replica
  // gives its leadership away.
  bool passes = is_retriable(error.code) || error.code == strandlog::Code::kNotFound ||
                error.code == strandlog::Code::kFaulty;
  if (passes) {
    retry(*partition, asked.where.topic, false);
  } else {
    stop(asked, *partition, public_error(error, address));
  }
}

void ConsumerCore::retry(Partition& partition, const std::string& topic, bool at_once) {
  int64_t wait_ms = partition.backoff.next_ms();
  if (at_once && wait_ms == kFirstBackoffMs) wait_ms = 0;
  if (!at_once) router_.want(topic);
  partition.retry_at = now_.plus_ms(wait_ms);
}

void ConsumerCore::stop(const Asked& asked, Partition& partition, Error error) {
  partition.paused = true;
  sink_.trouble({asked.where, asked.generation, asked.from, std::move(error)});
}

Time ConsumerCore::next_deadline() const {
  Time next = kNoDeadline;
  for (const auto& [where, partition] : partitions_) {
    if (partition.paused) continue;
    if (partition.retry_at > now_) next = std::min(next, partition.retry_at);
    if (partition.refresh_at > now_) next = std::min(next, partition.refresh_at);
  }
  return next;
}

}  // namespace strandlog::client
