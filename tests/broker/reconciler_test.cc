// Which replicas should move: lost ones, the most endangered first, where there is a majority.
#include "broker/reconciler.h"

#include "tests/broker/catalog_of_four.h"

namespace strandlog::broker {
namespace {

class ReconcilerTest : public CatalogOfFour {
 protected:
  std::vector<wire::catalog::MoveReplica> plan(size_t most = 10) {
    auto presence = [this](BrokerId id) {
      if (gone_.contains(id)) return Presence::kGone;
      return dead_.contains(id) ? Presence::kAway : Presence::kAlive;
    };
    auto is_faulty = [this](const auto& replica) { return faulty_.contains(replica.uid); };
    return plan_moves(catalog_, {presence, is_faulty}, most);
  }
  // Another topic on these brokers.
  wire::TopicPartition another_on(const std::vector<uint8_t>& brokers) {
    constexpr uint64_t kNext = kCreation + 1;
    TopicId id;
    id.bytes[0] = 2;
    wire::catalog::CreateTopic create{id, "bills", {}, {{{}, kNext, {}}}, 0};
    for (uint8_t n : brokers) create.partitions[0].replicas.push_back(replica(10u + n, n));
    apply(create);
    for (uint8_t n : brokers) {
      apply(wire::catalog::ReplicaCreated{Uid{10u + n}, store_number(n), kNext});
    }
    return {id, 0};
  }
  std::set<BrokerId> dead_, gone_;
  std::set<Uid> faulty_;
};

TEST_F(ReconcilerTest, WhatIsWholeStaysAsItIs) { EXPECT_TRUE(plan().empty()); }

TEST_F(ReconcilerTest, ABrokerThatIsAwayIsNotLost) {
  dead_ = {BrokerId{3}};

  EXPECT_TRUE(plan().empty());
}

TEST_F(ReconcilerTest, OneThatIsOutOfServiceIsReplacedWhereItIs) {
  faulty_ = {Uid{6}};

  std::vector<wire::catalog::MoveReplica> moves = plan();

  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].where, kWhere);
  EXPECT_EQ(moves[0].from, Uid{6});
  EXPECT_EQ(moves[0].to, replica(8, 2));
}

TEST_F(ReconcilerTest, OneThatIsOutOfServiceCountsForNoMajority) {
  faulty_ = {Uid{6}};
  dead_ = {BrokerId{3}};

  EXPECT_TRUE(plan().empty()) << "one of three is left";
}

TEST_F(ReconcilerTest, WhatIsOutOfServiceOnASilentBrokerWaitsForIt) {
  faulty_ = {Uid{6}};
  dead_ = {BrokerId{2}};

  EXPECT_TRUE(plan().empty());
}

TEST_F(ReconcilerTest, WhatWasOnABrokerThatIsGoneComesToOneThatHasNoneOfIt) {
  gone_ = {BrokerId{3}};

  std::vector<wire::catalog::MoveReplica> moves = plan();

  ASSERT_EQ(moves.size(), 1u) << "nobody is left for the catalog's";
  EXPECT_EQ(moves[0].where, kWhere);
  EXPECT_EQ(moves[0].from, Uid{7});
  EXPECT_EQ(moves[0].to, replica(8, 4));
}

TEST_F(ReconcilerTest, ItComesToTheBrokerWithTheFewestReplicas) {
  apply(wire::catalog::RegisterBroker{{BrokerId{5}, store_number(5), "", ""}, BootEpoch{1}});
  another_on({1, 2, 4});
  gone_ = {BrokerId{3}};

  std::vector<wire::catalog::MoveReplica> moves = plan();

  ASSERT_EQ(moves.size(), 2u);
  EXPECT_EQ(moves[0].where, kCatalogPartition);
  EXPECT_EQ(moves[0].to.broker, BrokerId{5});
  EXPECT_EQ(moves[1].where, kWhere);
  EXPECT_EQ(moves[1].to.broker, BrokerId{5}) << "4 has one already";
}

TEST_F(ReconcilerTest, AnotherDiskOfABrokerThatIsGoneIsNotWaitedFor) {
  wiped(3, 33);
  gone_ = {BrokerId{3}};

  std::vector<wire::catalog::MoveReplica> moves = plan();

  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].to.broker, BrokerId{4});
}

