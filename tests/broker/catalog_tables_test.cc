// CatalogTables: what was kept is the catalog again, at any point; what cannot be trusted is not.
#include "broker/catalog_tables.h"

#include <gmock/gmock.h>

#include <functional>
#include <random>

#include "store/memory_state_store.h"
#include "wire/codec.h"

namespace strandlog::broker {
namespace {

using ::testing::ElementsAre;
using wire::catalog::Command;

template <class Id>
Id uuid(uint64_t n) {
  Id id;
  id.bytes[0] = static_cast<uint8_t>(n);
  id.bytes[15] = 1;
  return id;
}

wire::FoundingDocument founding(uint64_t cluster = 9) {
  wire::FoundingDocument document;
  document.cluster = uuid<ClusterId>(cluster);
  document.catalog_group = uuid<GroupId>(8);
  for (uint64_t i = 1; i <= 3; ++i) {
    document.founders.push_back(
        {{BrokerId{i}, uuid<StoreId>(i), "127.0.0.1:" + std::to_string(7400 + i), "127.0.0.1:1"},
         Uid{i}});
  }
  return document;
}

/// A StateStore that refuses when told to, and counts.
class Stubborn : public store::StateStore {
 public:
  std::optional<Code> refuses;
  int flushes = 0;
  int applies = 0;
  store::MemoryStateStore inner;

  Result<Index> applied(std::string_view machine) const override { return inner.applied(machine); }
  Result<void> apply(std::string_view machine, Index applied,
                     const store::StateBatch& batch) override {
    ++applies;
    if (refuses) return Error{*refuses, "told to"};
    return inner.apply(machine, applied, batch);
  }
  Result<std::optional<Bytes>> get(std::string_view machine, std::string_view key) const override {
    return inner.get(machine, key);
  }
  Result<store::StatePage> scan(std::string_view machine, std::string_view prefix,
                                std::string_view after, size_t max_bytes) const override {
    return inner.scan(machine, prefix, after, std::min<size_t>(max_bytes, 300));  // many pages
  }
  Result<void> drop(std::string_view machine) override { return inner.drop(machine); }
  Result<void> flush() override { return inner.flush(); }
  void start_flush() override { ++flushes; }
};

void expect_same(const Catalog& a, const Catalog& b) {
  EXPECT_EQ(a.applied(), b.applied());
  EXPECT_EQ(a.founding(), b.founding());
  EXPECT_EQ(a.brokers(), b.brokers());
  EXPECT_EQ(a.topics(), b.topics());
  EXPECT_EQ(a.tombstones(), b.tombstones());
  EXPECT_EQ(a.next_uid(), b.next_uid());
  EXPECT_EQ(a.next_creation(), b.next_creation());
  for (const auto& [id, topic] : a.topics()) {
    ASSERT_NE(b.topic_named(topic.name), nullptr);
    EXPECT_EQ(b.topic_named(topic.name)->id, id);
  }
}

/// Commands that make sense often enough: they hit what is there, twice, too late, or nothing.
class Commands {
 public:
  explicit Commands(uint64_t seed) : random_(seed) {}

  Command next(const Catalog& catalog) {
    if (!catalog.founding()) return wire::catalog::Found{founding()};
    switch (below(11)) {
      case 0:
        return wire::catalog::Found{founding(below(20))};
      case 1:
        return wire::catalog::RegisterBroker{{BrokerId{1 + below(5)}, uuid<StoreId>(1 + below(8)),
                                              "h:" + std::to_string(below(9)), "p:1"},
                                             BootEpoch{below(6)}};
      case 2:
        return wire::catalog::DeleteTopic{some_topic(catalog)};
      case 3:
      case 4:
        return destroyed(catalog);
      case 5:
      case 6:
        return create(catalog);
      case 7:
        return restart(catalog);
      default:
        return created(catalog);
    }
  }
  uint64_t below(uint64_t bound) { return random_() % bound; }

