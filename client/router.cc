// Router: merging metadata and hints; the newer term wins.
#include "client/router.h"

#include <algorithm>

#include "client/error.h"

namespace strandlog::client {
namespace {
PartitionRoute newer(const PartitionRoute& before, const PartitionRoute& told) {
  if (told.group != before.group || told.term > before.term) return told;
  PartitionRoute kept = before;
  if (told.term < before.term || told.leader == BrokerId{}) return kept;
  if (!before.hinted) return told;
  kept.hinted = false;
  return kept;
}

void merge(const wire::MetadataAnswer::Topic& topic, std::optional<TopicRoute>& known) {
  TopicRoute route{topic.id, topic.name, {}};
  for (const auto& partition : topic.partitions) {
    if (partition.partition != route.partitions.size()) return;  // not dense: not to be trusted
    PartitionRoute next{partition.group, partition.leader, partition.term, false};
    if (known && known->id == topic.id && partition.partition < known->partitions.size()) {
      const PartitionRoute& before = known->partitions[partition.partition];
      next = newer(before, next);
    }
    route.partitions.push_back(next);
  }
  known = std::move(route);
}
}  // namespace

// Whoever looks at it uses it.
const Router::Told* Router::find(const std::string& name) const {
  auto found = told_.find(name);
  if (found == told_.end()) return nullptr;
  found->second.used_at = now_;
  return &found->second;
}

Router::Told& Router::told(const std::string& name) {
  auto [found, added] = told_.try_emplace(name);
  if (added) found->second.catalog_index = forgotten_index_;
  found->second.used_at = now_;
  return found->second;
}

// The half that was used longest ago. What is wanted is kept: its backoff, or what a lookup waits
// for.
void Router::forget_unused() {
  if (told_.size() <= kMostUnused) return;
  std::vector<std::map<std::string, Told>::iterator> unused;
  for (auto it = told_.begin(); it != told_.end(); ++it) {
    bool idle = !it->second.route || it->second.used_at.plus_ms(kUnusedMs) < now_;
    if (idle && !wanted_.contains(it->first)) unused.push_back(it);
  }
  if (unused.size() <= kMostUnused) return;
  auto kept = unused.begin() + kMostUnused / 2;
  std::nth_element(unused.begin(), kept, unused.end(), [](const auto& a, const auto& b) {
    return a->second.used_at > b->second.used_at;
  });
  for (auto it = kept; it != unused.end(); ++it) {
    forgotten_index_ = std::max(forgotten_index_, (*it)->second.catalog_index);
    told_.erase(*it);
  }
}

const TopicRoute* Router::topic(const std::string& name) const {
  const Told* told = find(name);
  return told != nullptr && told->route ? &*told->route : nullptr;
}

bool Router::is_missing(const std::string& name) const {
  const Told* told = find(name);
  return told != nullptr && told->missing;
}

std::optional<Error> Router::why_gone(const TopicPartition& where) {
  const Told* told = find(where.topic);
  if (told == nullptr) return std::nullopt;
  if (told->missing) return no_topic(where.topic);
  if (!told->route) return std::nullopt;
  size_t partitions = told->route->partitions.size();
  if (static_cast<size_t>(where.partition) < partitions) return std::nullopt;
  // It may have been made anew with more of them since.
  if (now_ <= told->told_at.plus_ms(kFreshMs)) {
    return no_partition(where.topic, partitions, where.partition);
  }
  wanted_.try_emplace(where.topic);
  return std::nullopt;
}

std::string Router::leader_of(const std::string& name, uint32_t partition) const {
  const TopicRoute* route = topic(name);
  if (route == nullptr || partition >= route->partitions.size()) return {};
  auto address = addresses_.find(route->partitions[partition].leader);
  return address == addresses_.end() ? std::string() : address->second;
}

void Router::learn(const std::string& name, uint32_t partition, const wire::WireError& error) {
  auto told = told_.find(name);
  if (told == told_.end() || !told->second.route ||
      partition >= told->second.route->partitions.size()) {
    want(name);
    return;
  }
  bool useful = error.leader != BrokerId{} && !error.leader_address.empty();
  PartitionRoute& route = told->second.route->partitions[partition];
  route.leader = useful ? error.leader : BrokerId{};
  route.hinted = useful;
  if (useful) {
    addresses_[error.leader] = error.leader_address;
    any_.learn(error.leader_address);
  } else {
    want(name);
  }
}

// The topic was made or deleted since, and the broker does not know it yet.
bool Router::is_outdated(const wire::MetadataAnswer::Topic& topic, uint64_t catalog_index) const {
  const Told* told = find(topic.name);
  if (catalog_index >= (told ? told->catalog_index : forgotten_index_)) return false;
  return topic.id != (told && told->route ? told->route->id : TopicId{});
}

// Whether nothing is left open that another broker may know.
bool Router::tells_all(const wire::MetadataAnswer& answer) const {
  return std::all_of(answer.topics.begin(), answer.topics.end(), [&](const auto& topic) {
    return !topic.error && !is_outdated(topic, answer.catalog_index) &&
           std::all_of(topic.partitions.begin(), topic.partitions.end(),
                       [](const auto& partition) { return partition.leader != BrokerId{}; });
  });
}

// A newer term of any partition. What was asked for is asked again only when what was known did not
// help: a broker that repeats it may be cut off from the others.
bool Router::brings_news(const wire::MetadataAnswer& answer) const {
  return std::any_of(answer.topics.begin(), answer.topics.end(), [&](const auto& topic) {
    const TopicRoute* known = this->topic(topic.name);
    if (topic.error || !known || known->id != topic.id) return true;
    auto is_newer = [&](const auto& partition) {
      return partition.partition >= known->partitions.size() ||
             partition.term > known->partitions[partition.partition].term;
    };
    return std::any_of(topic.partitions.begin(), topic.partitions.end(), is_newer);
  });
}

void Router::absorb(const wire::MetadataAnswer& answer, Time asked_at) {
  if (!answer.cluster.is_nil()) requests_.set_cluster(answer.cluster);
  for (const auto& broker : answer.brokers) {
    addresses_[broker.address.broker] = broker.address.client_address;
    any_.learn(broker.address.client_address);
  }
  for (const auto& topic : answer.topics) absorb_topic(topic, answer.catalog_index, asked_at);
  forget_unused();
}

void Router::absorb_topic(const wire::MetadataAnswer::Topic& topic, uint64_t catalog_index,
                          Time asked_at) {
  bool missing = topic.error && topic.error->code == strandlog::Code::kNotFound;
  if ((topic.error && !missing) || is_outdated(topic, catalog_index)) return want_later(topic.name);
  Told& told = this->told(topic.name);
  told.backoff.reset();
  told.missing = missing;
  told.catalog_index = std::max(told.catalog_index, catalog_index);
  told.asked_at = asked_at;
  told.told_at = now_;
  if (missing) {
    told.route.reset();
  } else {
    merge(topic, told.route);
  }
}

uint64_t Router::lookup(Time now, const std::string& name, size_t partitions, Time deadline,
                        LookupHandler handler) {
  uint64_t id = next_lookup_++;
  const TopicRoute* route = topic(name);
  if (route != nullptr && route->partitions.size() >= partitions) {
    handler(*route);
    return id;
  }
  if (auto told = told_.find(name); told != told_.end()) told->second.missing = false;
  want(name);
  lookups_[id] = {name, partitions, now, deadline, std::move(handler)};
  return id;
}

// After what was no help. Whoever wants the topic, too, has a pace of its own and need not wait.
void Router::want_later(const std::string& name) {
  if (wanted_.contains(name)) return;
  wanted_[name] = now_.plus_ms(told(name).backoff.next_ms());
}

void Router::refresh(Time now) {
  if (asking_ || now < not_before_) return;
  wire::MetadataRequest request;
  // In turns: those that stay unknown must not keep the others waiting.
  const std::string from = last_asked_;
  auto ask = [&](auto wanted, auto end) {
    while (wanted != end && request.topics.size() < wire::kMaxTopicsAsked) {
      if (wanted->second > now) {
        ++wanted;
        continue;
      }
      request.topics.push_back(last_asked_ = wanted->first);
      wanted = wanted_.erase(wanted);
    }
  };
  ask(wanted_.upper_bound(from), wanted_.end());
  ask(wanted_.begin(), wanted_.upper_bound(from));
  if (request.topics.empty()) return;
  asking_ = true;
  any_.ask(now, std::move(request), now.plus_ms(any_.limits().connect_timeout_ms),
           [this, now](AnyReply reply) { on_metadata(now, std::move(reply)); });
}

void Router::on_metadata(Time started, AnyReply reply) {
  asking_ = false;
  not_before_ = now_.plus_ms(kSpacingMs);
  if (reply.failure) {
    last_error_ = std::move(reply.failure);
    failed_start_ = started;
    for (const auto& [id, lookup] : lookups_) want_later(lookup.topic);
    return;
  }
  last_error_.reset();
  if (const auto* metadata = std::get_if<wire::MetadataAnswer>(&reply.answer.body)) {
    bool helps = tells_all(*metadata) && brings_news(*metadata);
    absorb(*metadata, started);
    if (!helps) turn_from(*metadata);
  }
}

// To whom it names for what it does not know, else to the next.
void Router::turn_from(const wire::MetadataAnswer& answer) {
  any_.turn_to_another();
  for (const auto& topic : answer.topics) {
    if (topic.error && !topic.error->leader_address.empty()) {
      any_.turn_to(topic.error->leader_address);
    }
  }
}

std::optional<Result<TopicRoute>> Router::outcome(Time now, const Lookup& lookup) const {
  const TopicRoute* route = topic(lookup.topic);
  if (route != nullptr && (route->partitions.size() >= lookup.partitions ||
                           told_.at(lookup.topic).asked_at >= lookup.started)) {
    return Result<TopicRoute>(*route);
  }
  if (is_missing(lookup.topic)) {
    return Result<TopicRoute>(no_topic(lookup.topic));
  }
  // Nobody at all answered during a whole inquiry that began after this lookup did.
  bool unreachable =
      last_error_ && last_error_->code == Code::kUnreachable && failed_start_ >= lookup.started;
  if (!unreachable && now < lookup.deadline) return std::nullopt;
  return Result<TopicRoute>(last_error_.value_or(public_error(
      strandlog::Code::kTimeout,
      "no metadata of topic \"" + lookup.topic + "\" in time; asked " + any_.addresses())));
}

void Router::settle_lookups(Time now) {
  std::vector<std::pair<LookupHandler, Result<TopicRoute>>> done;
  for (auto it = lookups_.begin(); it != lookups_.end();) {
    std::optional<Result<TopicRoute>> result = outcome(now, it->second);
    if (!result) {
      ++it;
      continue;
    }
    done.emplace_back(std::move(it->second.handler), std::move(*result));
    it = lookups_.erase(it);
  }
  for (auto& [handler, result] : done) handler(std::move(result));
}

void Router::turn(Time now) {
  now_ = now;
  settle_lookups(now);
  refresh(now);
}

Time Router::next_deadline() const {
  Time next = kNoDeadline;
  if (!asking_) {
    for (const auto& [name, at] : wanted_) next = std::min(next, std::max(at, not_before_));
  }
  for (const auto& [id, lookup] : lookups_) next = std::min(next, lookup.deadline);
  return next;
}

}  // namespace strandlog::client
