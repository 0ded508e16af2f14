// Catalog: what each command changes, and what stale or repeated ones do not.
#include "broker/catalog.h"

#include <gtest/gtest.h>

namespace strandlog::broker {
namespace {

StoreId store(uint8_t n) {
  StoreId id;
  id.bytes[0] = n;
  return id;
}

TopicId topic_id(uint8_t n) {
  TopicId id;
  id.bytes[0] = n;
  return id;
}

wire::FoundingDocument three_brokers() {
  wire::FoundingDocument document;
  document.cluster.bytes[0] = 9;
  for (uint8_t i = 1; i <= 3; ++i) {
    std::string port = std::to_string(7400 + i);
    document.founders.push_back(
        {{BrokerId{i}, store(i), "127.0.0.1:" + port, "127.0.0.1:1" + port}, Uid{i}});
  }
  return document;
}

wire::catalog::CreateTopic orders(uint64_t first_uid, uint64_t creation) {
  wire::catalog::CreateTopic command{topic_id(1), "orders", {}, {}, 0};
  wire::catalog::CreateTopic::Partition partition;
  partition.creation = creation;
  for (uint8_t i = 1; i <= 3; ++i) {
    partition.replicas.push_back({Uid{first_uid + i - 1}, BrokerId{i}, store(i)});
  }
  command.partitions.push_back(partition);
  return command;
}

class CatalogTest : public testing::Test {
 protected:
  CatalogTest() { apply(wire::catalog::Found{three_brokers()}); }
  void apply(const wire::catalog::Command& command) {
    catalog_.apply(catalog_.applied().plus(1), command);
  }
  Catalog catalog_;
};

TEST_F(CatalogTest, NeverHandsOutAFoundersUidAgain) { EXPECT_EQ(catalog_.next_uid(), Uid{4}); }

TEST_F(CatalogTest, ASecondFoundingChangesNothing) {
  wire::FoundingDocument other = three_brokers();
  other.cluster.bytes[0] = 77;

  apply(wire::catalog::Found{other});

  EXPECT_EQ(catalog_.founding()->cluster.bytes[0], 9);
}

TEST_F(CatalogTest, APartitionIsCreatedOnlyWhenEveryReplicaWasMade) {
  apply(orders(4, 1));
  apply(wire::catalog::ReplicaCreated{Uid{4}, store(1), 1});
  apply(wire::catalog::ReplicaCreated{Uid{5}, store(2), 1});
  EXPECT_FALSE(catalog_.topic_named("orders")->partitions[0].created);

  apply(wire::catalog::ReplicaCreated{Uid{6}, store(3), 1});

  EXPECT_TRUE(catalog_.topic_named("orders")->partitions[0].created);
}

TEST_F(CatalogTest, AReportFromAnotherStoreOrCreationDoesNotCount) {
  apply(orders(4, 1));

  apply(wire::catalog::ReplicaCreated{Uid{4}, store(9), 1});
  apply(wire::catalog::ReplicaCreated{Uid{4}, store(1), 2});

  EXPECT_TRUE(catalog_.topic_named("orders")->partitions[0].made.empty());
}

TEST_F(CatalogTest, ACreationPlannedFromAnOlderCatalogIsVoid) {
  apply(orders(4, 1));
  wire::catalog::CreateTopic late = orders(4, 1);
  late.name = "late";
  late.topic = topic_id(2);

  apply(late);

  EXPECT_EQ(catalog_.topic_named("late"), nullptr);
}

wire::catalog::RestartCreation restart(uint64_t creation, uint64_t first_uid, uint64_t next) {
  return {topic_id(1), 0, creation, orders(first_uid, next).partitions[0]};
}

TEST_F(CatalogTest, ACreationThatBeginsAnewForgetsWhatWasMade) {
  apply(orders(4, 1));
  apply(wire::catalog::ReplicaCreated{Uid{4}, store(1), 1});

  apply(restart(1, 7, 2));
  apply(wire::catalog::ReplicaCreated{Uid{5}, store(2), 1});
  apply(wire::catalog::ReplicaCreated{Uid{6}, store(3), 1});

  const CatalogPartition& partition = catalog_.topic_named("orders")->partitions[0];
  EXPECT_EQ(partition.creation, 2u);
  EXPECT_TRUE(partition.made.empty());
  EXPECT_EQ(catalog_.next_uid(), Uid{10});
}

TEST_F(CatalogTest, ACreatedPartitionNeverBeginsAnew) {
  apply(orders(4, 1));
  for (uint8_t i = 1; i <= 3; ++i) {
    apply(wire::catalog::ReplicaCreated{Uid{3u + i}, store(i), 1});
  }

  apply(restart(1, 7, 2));

  EXPECT_EQ(catalog_.topic_named("orders")->partitions[0].creation, 1u);
}

TEST_F(CatalogTest, OnlyThePresentCreationBeginsAnewAndOnlyUnderFreshNumbers) {
  apply(orders(4, 1));
  apply(restart(9, 7, 2));
  apply(restart(1, 6, 2));
  EXPECT_EQ(catalog_.topic_named("orders")->partitions[0].creation, 1u);

  apply(restart(1, 7, 2));
  apply(restart(1, 10, 3));

  EXPECT_EQ(catalog_.topic_named("orders")->partitions[0].creation, 2u);
}

TEST_F(CatalogTest, ATombstoneWaitsForEveryStoreAndThenGoes) {
  apply(orders(4, 1));
  apply(wire::catalog::DeleteTopic{topic_id(1)});
  EXPECT_EQ(catalog_.topic_named("orders"), nullptr);
  ASSERT_EQ(catalog_.tombstones().at(topic_id(1)).waiting.size(), 3u);

  apply(wire::catalog::ReplicaDestroyed{Uid{4}, store(1)});
  apply(wire::catalog::ReplicaDestroyed{Uid{5}, store(2)});
  EXPECT_TRUE(catalog_.tombstones().contains(topic_id(1)));
  apply(wire::catalog::ReplicaDestroyed{Uid{6}, store(3)});

  EXPECT_TRUE(catalog_.tombstones().empty());
}

TEST_F(CatalogTest, AReplicaIsLostOnceItsBrokerHasAnotherStore) {
  apply(orders(4, 1));
  wire::CatalogReplica replica{Uid{5}, BrokerId{2}, store(2)};
  EXPECT_FALSE(catalog_.is_lost(replica));

  apply(wire::catalog::RegisterBroker{{BrokerId{2}, store(8), "127.0.0.1:1", "127.0.0.1:2"},
                                      BootEpoch{1}});

  EXPECT_TRUE(catalog_.is_lost(replica));
}

TEST_F(CatalogTest, ATombstoneDoesNotWaitForAStoreThatIsGone) {
  apply(orders(4, 1));
  apply(wire::catalog::DeleteTopic{topic_id(1)});
  apply(wire::catalog::ReplicaDestroyed{Uid{4}, store(1)});
  apply(wire::catalog::ReplicaDestroyed{Uid{6}, store(3)});

  apply(wire::catalog::RegisterBroker{{BrokerId{2}, store(8), "127.0.0.1:1", "127.0.0.1:2"},
                                      BootEpoch{1}});

  EXPECT_TRUE(catalog_.tombstones().empty());
}

TEST_F(CatalogTest, AnEarlierBootOfTheSameStoreDoesNotMoveItsAddressBack) {
  apply(wire::catalog::RegisterBroker{{BrokerId{2}, store(2), "127.0.0.1:9", "127.0.0.1:8"},
                                      BootEpoch{5}});

  apply(wire::catalog::RegisterBroker{{BrokerId{2}, store(2), "127.0.0.1:1", "127.0.0.1:2"},
                                      BootEpoch{4}});

  EXPECT_EQ(catalog_.brokers().at(BrokerId{2}).address.client_address, "127.0.0.1:9");
}

TEST(TopicName, RefusesWhatCouldEscapeOrConfuse) {
  for (const char* bad : {"", ".", "..", "../x", "a/b", "a b", "tab\t", "__groups", "é"}) {
    EXPECT_FALSE(check_topic_name(bad).ok()) << bad;
  }
  EXPECT_FALSE(check_topic_name(std::string(300, 'x')).ok());
  EXPECT_FALSE(check_topic_name(std::string("a\0b", 3)).ok());
  for (const char* good : {"orders", "a", "A.b_c-9", "..."}) {
    EXPECT_TRUE(check_topic_name(good).ok()) << good;
  }
  EXPECT_TRUE(check_topic_name(std::string(249, 'x')).ok());
}

}  // namespace
}  // namespace strandlog::broker