 private:
  TopicId some_topic(const Catalog& catalog) {
    if (catalog.topics().empty() || below(5) == 0) return uuid<TopicId>(below(100));
    return std::next(catalog.topics().begin(), static_cast<long>(below(catalog.topics().size())))
        ->first;
  }
  Command create(const Catalog& catalog) {
    wire::catalog::CreateTopic command;
    command.topic = uuid<TopicId>(below(100));
    command.name = "topic-" + std::to_string(below(60));
    command.settings = {{"retention.ms", std::to_string(below(9))}};
    command.created_ms = static_cast<int64_t>(below(1000));
    Uid uid = below(6) == 0 ? Uid{1} : catalog.next_uid();
    for (uint64_t n = 1 + below(4); n > 0; --n) {
      wire::catalog::CreateTopic::Partition partition;
      partition.group = uuid<GroupId>(below(200));
      partition.creation = catalog.next_creation() + command.partitions.size();
      for (uint64_t broker = 1; broker <= 3; ++broker, uid = uid.plus(1)) {
        auto found = catalog.brokers().find(BrokerId{broker});
        partition.replicas.push_back({uid, found->first, found->second.address.store});
      }
      command.partitions.push_back(std::move(partition));
    }
    return command;
  }
  Command restart(const Catalog& catalog) {
    TopicId id = some_topic(catalog);
    const CatalogTopic* topic = catalog.topic(id);
    auto fresh = std::get<wire::catalog::CreateTopic>(create(catalog)).partitions.front();
    auto number = static_cast<uint32_t>(topic ? below(topic->partitions.size() + 1) : 0);
    const CatalogPartition* partition = catalog.partition({id, number});
    return wire::catalog::RestartCreation{id, number, partition ? partition->creation : 0, fresh};
  }
  Command created(const Catalog& catalog) {
    const CatalogTopic* topic = catalog.topic(some_topic(catalog));
    if (!topic) return wire::catalog::ReplicaCreated{Uid{below(50)}, uuid<StoreId>(1), below(50)};
    const CatalogPartition& partition = topic->partitions[below(topic->partitions.size())];
    const auto& replica = partition.replicas[below(3)];
    return wire::catalog::ReplicaCreated{replica.uid, replica.store, partition.creation};
  }
  Command destroyed(const Catalog& catalog) {
    if (catalog.tombstones().empty()) return wire::catalog::ReplicaDestroyed{};
    const auto& [topic, tombstone] = *catalog.tombstones().begin();
    const auto& replica = *tombstone.waiting.begin();
    return wire::catalog::ReplicaDestroyed{replica.uid, replica.store};
  }

  std::mt19937_64 random_;
};

class CatalogTablesTest : public testing::Test {
 protected:
  void apply(const Command& command) {
    catalog_.apply(catalog_.applied().plus(1), command);
    log_.push_back(command);
  }
  Catalog loaded(std::optional<Index> durable = {}, uint64_t cluster = 9) {
    return CatalogTables(state_).load(founding(cluster), durable);
  }
  /// A catalog with something of everything, kept.
  void fill() {
    CatalogTables tables(state_);
    tables.load(founding(), {});
    Commands commands(5);
    while (log_.size() < 200 || catalog_.topics().empty() || catalog_.tombstones().empty()) {
      apply(commands.next(catalog_));
    }
    tables.save(catalog_);
  }
  /// Puts `batch` in as if the catalog had made it.
  void tamper(const store::StateBatch& batch) {
    Index next = state_.applied("catalog").value().plus(1);
    ASSERT_TRUE(state_.apply("catalog", next, batch).ok());
  }
  void expect_dropped(const Catalog& catalog) {
    expect_same(catalog, Catalog());
    EXPECT_EQ(state_.applied("catalog").value(), Index{0});
    EXPECT_TRUE(state_.scan("catalog", "", "", 1).value().rows.empty());
  }