TEST_F(ReconcilerTest, ALostReplicaIsReplacedByAFreshOneOnTheSameBroker) {
  wiped(3, 33);

  std::vector<wire::catalog::MoveReplica> moves = plan();

  ASSERT_EQ(moves.size(), 2u);  // of the catalog and of the topic
  EXPECT_EQ(moves[0].where, kCatalogPartition);
  EXPECT_EQ(moves[0].from, Uid{3});
  EXPECT_EQ(moves[0].to, replica(8, 3, 33));
  EXPECT_EQ(moves[1].where, kWhere);
  EXPECT_EQ(moves[1].from, Uid{7});
  EXPECT_EQ(moves[1].to, replica(9, 3, 33));
}

TEST_F(ReconcilerTest, WhatIsOnTheMoveIsLeftAloneUntilItsStoreIsLostToo) {
  wiped(3, 33);
  for (const auto& move : plan()) apply(move);
  EXPECT_TRUE(plan().empty());

  wiped(3, 34);

  EXPECT_EQ(plan(2).size(), 2u) << "moves that cannot end hold nobody up";
}

TEST_F(ReconcilerTest, NobodyCanBeTakenInWithoutAMajority) {
  wiped(2, 22);
  wiped(3, 33);

  for (const auto& move : plan()) EXPECT_NE(move.where, kWhere);
}

TEST_F(ReconcilerTest, MovesInGroupsWithoutAMajorityHoldNobodyUp) {
  wire::TopicPartition led = another_on({1, 3, 4});
  wiped(3, 33);
  for (const auto& move : plan(2)) apply(move);
  ASSERT_TRUE(plan(2).empty()) << "two are under way";

  dead_ = {BrokerId{2}};

  std::vector<wire::catalog::MoveReplica> moves = plan(2);
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].where, led);
}

TEST_F(ReconcilerTest, ABrokerIsGivenNoMoreAtATimeThanTheBound) {
  another_on({1, 2, 4});
  wiped(3, 33);
  wiped(4, 44);

  std::vector<wire::catalog::MoveReplica> moves = plan(1);

  ASSERT_EQ(moves.size(), 2u);
  EXPECT_NE(moves[0].to.broker, moves[1].to.broker);
  EXPECT_NE(moves[0].to.uid, moves[1].to.uid);
}

TEST_F(ReconcilerTest, TheMostEndangeredComesFirst) {
  wiped(5, 5);
  apply(wire::GroupMembers{
      kCatalogPartition,
      0,
      Index{9},
      {replica(1, 1), replica(2, 2), replica(3, 3), replica(4, 4), replica(50, 5)}});

  wiped(3, 33);  // the catalog's group can lose another one, the topic's cannot

  EXPECT_EQ(plan(1)[0].where, kWhere);
}

// Founded by one broker, which others have joined.
TEST(Reconciler, TheCatalogsGroupGrowsWithTheCluster) {
  Catalog catalog;
  auto apply = [&](const wire::catalog::Command& command) {
    catalog.apply(catalog.applied().plus(1), command);
  };
  auto none = [](const wire::CatalogReplica&) { return false; };
  auto everybody = [](BrokerId) { return Presence::kAlive; };
  wire::FoundingDocument document;
  document.founders.push_back({{BrokerId{1}, store_number(1), "", ""}, Uid{1}});
  apply(wire::catalog::Found{document});
  apply(wire::catalog::RegisterBroker{{BrokerId{2}, store_number(2), "", ""}, BootEpoch{1}});
  EXPECT_TRUE(plan_moves(catalog, {everybody, none}, 10).empty()) << "two are no better than one";

  apply(wire::catalog::RegisterBroker{{BrokerId{3}, store_number(3), "", ""}, BootEpoch{1}});
  auto without_three = [](BrokerId id) {
    return id == BrokerId{3} ? Presence::kAway : Presence::kAlive;
  };
  EXPECT_TRUE(plan_moves(catalog, {without_three, none}, 10).empty()) << "it would stay at two";

  auto moves = plan_moves(catalog, {everybody, none}, 10);
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].from, Uid{});
  EXPECT_EQ(moves[0].to.broker, BrokerId{2});
}

}  // namespace
}  // namespace strandlog::broker
