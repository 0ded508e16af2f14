// Builds the samples: every field of the full ones differs from its default.
#include "tests/wire/samples.h"

#include <limits>

namespace strandlog::wire {
namespace {

constexpr uint64_t kBig = std::numeric_limits<uint64_t>::max();

template <class Uuid>
Uuid uuid(uint8_t seed) {
  Uuid id;
  for (size_t i = 0; i < 16; ++i) id.bytes[i] = static_cast<uint8_t>(seed + i);
  return id;
}

TopicPartition where(uint32_t partition) { return {uuid<TopicId>(0x40), partition}; }

BrokerAddress address(uint64_t n) {
  return {{n},
          uuid<StoreId>(static_cast<uint8_t>(n)),
          "host-" + std::to_string(n) + ":7400",
          "10.0.0.1:7500"};
}

FoundingDocument document() {
  FoundingDocument d;
  d.cluster = uuid<ClusterId>(1);
  d.catalog_group = uuid<GroupId>(2);
  d.founders = {{address(1), {11}}, {address(2), {12}}, {address(3), {13}}};
  d.group_partitions = 16;
  d.created_ms = -5;
  return d;
}

WireError not_leader() { return {Code::kNotLeader, "broker 3 leads", {3}, "host-3:7400"}; }

std::map<std::string, std::string> settings() {
  return {{"", "empty key"}, {"retention.ms", ""}, {"nul", std::string("a\0b", 3)}};
}

std::vector<CatalogReplica> replicas(uint64_t first) {
  return {{{first}, {1}, uuid<StoreId>(5)}, {{first + 1}, {2}, uuid<StoreId>(6)}};
}

Request request(RequestBody body) {
  return {kBig, 1234, uuid<ClusterId>(9), "client \xff", 77, kBig - 1, std::move(body)};
}

Answer answer(AnswerBody body) {
  return {42, uuid<ClusterId>(9), 250, std::nullopt, std::move(body)};
}

RaftMessage raft(RaftMessage::Kind kind) {
  RaftMessage m;
  m.kind = kind;
  m.group = uuid<GroupId>(0x77);
  m.from = {1}, m.to = {2}, m.term = {3};
  m.pre = m.transfer = m.granted = m.accepted = m.quiet = true;
  m.last = {4}, m.last_term = {5}, m.prev = {6}, m.prev_term = {7};
  m.commit = {8}, m.match = {9}, m.hint = {10}, m.hint_term = {11};
  m.read_round = 12, m.frames = 13;
  return m;
}

MetadataAnswer metadata() {
  MetadataAnswer m;
  m.cluster = uuid<ClusterId>(9);
  m.catalog_leader = {2}, m.catalog_index = 3;
  m.brokers = {{address(1), true}, {address(2), false}};
  MetadataAnswer::Partition partition;
  partition.partition = 7;
  partition.group = uuid<GroupId>(8);
  partition.created = true;
  partition.leader = {1}, partition.term = {2};
  partition.replicas = {{{1}, {21}, false}, {{2}, {22}, true}};
  m.topics = {{"orders", uuid<TopicId>(3), std::nullopt, settings(), {partition, {}}},
              {"missing", {}, not_leader(), {}, {}}};
  return m;
}

DescribePartitionsAnswer described() {
  DescribePartitionsAnswer::Item item;
  item.where = where(1);
  item.term = {5};
  item.replicas = {{{1}, {2}, ReplicaCondition::kInSync, {3}},
                   {{2}, {3}, ReplicaCondition::kFaulty, {4}},
                   {{3}, {4}, ReplicaCondition::kOffline, {5}}};
  item.start = {1}, item.high_watermark = {2}, item.end = {3}, item.bytes = 4;
  return {{item, {where(2), not_leader(), {}, {}, {}, {}, {}, 0}}};
}

StatusAnswer status() {
  StatusAnswer s;
  s.broker = {1};
  s.store = uuid<StoreId>(2);
  s.cluster = uuid<ClusterId>(3);
  s.founding = FoundingState::kFounded;
  s.version = "0.1.0";
  s.state = "ready";
  s.boot_epoch = {4};
  s.counters = {{"a", 1}, {"b", kBig}};
  s.histograms = {{"flush_us", {1, 2, 3, 4, 5, 6}}};
  return s;
}

}  // namespace

std::vector<Request> sample_requests() {
  CreateTopicRequest create{"orders", 12, 3, settings()};
  std::vector<RequestBody> bodies = {
      MetadataRequest{},
      MetadataRequest{{"", "orders"}, true, true},
      ProduceRequest{},
      ProduceRequest{1, {{where(0), 1, 0}, {where(1), 1000, 7}}},
      FetchRequest{},
      FetchRequest{1, 2, 3, {{where(0), {kBig}, 5}, {where(9), {0}, 0}}},
      ListOffsetsRequest{},
      ListOffsetsRequest{{where(1), where(2)}},
      CreateTopicRequest{},
      create,
      DeleteTopicRequest{},
      DeleteTopicRequest{"orders"},
      DescribePartitionsRequest{},
      DescribePartitionsRequest{{where(3)}},
      StatusRequest{},
      FoundRequest{},
      FoundRequest{FoundRequest::Step::kCommit, document()},
      FoundRequest{FoundRequest::Step::kPrepare, FoundingDocument{}}};
  std::vector<Request> out = {Request{}};
  for (RequestBody& body : bodies) out.push_back(request(std::move(body)));
  return out;
}

std::vector<Answer> sample_answers() {
  std::vector<AnswerBody> bodies = {
      std::monostate{},
      MetadataAnswer{},
      metadata(),
      ProduceAnswer{},
      ProduceAnswer{{{where(0), std::nullopt, {5}, -6}, {where(1), not_leader(), {}, 0}}},
      FetchAnswer{},
      FetchAnswer{
          {{where(0), std::nullopt, {5}, {6}, {7}, 8}, {where(1), not_leader(), {}, {}, {}, 0}}},
      ListOffsetsAnswer{},
      ListOffsetsAnswer{{{where(0), std::nullopt, {5}, {6}}, {where(1), WireError{}, {}, {}}}},
      CreateTopicAnswer{},
      CreateTopicAnswer{uuid<TopicId>(1), 2, 3},
      DeleteTopicAnswer{},
      DeleteTopicAnswer{7},
      DescribePartitionsAnswer{},
      described(),
      StatusAnswer{},
      status(),
      FoundAnswer{},
      FoundAnswer{FoundingState::kPrepared, address(1), document()}};
  std::vector<Answer> out = {Answer{}};
  for (AnswerBody& body : bodies) out.push_back(answer(std::move(body)));
  Answer failed = answer({});
  failed.error = not_leader();
  out.push_back(failed);
  return out;
}

std::vector<PeerMessage> sample_peer_messages() {
  PeerMessage full;
  full.cluster = uuid<ClusterId>(1);
  full.from = {2};
  full.store = uuid<StoreId>(3);
  full.boot_epoch = {4}, full.boot_id = {5}, full.durable_round = {6}, full.boot_round = {5};
  full.to_store = uuid<StoreId>(7);
  full.to_boot = {8};
  full.leaderships_lost = 9;
  full.founding = FoundingState::kPrepared;
  full.document = document();
  full.registration = RegisterReport{address(4), {10}};
  for (int kind = 0; kind <= 7; ++kind)
    full.raft.push_back(raft(static_cast<RaftMessage::Kind>(kind)));
  full.raft.emplace_back();
  full.leaders = {{uuid<GroupId>(1), {2}, {3}, {4}}, {}};
  full.replicas = {{{1}, uuid<StoreId>(2), 3, true}, {}};
  full.members = {{{uuid<TopicId>(1), 2}, 3, {4}, replicas(30)}, {}};
  full.catalog_fetch = CatalogFetch{{11}};
  full.catalog_entries = CatalogEntries{{12}, {13}, 14};
  full.faulty = std::vector<Uid>{{15}, {16}};
  PeerMessage empty_options;
  empty_options.document = FoundingDocument{};
  empty_options.registration = RegisterReport{};
  empty_options.catalog_fetch = CatalogFetch{};
  empty_options.catalog_entries = CatalogEntries{};
  empty_options.faulty = std::vector<Uid>{};
  return {PeerMessage{}, empty_options, full};
}

std::vector<catalog::Command> sample_commands() {
  catalog::CreateTopic create;
  create.topic = uuid<TopicId>(1);
  create.name = "orders";
  create.settings = settings();
  create.partitions = {{uuid<GroupId>(2), 3, replicas(30)}, {}};
  create.created_ms = 4;
  return {catalog::Found{},
          catalog::Found{document()},
          catalog::RegisterBroker{},
          catalog::RegisterBroker{address(1), {2}},
          catalog::CreateTopic{},
          create,
          catalog::ReplicaCreated{},
          catalog::ReplicaCreated{{1}, uuid<StoreId>(2), 3},
          catalog::DeleteTopic{},
          catalog::DeleteTopic{uuid<TopicId>(1)},
          catalog::ReplicaDestroyed{},
          catalog::ReplicaDestroyed{{1}, uuid<StoreId>(2)},
          catalog::RestartCreation{},
          catalog::RestartCreation{uuid<TopicId>(1), 2, 3, {uuid<GroupId>(4), 5, replicas(30)}},
          catalog::MoveReplica{},
          catalog::MoveReplica{{uuid<TopicId>(1), 2}, 3, {4}, replicas(30).front()},
          GroupMembers{},
          GroupMembers{{uuid<TopicId>(1), 2}, 3, {4}, replicas(30)}};
}

std::vector<catalog::Row> sample_catalog_rows() {
  catalog::PartitionRow partition;
  partition.topic = uuid<TopicId>(1);
  partition.number = 2;
  partition.group = uuid<GroupId>(3);
  partition.creation = 4;
  partition.replicas = replicas(30);
  partition.made = {{30}, {kBig}};
  partition.created = true;
  partition.configuration = {kBig};
  partition.comes = replicas(31).front();
  partition.goes = {32};
  return {catalog::TableHead{},
          catalog::TableHead{uuid<ClusterId>(1), uuid<GroupId>(2), 3, document(), {4}, 5},
          catalog::BrokerRow{},
          catalog::BrokerRow{address(1), {2}},
          catalog::TopicRow{},
          catalog::TopicRow{uuid<TopicId>(1), "orders", settings(), 7, -8},
          catalog::PartitionRow{},
          partition,
          catalog::TombstoneRow{},
          catalog::TombstoneRow{uuid<TopicId>(1), replicas(30).front()}};
}

std::vector<FoundingDocument> sample_documents() { return {FoundingDocument{}, document()}; }

std::vector<Configuration> sample_configurations() {
  return {Configuration{}, {replicas(1), replicas(5), replicas(9)}};
}

std::vector<std::vector<RememberedStore>> sample_remembered_stores() {
  return {{}, {{uuid<StoreId>(1), {2}, {3}, {4}}, {}}};
}

}  // namespace strandlog::wire
