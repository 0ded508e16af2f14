// Replicas: what raft decides, carried out on a store and sent to peers.
#include "broker/replicas.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/broker/broker_one.h"

namespace strandlog::broker {
namespace {

using Kind = wire::RaftMessage::Kind;
using ReplicasTest = BrokerOne;

TEST_F(ReplicasTest, TheNoOpOfANewLeaderLeavesInTheTurnThatElectsIt) {
  elect();
  std::set<uint64_t> told;
  for (const wire::RaftMessage& message : sent()) {
    if (message.kind == Kind::kAppend && message.frames > 0) told.insert(message.to.value);
  }
  EXPECT_EQ(told, (std::set<uint64_t>{2, 3}));
}

TEST_F(ReplicasTest, AFaultRightAfterALostLeadershipStillEndsIt) {
  elect();
  ASSERT_TRUE(replicas_.propose(replica(), EntryKind::kCatalog, 0, {}, 1).ok());
  EXPECT_GT(replicas_.uncommitted_bytes(), 0u);
  events_.clear();
  replicas_.read_index(replica(), 77);
  replicas_.step_down_all();
  replicas_.on_fault(kShared, "a byte has rotted");
  settle();
  EXPECT_TRUE(happened(ReplicaEvent::Kind::kLostLeadership));
  EXPECT_TRUE(happened(ReplicaEvent::Kind::kReadReady)) << "who waits for a read is refused";
  EXPECT_EQ(replicas_.uncommitted_bytes(), 0u);
  EXPECT_EQ(replica().group, nullptr);
}

TEST_F(ReplicasTest, WhatIsBegunBelowTheUncommittedBoundMayGoBeyondIt) {
  elect();
  Bytes body = Bytes::copy(std::string(config_.uncommitted_bytes_group + 1, 'x'));
  ASSERT_TRUE(replicas_.room_for_more(replica()).ok());
  for (int of_one_item = 0; of_one_item < 2; ++of_one_item) {
    EXPECT_TRUE(replicas_.propose(replica(), EntryKind::kData, 1, body.view(), 1).ok());
  }
  auto more = replicas_.room_for_more(replica());
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code, Code::kBusy);
}

TEST_F(ReplicasTest, AFaultOfALeaderSendsItsFarewells) {
  elect();
  sent();
  replicas_.on_fault(kShared, "a byte has rotted");
  std::vector<wire::RaftMessage> farewells = sent();
  EXPECT_EQ(std::count_if(farewells.begin(), farewells.end(),
                          [](const auto& message) { return message.kind == Kind::kStepDown; }),
            2);
}

// While a round waits for space, for hours perhaps, promises are repeated to whoever asks again.
TEST_F(ReplicasTest, WhatIsRepeatedBeforeItIsDurableDoesNotPileUp) {
  disk_.hold();
  sent();
  wire::RaftMessage fits, lies_beyond, vote;
  fits.kind = lies_beyond.kind = Kind::kAppend;
  vote.kind = Kind::kVoteRequest;
  fits.term = lies_beyond.term = vote.term = Term{5};
  lies_beyond.prev = lies_beyond.last = Index{7};
  lies_beyond.prev_term = Term{4};
  receive(fits, 2);
  store_->submit();
  for (int i = 0; i < 20'000; ++i) {
    receive(fits, 2);
    receive(lies_beyond, 2);
    receive(vote, 3);
    settle();
  }
  EXPECT_FALSE(store_->full());
  EXPECT_TRUE(sent().empty()) << "nothing is promised before it is durable";
  disk_.release();
  while (store_->writing()) poll();
  EXPECT_LE(sent().size(), 3u);
  write();
  std::vector<wire::RaftMessage> answers = sent();
  EXPECT_LE(answers.size(), 3u);
  for (bool accepted : {true, false}) {
    EXPECT_TRUE(std::any_of(answers.begin(), answers.end(), [&](const auto& message) {
      return message.kind == Kind::kAppendAnswer && message.accepted == accepted;
    })) << accepted;
  }
}

// Its broker got its old disk back: the replica that was replaced goes, the new one stays.
TEST_F(ReplicasTest, AGroupIsFoundInItsNewestReplica) {
  store::ReplicaSpec newer = spec_;
  newer.uid = Uid{9};
  wire::Configuration members;
  members.voters = {{newer.uid, BrokerId{1}, store_of(1)}};
  store_->make(newer, wire::encode(members));
  replicas_.open(newer.uid, true);

  replicas_.close(kShared);

  ASSERT_NE(replicas_.find(spec_.group), nullptr);
  EXPECT_EQ(replicas_.find(spec_.group)->spec.uid, newer.uid);
}

TEST_F(ReplicasTest, AFaultyFollowerSaysNothing) {
  sent();
  replicas_.on_fault(kShared, "a byte has rotted");
  settle();
  EXPECT_TRUE(sent().empty());
  EXPECT_FALSE(happened(ReplicaEvent::Kind::kLostLeadership));
}

}  // namespace
}  // namespace strandlog::broker
