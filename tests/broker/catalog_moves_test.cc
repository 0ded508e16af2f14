// Replicas on the move in the catalog: one at a time, and the group has the last word.
#include "tests/broker/catalog_of_four.h"

namespace strandlog::broker {
namespace {

using CatalogMoves = CatalogOfFour;

TEST_F(CatalogMoves, AReplicaComesUnderAFreshUid) {
  move(7, replica(8, 4));

  EXPECT_EQ(coming(), Uid{8});
  EXPECT_EQ(catalog_.next_uid(), Uid{9});
  EXPECT_EQ(catalog_.moving(), std::set<wire::TopicPartition>{kWhere});
  EXPECT_EQ(partition().replicas.size(), 3u) << "it does not vote yet";
  made(8, 4);
  EXPECT_TRUE(partition().made.contains(Uid{8}));
}

TEST_F(CatalogMoves, OneMoveAtATime) {
  move(7, replica(8, 4));
  move(6, replica(9, 4));

  EXPECT_EQ(coming(), Uid{8});
}

TEST_F(CatalogMoves, WhatNeverFitsBeginsNothing) {
  move(7, replica(7, 4));     // not fresh
  move(42, replica(8, 4));    // nobody there to go
  move(7, replica(8, 2));     // that store has a replica already
  move(7, replica(8, 4, 9));  // not that broker's store
  apply(wire::catalog::MoveReplica{kWhere, kCreation + 1, Uid{7}, replica(8, 4)});

  EXPECT_EQ(coming(), std::nullopt);
  EXPECT_EQ(catalog_.next_uid(), Uid{8});
}

TEST_F(CatalogMoves, ALostReplicaIsReplacedOnTheSameBroker) {
  wiped(3, 33);

  move(7, replica(8, 3, 33));

  EXPECT_EQ(coming(), Uid{8});
}

TEST_F(CatalogMoves, EndsWhenTheGroupHasTakenTheNewOneForTheOldOne) {
  move(7, replica(8, 4));
  made(8, 4);

  members(20, {replica(5, 1), replica(6, 2), replica(8, 4)});

  EXPECT_EQ(coming(), std::nullopt);
  EXPECT_TRUE(catalog_.moving().empty());
  EXPECT_EQ(partition().replicas.back(), replica(8, 4));
  EXPECT_TRUE(catalog_.is_doomed(orders(), Uid{7})) << "its store has it to destroy";
  EXPECT_EQ(partition().made, (std::set<Uid>{Uid{5}, Uid{6}, Uid{8}}));
}

TEST_F(CatalogMoves, ALostReplicaLeavesNothingToDestroy) {
  wiped(3, 33);
  move(7, replica(8, 3, 33));

  members(20, {replica(5, 1), replica(6, 2), replica(8, 3, 33)});

  EXPECT_TRUE(catalog_.tombstones().empty());
}

TEST_F(CatalogMoves, AnOlderWordOfTheGroupChangesNothing) {
  move(7, replica(8, 4));
  members(20, {replica(5, 1), replica(6, 2), replica(8, 4)});

  members(20, {replica(5, 1)});
  members(19, {replica(5, 1), replica(6, 2), replica(7, 3)});

  EXPECT_EQ(partition().replicas.back(), replica(8, 4));
  EXPECT_EQ(partition().configuration, Index{20});
}

TEST_F(CatalogMoves, ANewcomerWhoseStoreIsGoneMakesRoomForAnother) {
  wiped(3, 33);
  move(7, replica(8, 3, 33));
  wiped(3, 34);

  move(7, replica(9, 3, 34));

  EXPECT_EQ(coming(), Uid{9});
}

// The group had taken 8 when its store was lost, and nobody had told the catalog yet.
TEST_F(CatalogMoves, AMoveIsVoidWhenWhoWasToGoHasGoneForAnother) {
  move(7, replica(8, 4));
  wiped(4, 44);
  move(7, replica(9, 4, 44));
  ASSERT_EQ(coming(), Uid{9});

  members(20, {replica(5, 1), replica(6, 2), replica(8, 4)});

  EXPECT_EQ(coming(), std::nullopt);
  EXPECT_TRUE(catalog_.is_doomed(orders(), Uid{9}));
  EXPECT_TRUE(catalog_.is_lost(partition().replicas.back())) << "to be replaced in its turn";
}

TEST_F(CatalogMoves, AnOldDiskThatComesBackMakesItsMoveVoid) {
  wiped(3, 33);
  move(7, replica(8, 3, 33));

  wiped(3, 3);

  EXPECT_EQ(coming(), std::nullopt);
  EXPECT_TRUE(catalog_.moving().empty());
}

TEST(CatalogFromTables, KnowsItsMovesAndHasNothingNewToKeep) {
  CatalogState state;
  CatalogTopic topic;
  topic.id = orders();
  topic.name = "orders";
  topic.partitions.resize(2);
  topic.partitions[0].move = CatalogMove{};
  state.topics[topic.id] = topic;
  state.applied = Index{1};

  auto catalog = Catalog::from(std::move(state));

  ASSERT_TRUE(catalog.ok());
  EXPECT_EQ(catalog->moving(), std::set<wire::TopicPartition>{kWhere});
  EXPECT_TRUE(catalog->changes().partitions.empty());
}

TEST_F(CatalogMoves, OneMayComeBesideTheOthers) {
  move(0, replica(8, 4));
  members(20, {replica(5, 1), replica(6, 2), replica(7, 3)});
  EXPECT_EQ(coming(), Uid{8});

  members(21, {replica(5, 1), replica(6, 2), replica(7, 3), replica(8, 4)});

  EXPECT_EQ(coming(), std::nullopt);
  EXPECT_EQ(partition().replicas.size(), 4u);
}

TEST_F(CatalogMoves, ADeletedTopicTakesTheNewcomerWithIt) {
  move(7, replica(8, 4));

  apply(wire::catalog::DeleteTopic{orders()});

  for (uint64_t uid : {5, 6, 7, 8}) EXPECT_TRUE(catalog_.is_doomed(orders(), Uid{uid})) << uid;
  EXPECT_TRUE(catalog_.moving().empty());
}

TEST_F(CatalogMoves, TheCatalogsOwnGroupMovesLikeAnyOther) {
  wiped(3, 33);
  apply(wire::catalog::MoveReplica{kCatalogPartition, 0, Uid{3}, replica(8, 3, 33)});
  ASSERT_TRUE(catalog_.partition(kCatalogPartition)->move);
  apply(wire::catalog::ReplicaCreated{Uid{8}, store_number(33), 0});
  EXPECT_TRUE(catalog_.partition(kCatalogPartition)->made.contains(Uid{8}));

  apply(wire::GroupMembers{kCatalogPartition,
                           0,
                           Index{9},
                           {replica(1, 1), replica(2, 2), replica(4, 4), replica(8, 3, 33)}});

  EXPECT_FALSE(catalog_.partition(kCatalogPartition)->move);
  EXPECT_EQ(catalog_.partition(kCatalogPartition)->replicas.size(), 4u);
}

}  // namespace
}  // namespace strandlog::broker
