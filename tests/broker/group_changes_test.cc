// A move, step by step, as the leader of its group makes it.
#include "broker/group_changes.h"

#include <gtest/gtest.h>

#include "broker/raft_wire.h"
#include "tests/broker/broker_one.h"

namespace strandlog::broker {
namespace {

/// Leads the group of replicas 1, 2, 3; replica 4 on broker 4 is to take the place of 3.
class GroupChangesTest : public BrokerOne {
 protected:
  GroupChangesTest() {
    elect();
    follow();
    know(replicas_of({1, 2, 3}), CatalogMove{catalog_replica(4), Uid{3}}, {Uid{4}});
  }
  static wire::CatalogReplica catalog_replica(uint64_t n) {
    return {Uid{n}, BrokerId{n}, store_of(n)};
  }
  static std::vector<wire::CatalogReplica> replicas_of(const std::vector<uint64_t>& uids) {
    std::vector<wire::CatalogReplica> out;
    for (uint64_t uid : uids) out.push_back(catalog_replica(uid));
    return out;
  }
  /// What the catalog says of the partition.
  void know(std::vector<wire::CatalogReplica> replicas, std::optional<CatalogMove> move,
            std::set<Uid> made) {
    CatalogState state;
    CatalogTopic topic;
    topic.id = spec_.topic;
    topic.name = spec_.topic_name;
    topic.partitions.push_back(
        {spec_.group, spec_.creation, std::move(replicas), std::move(made), true, {}, move});
    state.topics[topic.id] = topic;
    state.applied = Index{1};
    catalog_ = *Catalog::from(std::move(state));
  }
  /// Everybody but replica 3 has all there is; twice, as a newcomer has to show that it keeps up.
  std::vector<wire::GroupMembers> step() {
    auto news = changes_.step();
    settle();
    for (int i = 0; i < 4; ++i) {
      write();
      settle();
      sent();
      for (uint64_t from : {2, 4}) {
        wire::RaftMessage answer;
        answer.kind = wire::RaftMessage::Kind::kAppendAnswer;
        answer.term = replica().group->term();
        answer.accepted = true;
        answer.match = replica().group->last();
        receive(answer, from);
        settle();
      }
    }
    return news;
  }
  std::vector<uint64_t> voters() {
    std::vector<uint64_t> out;
    for (const auto& member : replica().group->membership().voters) {
      out.push_back(member.uid.value);
    }
    return out;
  }
  size_t learners() { return replica().group->membership().learners.size(); }

  GroupChanges changes_{context_};
};

TEST_F(GroupChangesTest, ANewcomerListensAndThenTakesItsPlace) {
  EXPECT_TRUE(step().empty());
  EXPECT_EQ(learners(), 1u);
  EXPECT_EQ(voters(), (std::vector<uint64_t>{1, 2, 3}));

  EXPECT_TRUE(step().empty());
  EXPECT_EQ(voters(), (std::vector<uint64_t>{1, 2, 4}));
  EXPECT_EQ(learners(), 0u);
  EXPECT_TRUE(replica().group->membership().outgoing.empty());

  auto news = step();
  ASSERT_EQ(news.size(), 1u);
  EXPECT_EQ(news[0].where, partition(0));
  EXPECT_EQ(news[0].configuration, replica().group->membership().index);
  EXPECT_EQ(news[0].voters, replicas_of({1, 2, 4}));
}

TEST_F(GroupChangesTest, ANewcomerThatItsStoreHasNotReportedIsNotTakenIn) {
  know(replicas_of({1, 2, 3}), CatalogMove{catalog_replica(4), Uid{3}}, {});

  step();

  EXPECT_EQ(learners(), 0u);
}

TEST_F(GroupChangesTest, NothingIsChangedOfAGroupThatTheCatalogDoesNotKnowYet) {
  know(replicas_of({1, 2, 9}), CatalogMove{catalog_replica(4), Uid{9}}, {Uid{4}});

  auto news = step();

  ASSERT_EQ(news.size(), 1u);
  EXPECT_EQ(learners(), 0u);
}

TEST_F(GroupChangesTest, ALearnerWhoseMoveWasGivenUpLeaves) {
  step();
  ASSERT_EQ(learners(), 1u);
  changes_.tidy();
  EXPECT_EQ(learners(), 1u) << "it is still on its way";
  know(replicas_of({1, 2, 3}), std::nullopt, {});

  changes_.tidy();

  EXPECT_EQ(learners(), 0u);
}

// Its move was given up while the group had made it already.
TEST_F(GroupChangesTest, WhatTheCatalogDoesNotKnowIsToldWithoutAMove) {
  know(replicas_of({1, 2, 9}), std::nullopt, {});

  auto news = changes_.tidy();

  ASSERT_EQ(news.size(), 1u);
  EXPECT_EQ(news[0].voters, replicas_of({1, 2, 3}));
}

TEST_F(GroupChangesTest, AFollowerChangesNothing) {
  replicas_.step_down_all();
  settle();

  step();

  EXPECT_EQ(learners(), 0u);
}

}  // namespace
}  // namespace strandlog::broker
