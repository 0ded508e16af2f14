// Replicas: what raft decides, carried out on a store and sent to peers.
#include "broker/replicas.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/broker/sent_transport.h"
#include "tests/dice.h"
#include "tests/store/fake_disk.h"

namespace strandlog::broker {
namespace {

using Kind = wire::RaftMessage::Kind;

StoreId store_of(uint64_t broker) {
  StoreId id;
  id.bytes[0] = static_cast<uint8_t>(broker);
  return id;
}

/// Replica 1 of three, on broker 1; brokers 2 and 3 are heard from and say what a test says.
class ReplicasTest : public testing::Test {
 protected:
  ReplicasTest() {
    for (uint64_t peer : {2, 3}) {
      std::string port = std::to_string(7500 + peer);
      peers_.meet({BrokerId{peer}, store_of(peer), "", "127.0.0.1:" + port});
      wire::PeerMessage hello;
      hello.cluster = cluster_;
      hello.from = BrokerId{peer};
      hello.store = store_of(peer);
      hello.boot_id = BootId{peer};
      hello.to_boot = BootId{100};
      std::string why;
      peers_.judge(hello, cluster_, why);
    }
    wire::Configuration three;
    for (uint64_t n : {1, 2, 3}) three.voters.push_back({Uid{n}, BrokerId{n}, store_of(n)});
    spec_.uid = Uid{1};
    spec_.group.bytes[0] = 9;
    spec_.topic_name = "t";
    store_->make(spec_, wire::encode(three));
    replicas_.open(Uid{1}, true);
    write();
  }
  Replica& replica() { return *replicas_.find(Uid{1}); }

  /// One round to the disk and back.
  void write() {
    std::vector<store::StoreEvent> events;
    if (store_->dirty()) store_->submit();
    for (int i = 0; i < 100 && store_->writing(); ++i) store_->poll(events);
    for (const auto& event : events) {
      if (const auto* durable = std::get_if<store::RoundDurable>(&event)) {
        replicas_.on_durable(*durable);
      }
    }
  }
  /// What went to the peers since the last call.
  std::vector<wire::RaftMessage> sent() {
    peers_.flush(Time{0}, 1'000'000, {});
    std::vector<wire::RaftMessage> out;
    for (const auto& [link, message] : std::exchange(transport_.sent, {})) {
      out.insert(out.end(), message.raft.begin(), message.raft.end());
    }
    return out;
  }
  void receive(wire::RaftMessage message, uint64_t from) {
    message.group = spec_.group;
    message.from = Uid{from};
    message.to = Uid{1};
    replicas_.receive(message, {});
  }
  void tick() {
    for (uint64_t peer : {2, 3}) replicas_.heard(BrokerId{peer}, BootId{peer}, 0);
    replicas_.tick();
    keep(replicas_.settle());
    write();
    keep(replicas_.settle());
  }
  /// Ticks and grants until it leads; what it sent in that very turn is still to be read.
  void elect() {
    for (int i = 0; i < 1000 && !replica().leads(); ++i) {
      tick();
      for (const wire::RaftMessage& asked : sent()) {
        if (asked.kind != Kind::kVoteRequest || asked.to != Uid{2}) continue;
        wire::RaftMessage answer;
        answer.kind = Kind::kVoteAnswer;
        answer.term = asked.term;
        answer.pre = asked.pre;
        answer.granted = true;
        receive(answer, 2);
        keep(replicas_.settle());
      }
    }
    ASSERT_TRUE(replica().leads());
  }
  void keep(std::vector<ReplicaEvent> events) {
    events_.insert(events_.end(), events.begin(), events.end());
  }
  bool happened(ReplicaEvent::Kind kind) const {
    return std::any_of(events_.begin(), events_.end(),
                       [&](const ReplicaEvent& event) { return event.kind == kind; });
  }

  store::FakeDisk disk_;
  Dice dice_{1};
  BrokerConfig config_ = [] {
    BrokerConfig config;
    config.uncommitted_bytes_group = 1000;
    return config;
  }();
  ClusterId cluster_{{1}};
  SentTransport transport_;
  Peers peers_{{{BrokerId{1}, store_of(1), "127.0.0.1:7400", "127.0.0.1:7500"},
                BootEpoch{1},
                BootId{100},
                RoundNumber{1}},
               transport_};
  std::unique_ptr<store::Store> store_ = opened();
  store::ReplicaSpec spec_;
  std::vector<ReplicaEvent> events_;
  Replicas replicas_{config_, *store_, peers_, dice_};

 private:
  std::unique_ptr<store::Store> opened() {
    auto store = store::Store::open({}, disk_, dice_, store_of(1));
    CHECK(store.ok());
    return std::move(*store);
  }
};

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
  replicas_.on_fault(Uid{1}, "a byte has rotted");
  keep(replicas_.settle());
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
  replicas_.on_fault(Uid{1}, "a byte has rotted");
  std::vector<wire::RaftMessage> farewells = sent();
  EXPECT_EQ(std::count_if(farewells.begin(), farewells.end(),
                          [](const auto& message) { return message.kind == Kind::kStepDown; }),
            2);
}

TEST_F(ReplicasTest, AFaultyFollowerSaysNothing) {
  sent();
  replicas_.on_fault(Uid{1}, "a byte has rotted");
  keep(replicas_.settle());
  EXPECT_TRUE(sent().empty());
  EXPECT_FALSE(happened(ReplicaEvent::Kind::kLostLeadership));
}

}  // namespace
}  // namespace strandlog::broker
