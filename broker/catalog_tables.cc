// Rows and keys of the catalog, read and written; see catalog_tables.h.
#include "broker/catalog_tables.h"

#include <utility>

#include "base/endian.h"
#include "base/log.h"
#include "wire/codec.h"

namespace strandlog::broker {
namespace {

constexpr std::string_view kMachine = "catalog";
constexpr size_t kPageBytes = 1u << 20;
constexpr uint64_t kFlushEvery = 1000;  // entries a crash makes a start apply again, about

/// Raised when the same command has another effect than before: a copy made by the older build is
/// then replayed. A new kind of command counts by itself, since an older build skipped it.
constexpr uint32_t kMeaning = 3;
constexpr uint32_t kThisMachine =
    kMeaning << 16 | static_cast<uint32_t>(std::variant_size_v<wire::catalog::Command>);

// ---------------------------------------------------------------------------------------- keys

std::string big_endian(uint64_t value, size_t bytes) {
  std::string out;
  for (size_t i = bytes; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

std::string text_of(const TopicId& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

std::string broker_key(BrokerId id) { return "b" + big_endian(id.value, 8); }
std::string topic_key(const TopicId& id) { return "t" + text_of(id); }
std::string partition_key(const wire::TopicPartition& where) {
  return "p" + text_of(where.topic) + big_endian(where.partition, 4);
}
std::string tombstone_key(const TopicId& topic, Uid uid) {
  return "d" + text_of(topic) + big_endian(uid.value, 8);
}

struct KeyOf {
  using Row = std::string;
  Row operator()(const wire::catalog::TableHead&) const { return "h"; }
  Row operator()(const wire::catalog::BrokerRow& row) const {
    return broker_key(row.address.broker);
  }
  Row operator()(const wire::catalog::TopicRow& row) const { return topic_key(row.topic); }
  Row operator()(const wire::catalog::PartitionRow& row) const {
    return partition_key({row.topic, row.number});
  }
  Row operator()(const wire::catalog::TombstoneRow& row) const {
    return tombstone_key(row.topic, row.replica.uid);
  }
};

// ------------------------------------------------------------------------------------- reading

wire::catalog::PartitionRow row_of(const wire::TopicPartition& where,
                                   const CatalogPartition& partition) {
  wire::catalog::PartitionRow row{where.topic,
                                  where.partition,
                                  partition.group,
                                  partition.creation,
                                  partition.replicas,
                                  {partition.made.begin(), partition.made.end()},
                                  partition.created,
                                  partition.configuration,
                                  {},
                                  {}};
  if (partition.move) row.comes = partition.move->to, row.goes = partition.move->from;
  return row;
}

/// Puts rows together, whatever their order.
class Reader {
 public:
  void operator()(wire::catalog::TableHead row) { head = std::move(row); }
  void operator()(wire::catalog::BrokerRow row) {
    BrokerId id = row.address.broker;
    state_.brokers[id] = {std::move(row.address), row.boot_epoch};
  }
  void operator()(wire::catalog::TopicRow row) {
    sizes_[row.topic] = row.partitions;
    state_.topics[row.topic] = {
        row.topic, std::move(row.name), std::move(row.settings), {}, row.created_ms};
  }
  void operator()(wire::catalog::PartitionRow row) {
    CatalogPartition partition{row.group,
                               row.creation,
                               std::move(row.replicas),
                               std::set<Uid>(row.made.begin(), row.made.end()),
                               row.created,
                               row.configuration,
                               {}};
    if (row.comes) partition.move = {*row.comes, row.goes};
    wire::TopicPartition where{row.topic, row.number};
    (where == kCatalogPartition ? state_.own : partitions_[where]) = std::move(partition);
  }
  void operator()(const wire::catalog::TombstoneRow& row) {
    state_.tombstones[row.topic].waiting.insert(row.replica);
  }

  std::optional<wire::catalog::TableHead> head;
  Result<Catalog> finish(Index applied) {
    for (auto& [where, partition] : partitions_) {
      auto topic = state_.topics.find(where.topic);
      // In order of their numbers: each must be the next one of its topic.
      if (topic == state_.topics.end() || where.partition != topic->second.partitions.size()) {
        return Error{Code::kCorruption,
                     "partition " + std::to_string(where.partition) + " lacks its neighbours"};
      }
      topic->second.partitions.push_back(std::move(partition));
    }
    for (const auto& [id, topic] : state_.topics) {
      if (topic.partitions.size() == sizes_[id]) continue;
      return Error{Code::kCorruption, "topic \"" + topic.name + "\" has " +
                                          std::to_string(topic.partitions.size()) + " of " +
                                          std::to_string(sizes_[id]) + " partitions"};
    }
    if (head->founding && !state_.own.created) {
      return Error{Code::kCorruption, "the catalog's own group is missing"};
    }
    state_.applied = applied;
    state_.founding = std::move(head->founding);
    state_.next_uid = head->next_uid;
    state_.next_creation = head->next_creation;
    return Catalog::from(std::move(state_));
  }

 private:
  CatalogState state_;
  std::map<TopicId, uint32_t> sizes_;
  std::map<wire::TopicPartition, CatalogPartition> partitions_;
};

Result<void> check_head(const std::optional<wire::catalog::TableHead>& head,
                        const wire::FoundingDocument& document) {
  if (!head) return Error{Code::kCorruption, "the head is missing"};
  if (head->cluster != document.cluster || head->group != document.catalog_group) {
    return Error{Code::kWrongIdentity, "they are of cluster " + head->cluster.text() +
                                           ", this one is " + document.cluster.text()};
  }
  if (head->machine != kThisMachine) {
    return Error{Code::kUnsupported, "they were made by machine " + std::to_string(head->machine) +
                                         ", this build has " + std::to_string(kThisMachine)};
  }
  return {};
}

}  // namespace

std::string catalog_key(const wire::catalog::Row& row) { return std::visit(KeyOf(), row); }

Result<Catalog> CatalogTables::read(std::optional<Index> durable) const {
  ASSIGN(Index applied, state_.applied(kMachine));
  if (applied == Index{}) return Catalog();
  if (durable && applied > *durable) {
    return Error{Code::kStale, "they are at entry " + std::to_string(applied.value) +
                                   ", the log ends at " + std::to_string(durable->value)};
  }
  Reader reader;
  std::string after;
  for (bool more = true; more;) {
    ASSIGN(store::StatePage page, state_.scan(kMachine, {}, after, kPageBytes));
    for (const store::StateRow& kept : page.rows) {
      ASSIGN(wire::catalog::Row row, wire::decode_catalog_row(kept.value));
      if (catalog_key(row) != kept.key) {
        return Error{Code::kCorruption, "a row lies under another's key"};
      }
      std::visit([&](auto& one) { reader(std::move(one)); }, row);
      after = kept.key;
    }
    more = page.more;
  }
  TRY(check_head(reader.head, document_));
  return reader.finish(applied);
}

Catalog CatalogTables::load(const wire::FoundingDocument& document, std::optional<Index> durable) {
  document_ = document;
  auto catalog = read(durable);
  if (catalog.ok()) {
    saved_ = flushed_ = catalog->applied();
    return std::move(catalog).value();
  }
  LOG(kWarn, "the catalog's tables are dropped and made again from its log",
      kv("why", catalog.error().text));
  if (auto dropped = state_.drop(kMachine); !dropped.ok()) keep_nothing(dropped.error());
  return {};
}

store::StateBatch CatalogTables::changes_of(const Catalog& catalog) const {
  store::StateBatch batch;
  auto put = [&](const wire::catalog::Row& row) { batch.put(catalog_key(row), wire::encode(row)); };
  put(wire::catalog::TableHead{document_.cluster, document_.catalog_group, kThisMachine,
                               catalog.founding(), catalog.next_uid(), catalog.next_creation()});
  const CatalogChanges& changes = catalog.changes();
  for (BrokerId id : changes.brokers) {
    const CatalogBroker& broker = catalog.brokers().at(id);  // none ever goes
    put(wire::catalog::BrokerRow{broker.address, broker.boot_epoch});
  }
  for (const TopicId& id : changes.topics) {
    if (const CatalogTopic* topic = catalog.topic(id)) {
      put(wire::catalog::TopicRow{id, topic->name, topic->settings,
                                  static_cast<uint32_t>(topic->partitions.size()),
                                  topic->created_ms});
    } else {
      batch.erase(topic_key(id));
    }
  }
  for (const wire::TopicPartition& where : changes.partitions) {
    if (const CatalogPartition* partition = catalog.partition(where)) {
      put(row_of(where, *partition));
    } else {
      batch.erase(partition_key(where));
    }
  }
  for (const auto& [topic, replica] : changes.tombstones) {
    auto tombstone = catalog.tombstones().find(topic);
    if (tombstone != catalog.tombstones().end() && tombstone->second.waiting.contains(replica)) {
      put(wire::catalog::TombstoneRow{topic, replica});
    } else {
      batch.erase(tombstone_key(topic, replica.uid));
    }
  }
  return batch;
}

void CatalogTables::save(Catalog& catalog) {
  if (!keeping_) return catalog.forget_changes();
  if (catalog.applied() == saved_) return;
  auto kept = state_.apply(kMachine, catalog.applied(), changes_of(catalog));
  behind_ = !kept.ok();
  if (!kept.ok()) {
    bool later = kept.error().code == Code::kBusy || kept.error().code == Code::kDiskFull;
    if (!later) keep_nothing(kept.error());
    return;
  }
  catalog.forget_changes();
  saved_ = catalog.applied();
  if (catalog.applied() < flushed_.plus(kFlushEvery)) return;
  flushed_ = catalog.applied();
  state_.start_flush();
}

void CatalogTables::keep_nothing(const Error& error) {
  keeping_ = behind_ = false;
  LOG(kError, "the catalog's tables are not kept: the next start replays its log",
      kv("why", error.text));
}

}  // namespace strandlog::broker