  Stubborn state_;
  Catalog catalog_;
  std::vector<Command> log_;
};

TEST_F(CatalogTablesTest, BeginsEmptyWhenNothingWasKept) { expect_same(loaded(), Catalog()); }

TEST_F(CatalogTablesTest, WhatWasKeptIsTheCatalogAgainAfterEveryCommand) {
  for (uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ASSERT_TRUE(state_.drop("catalog").ok());
    catalog_ = {};
    Commands commands(seed);
    CatalogTables tables(state_);
    tables.load(founding(), {});
    for (int i = 0; i < 600 && !HasFailure(); ++i) {
      apply(commands.next(catalog_));
      if (commands.below(3) == 0) continue;  // several commands in one save
      tables.save(catalog_);
      expect_same(loaded(), catalog_);
    }
    EXPECT_FALSE(catalog_.topics().empty());
  }
}

TEST_F(CatalogTablesTest, AfterACrashTheRestOfTheLogLeadsToTheSameCatalog) {
  class Seeded : public Random {
   public:
    uint64_t next() override { return random_(); }

   private:
    std::mt19937_64 random_{7};
  } random;
  Commands commands(4);
  for (int run = 0; run < 30; ++run) {
    CatalogTables tables(state_);
    Catalog catalog = tables.load(founding(), Index{log_.size()});
    ASSERT_LE(catalog.applied().value, log_.size());
    while (catalog.applied().value < log_.size()) {
      uint64_t at = catalog.applied().value;
      catalog.apply(Index{at + 1}, log_[at]);
    }
    expect_same(catalog, catalog_);
    tables.save(catalog);
    for (uint64_t n = commands.below(40); n > 0; --n) {
      apply(commands.next(catalog_));
      catalog.apply(catalog_.applied(), log_.back());
      tables.save(catalog);
    }
    state_.inner.crash(random);
  }
}

TEST_F(CatalogTablesTest, EntriesWithoutACommandCountToo) {
  fill();
  CatalogTables tables(state_);
  Catalog catalog = tables.load(founding(), {});
  catalog.skip(catalog.applied().plus(1));
  tables.save(catalog);

  EXPECT_EQ(loaded().applied(), catalog.applied());
}

TEST_F(CatalogTablesTest, DropsWhatIsAheadOfTheLog) {
  fill();
  Index applied = catalog_.applied();

  expect_same(loaded(applied), catalog_);
  expect_dropped(loaded(applied.previous()));
}

TEST_F(CatalogTablesTest, DropsWhatIsOfAnotherCluster) {
  fill();
  expect_dropped(loaded({}, 10));

  fill();
  wire::FoundingDocument other = founding();
  other.catalog_group = uuid<GroupId>(7);
  expect_dropped(CatalogTables(state_).load(other, {}));
}

TEST_F(CatalogTablesTest, DropsWhatDoesNotMakeACatalog) {
  using namespace wire::catalog;
  auto put = [](const Row& row) {
    store::StateBatch batch;
    batch.put(catalog_key(row), wire::encode(row));
    return batch;
  };
  auto row_at = [&](std::string_view prefix) {
    return state_.scan("catalog", prefix, "", 1).value().rows.front();
  };
  auto erase_at = [&](std::string_view prefix) {
    store::StateBatch batch;
    batch.erase(row_at(prefix).key);
    return batch;
  };
  const std::vector<std::pair<const char*, std::function<store::StateBatch()>>> kTampers = {
      {"no head", [&] { return erase_at("h"); }},
      {"another machine's head",
       [&] {
         auto head = std::get<TableHead>(wire::decode_catalog_row(row_at("h").value).value());
         ++head.machine;
         return put(head);
       }},
      {"a lost partition", [&] { return erase_at("p"); }},
      {"a lost topic", [&] { return erase_at("t"); }},
      {"one partition too many",
       [&] {
         const CatalogTopic& topic = catalog_.topics().begin()->second;
         return put(PartitionRow{
             topic.id, static_cast<uint32_t>(topic.partitions.size()), {}, 0, {}, {}, false});
       }},
      {"a partition of no topic",
       [&] {
         return put(PartitionRow{uuid<TopicId>(250), 0, {}, 0, {}, {}, false});
       }},
      {"a name twice",
       [&] {
         const CatalogTopic& topic = catalog_.topics().begin()->second;
         return put(TopicRow{uuid<TopicId>(250), topic.name, {}, 0, 0});
       }},
      {"a row under another's key",
       [&] {
         store::StateBatch batch;
         batch.put("b something", row_at("b").value);
         return batch;
       }},
      {"a row that is no row",
       [&] {
         store::StateBatch batch;
         batch.put(row_at("b").key, Bytes::copy(std::string_view("rubbish")));
         return batch;
       }},
      {"another root in a row's place",
       [&] {
         store::StateBatch batch;
         batch.put(row_at("b").key, wire::encode(founding()));
         return batch;
       }},
  };
  for (const auto& [what, tampered] : kTampers) {
    SCOPED_TRACE(what);
    catalog_ = {};
    log_.clear();
    fill();

    tamper(tampered());

    expect_dropped(loaded());
  }
}

TEST_F(CatalogTablesTest, AStoreThatIsBusyGetsTheChangesLater) {
  CatalogTables tables(state_);
  tables.load(founding(), {});
  Commands commands(6);
  for (int i = 0; i < 100; ++i) {
    state_.refuses = i % 2 == 0 ? Code::kBusy : Code::kDiskFull;
    apply(commands.next(catalog_));
    tables.save(catalog_);
    EXPECT_TRUE(tables.behind());
  }
  expect_same(loaded(), Catalog());

  state_.refuses.reset();
  tables.save(catalog_);

  EXPECT_FALSE(tables.behind());
  expect_same(loaded(), catalog_);
}

TEST_F(CatalogTablesTest, AStoreThatFailsIsLeftAloneAndKeepsAnEarlierState) {
  fill();
  CatalogTables tables(state_);
  Catalog catalog = tables.load(founding(), {});
  state_.refuses = Code::kIo;
  catalog.apply(catalog.applied().plus(1),
                wire::catalog::DeleteTopic{catalog.topics().begin()->first});
  tables.save(catalog);
  EXPECT_FALSE(tables.behind());
  state_.refuses.reset();
  int before = state_.applies;
  catalog.skip(catalog.applied().plus(1));

  tables.save(catalog);

  EXPECT_EQ(state_.applies, before);
  expect_same(loaded(), catalog_);
}

TEST_F(CatalogTablesTest, BeginsAFlushEveryThousandEntries) {
  CatalogTables tables(state_);
  Catalog catalog = tables.load(founding(), {});
  for (uint64_t index = 1; index <= 3500; ++index) {
    catalog.skip(Index{index});
    tables.save(catalog);
  }

  EXPECT_EQ(state_.flushes, 3);
}

TEST(CatalogKeys, LieAsDocumented) {
  using namespace wire::catalog;
  TopicId topic;
  for (uint8_t i = 0; i < 16; ++i) topic.bytes[i] = static_cast<uint8_t>('A' + i);
  std::string number(1, '\x01');
  auto zeroes = [](size_t n) { return std::string(n, '\0'); };

  EXPECT_EQ(catalog_key(TableHead{}), "h");
  BrokerRow broker;
  broker.address.broker = BrokerId{0x0102};
  EXPECT_EQ(catalog_key(broker), "b" + zeroes(6) + "\x01\x02");
  EXPECT_EQ(catalog_key(TopicRow{topic, "name", {}, 1, 0}), "tABCDEFGHIJKLMNOP");
  EXPECT_EQ(catalog_key(PartitionRow{topic, 1, {}, 0, {}, {}, false}),
            "pABCDEFGHIJKLMNOP" + zeroes(3) + number);
  EXPECT_EQ(catalog_key(TombstoneRow{topic, {Uid{1}, {}, {}}}),
            "dABCDEFGHIJKLMNOP" + zeroes(7) + number);
}

}  // namespace
}  // namespace strandlog::broker
