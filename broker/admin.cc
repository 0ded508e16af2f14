// Answers made from the catalog, the leaders heard of and the local replicas; see admin.h.
#include "broker/admin.h"

#include <algorithm>
#include <memory>
#include <set>

#include "base/version.h"

namespace strandlog::broker {
namespace {

// As long as the longest topic names can be, all of them.
constexpr size_t kMaxNameBytes = wire::kMaxTopicsAsked * kMaxTopicName;

Result<void> check_bounds(const wire::MetadataRequest& request) {
  if (request.topics.size() > wire::kMaxTopicsAsked) {
    return Error{Code::kTooLarge, "a metadata request names at most " +
                                      std::to_string(wire::kMaxTopicsAsked) + " topics, this one " +
                                      std::to_string(request.topics.size())};
  }
  size_t bytes = 0;
  for (const std::string& name : request.topics) bytes += name.size();
  if (bytes > kMaxNameBytes) {
    return Error{Code::kTooLarge, "the names in a metadata request have at most " +
                                      std::to_string(kMaxNameBytes) + " bytes, these " +
                                      std::to_string(bytes)};
  }
  return {};
}

}  // namespace

// Only the catalog's leader, and only with a majority's word, says that a topic does not exist.
void Admin::handle(const ReplyTo& to, const wire::MetadataRequest& request, uint32_t deadline_ms) {
  if (auto bounded = check_bounds(request); !bounded.ok()) {
    return context_.fail(to, bounded.error().code, bounded.error().text);
  }
  if (knows_all(request)) return answer(to, request, std::nullopt);
  if (keeper_.begun() && keeper_.leads() && (!request.all || is_registered())) {
    auto asked = std::make_shared<const wire::MetadataRequest>(request);
    ConfirmedReads::Otherwise otherwise;  // whoever takes what it gets, gets what is known here
    if (!request.complete) {
      otherwise = [this, to, asked](const auto& why) { answer(to, *asked, why); };
    }
    keeper_.when_current(
        to, deadline_ms, [this, to, asked] { answer(to, *asked, std::nullopt); },
        std::move(otherwise));
  } else if (request.complete) {
    context_.fail(to, why_unknown());
  } else {
    answer(to, request, why_unknown());
  }
}

bool Admin::is_registered() const { return keeper_.begun() && !keeper_.registration(); }

// All topics: those that were there when this broker started, which its registration comes after.
bool Admin::knows_all(const wire::MetadataRequest& request) const {
  if (request.all && !is_registered()) return false;
  return std::all_of(request.topics.begin(), request.topics.end(),
                     [&](const auto& name) { return context_.catalog.topic_named(name); });
}

wire::WireError Admin::why_unknown() const {
  if (is_registered()) {
    return context_.not_leader(keeper_.group(), "the catalog");
  }
  return {Code::kStale,
          "the catalog does not have this start of broker " +
              std::to_string(context_.self.address.broker.value) +
              " yet: there may be topics that it does not know of",
          {},
          {}};
}

void Admin::answer(const ReplyTo& to, const wire::MetadataRequest& request,
                   const std::optional<wire::WireError>& why_unknown) {
  wire::MetadataAnswer answer;
  answer.cluster = context_.cluster;
  answer.catalog_index = context_.catalog.applied().value;
  if (keeper_.begun()) {
    if (const auto* leader = context_.leader_of(keeper_.group())) {
      answer.catalog_leader = leader->broker;
    }
  }
  for (const auto& [id, broker] : context_.catalog.brokers()) {
    bool alive = id == context_.self.address.broker || context_.replicas.alive(id);
    answer.brokers.push_back({broker.address, alive});
  }
  std::set<std::string> names(request.topics.begin(), request.topics.end());
  if (request.all) {
    for (const auto& [id, topic] : context_.catalog.topics()) names.insert(topic.name);
  }
  for (const std::string& name : names) {
    if (const CatalogTopic* topic = context_.catalog.topic_named(name)) {
      answer.topics.push_back(describe(*topic));
      continue;
    }
    wire::MetadataAnswer::Topic missing;
    missing.name = name;
    missing.error = why_unknown.value_or(
        wire::WireError{Code::kNotFound, "topic \"" + name + "\" does not exist", {}, {}});
    answer.topics.push_back(std::move(missing));
  }
  context_.answer(to, std::move(answer));
}

wire::MetadataAnswer::Topic Admin::describe(const CatalogTopic& topic) const {
  wire::MetadataAnswer::Topic out;
  out.name = topic.name;
  out.id = topic.id;
  out.settings = topic.settings;
  for (uint32_t number = 0; number < topic.partitions.size(); ++number) {
    const CatalogPartition& partition = topic.partitions[number];
    wire::MetadataAnswer::Partition described;
    described.partition = number;
    described.group = partition.group;
    described.created = partition.created;
    if (const auto* leader = context_.leader_of(partition.group)) {
      described.leader = leader->broker;
      described.term = leader->term;
    }
    for (const auto& replica : partition.replicas) {
      described.replicas.push_back(
          {replica.broker, replica.uid, context_.catalog.is_lost(replica)});
    }
    out.partitions.push_back(std::move(described));
  }
  return out;
}

void Admin::handle(const ReplyTo& to, const wire::DescribePartitionsRequest& request) {
  wire::DescribePartitionsAnswer answer;
  for (const auto& where : request.items) {
    wire::DescribePartitionsAnswer::Item item;
    item.where = where;
    auto located = context_.leading(where);
    if (!located.replica) {
      item.error = located.error;
    } else {
      const store::ReplicaState& state = context_.store.replicas().at(located.replica->spec.uid);
      item.term = located.replica->group->term();
      item.start = context_.replicas.log_start(*located.replica);
      item.high_watermark = located.replica->high_watermark;
      item.end = state.next_offset;
      item.bytes = state.bytes;
      item.replicas = conditions(*located.replica, *context_.catalog.partition(where));
    }
    answer.items.push_back(std::move(item));
  }
  context_.answer(to, std::move(answer));
}

std::vector<wire::DescribePartitionsAnswer::Replica> Admin::conditions(
    const Replica& replica, const CatalogPartition& partition) const {
  using Condition = wire::ReplicaCondition;
  std::vector<wire::DescribePartitionsAnswer::Replica> out;
  raft::Status status = replica.group->status();
  for (const auto& member : partition.replicas) {
    wire::DescribePartitionsAnswer::Replica described{
        member.broker, member.uid, Condition::kOffline, {}};
    if (member.uid == replica.spec.uid) {
      described.condition = Condition::kInSync;
      described.match = status.durable;
    }
    for (const auto& peer : status.peers) {
      if (peer.member.uid != member.uid) continue;
      described.match = peer.match;
      if (context_.catalog.is_lost(member)) {
        described.condition = Condition::kLost;
      } else if (context_.is_faulty(member)) {
        described.condition = Condition::kFaulty;
      } else if (context_.replicas.alive(member.broker)) {
        described.condition = peer.match >= status.commit ? Condition::kInSync : Condition::kBehind;
      }
    }
    out.push_back(described);
  }
  return out;
}

std::string Admin::state() const {
  using wire::FoundingState;
  if (context_.founding == FoundingState::kBlank) {
    return "blank: waiting to join, or: strandlog cluster found -s " +
           context_.self.address.client_address + ",…";
  }
  if (context_.founding == FoundingState::kPrepared) {
    return "prepared: founding was interrupted; run the same `strandlog cluster found` again";
  }
  if (!keeper_.begun() || !context_.leader_of(keeper_.group())) {
    return "starting: no catalog leader is known yet";
  }
  if (keeper_.registration()) return "starting: not registered in the catalog yet";
  return "ready";
}

void Admin::handle(const ReplyTo& to, const wire::StatusRequest&) {
  wire::StatusAnswer answer;
  answer.broker = context_.self.address.broker;
  answer.store = context_.self.address.store;
  answer.cluster = context_.cluster;
  answer.founding = context_.founding;
  answer.version = kVersion;
  answer.state = state();
  answer.boot_epoch = context_.self.boot_epoch;
  answer.counters = context_.metrics.counters;
  auto figures = context_.store.figures();
  answer.counters["journal_rounds_total"] = figures.rounds;
  answer.counters["journal_round_bytes_total"] = figures.round_bytes;
  answer.counters["journal_bytes"] = figures.journal_bytes;
  answer.counters["unsegmented_bytes"] = figures.unsegmented_bytes;
  answer.counters["segment_bytes_written_total"] = figures.segment_bytes_written;
  answer.counters["checkpoints_total"] = figures.checkpoints;
  answer.counters["tail_cache_bytes"] = figures.tail_cache_bytes;
  answer.counters["disk_reads_total"] = figures.disk_reads;
  answer.counters["disk_free_bytes"] = figures.free_bytes;
  answer.counters["disk_full"] = figures.disk_full;
  answer.counters["appends_refused_total"] = context_.replicas.appends_refused();
  uint64_t leaders = 0;
  uint64_t faulty = 0;
  for (const auto& [uid, replica] : context_.replicas.all()) {
    leaders += replica.leads() ? 1 : 0;
    faulty += replica.group ? 0 : 1;
  }
  answer.counters["replicas"] = context_.replicas.all().size();
  answer.counters["replicas_leading"] = leaders;
  answer.counters["replicas_faulty"] = faulty;
  answer.counters["replica_moves"] = context_.catalog.moving().size();
  answer.counters["uncommitted_bytes"] = context_.replicas.uncommitted_bytes();
  for (const auto& [name, h] : context_.metrics.histograms) {
    answer.histograms[name] = {h.count(),        h.sum(),           h.quantile(0.5),
                               h.quantile(0.99), h.quantile(0.999), h.max()};
  }
  context_.answer(to, std::move(answer));
}

}  // namespace strandlog::broker
