// Peers: who is believed, who is refused, and what a session needs.
#include "broker/peers.h"

#include <gtest/gtest.h>

#include "tests/broker/sent_transport.h"
#include "wire/codec.h"

namespace strandlog::broker {
namespace {

StoreId store(uint8_t n) {
  StoreId id;
  id.bytes[0] = n;
  return id;
}

class PeersTest : public testing::Test {
 protected:
  PeersTest() { peers_.meet({BrokerId{2}, store(2), "127.0.0.1:1", "127.0.0.1:2"}); }

  wire::PeerMessage from_two(uint64_t epoch, uint64_t boot, uint64_t round = 1) {
    wire::PeerMessage message;
    message.cluster = cluster_;
    message.from = BrokerId{2};
    message.store = store(2);
    message.boot_epoch = BootEpoch{epoch};
    message.boot_id = BootId{boot};
    message.durable_round = RoundNumber{round};
    message.to_boot = BootId{100};
    return message;
  }
  Peers::Verdict judge(const wire::PeerMessage& message) {
    return peers_.judge(message, cluster_, why_);
  }
  /// Judged, and found to speak for its broker.
  Peers::Verdict trusted(const wire::PeerMessage& message) {
    Peers::Verdict verdict = judge(message);
    if (verdict != Peers::Verdict::kRefused) peers_.trust(message);
    return verdict;
  }

  SentTransport transport_;
  ClusterId cluster_{{1}};
  Peers peers_{{{BrokerId{1}, store(1), "127.0.0.1:7400", "127.0.0.1:7500"},
                BootEpoch{3},
                BootId{100},
                RoundNumber{50}},
               transport_};
  std::string why_;
};

TEST_F(PeersTest, ASessionNeedsAPeerThatKnowsThisBoot) {
  wire::PeerMessage message = from_two(1, 7);
  message.to_boot = BootId{99};
  EXPECT_EQ(judge(message), Peers::Verdict::kIntroduced);

  message.to_boot = BootId{100};

  EXPECT_EQ(judge(message), Peers::Verdict::kConfirmed);
}

TEST_F(PeersTest, RefusesAnotherCluster) {
  wire::PeerMessage message = from_two(1, 7);
  message.cluster.bytes[0] = 50;

  EXPECT_EQ(judge(message), Peers::Verdict::kRefused);
}

TEST_F(PeersTest, RefusesAStoreThatWentBackToAnEarlierBoot) {
  ASSERT_EQ(trusted(from_two(5, 7)), Peers::Verdict::kConfirmed);

  EXPECT_EQ(judge(from_two(4, 8)), Peers::Verdict::kRefused);
  EXPECT_NE(why_.find("restored copy"), std::string::npos);
}

TEST_F(PeersTest, RefusesTheSecondOfTwoCopiesOfAStore) {
  ASSERT_EQ(trusted(from_two(5, 7)), Peers::Verdict::kConfirmed);

  EXPECT_EQ(judge(from_two(5, 8)), Peers::Verdict::kRefused);
}

TEST_F(PeersTest, RefusesACopyThatWasStartedOftenEnoughToLookYoung) {
  ASSERT_EQ(trusted(from_two(5, 7, 900)), Peers::Verdict::kConfirmed);
  wire::PeerMessage honest = from_two(6, 8, 950);
  honest.boot_round = RoundNumber{901};
  EXPECT_EQ(judge(honest), Peers::Verdict::kConfirmed);

  wire::PeerMessage copy = from_two(6, 9, 1200);
  copy.boot_round = RoundNumber{851};

  EXPECT_EQ(judge(copy), Peers::Verdict::kRefused);
  EXPECT_NE(why_.find("restored copy"), std::string::npos);
}

TEST_F(PeersTest, NeverTakesARestoredCopyHoweverFarItGrows) {
  ASSERT_EQ(trusted(from_two(5, 7, 900)), Peers::Verdict::kConfirmed);
  peers_.take_remembered_changed();
  wire::PeerMessage copy = from_two(6, 9, 851);
  copy.boot_round = RoundNumber{851};
  ASSERT_EQ(judge(copy), Peers::Verdict::kRefused);
  EXPECT_EQ(peers_.take_remembered_changed(), Peers::Changed::kBoot) << "it belongs in the journal";

  copy.boot_epoch = BootEpoch{40};
  copy.boot_round = copy.durable_round = RoundNumber{5000};

  EXPECT_EQ(judge(copy), Peers::Verdict::kRefused);
}

TEST_F(PeersTest, ALateMessageDoesNotMakeAStoreARestoredCopy) {
  ASSERT_EQ(trusted(from_two(5, 7, 900)), Peers::Verdict::kConfirmed);
  wire::PeerMessage late = from_two(6, 9, 851);
  late.to_boot = BootId{99};
  judge(late);

  wire::PeerMessage next = from_two(6, 8, 950);
  next.boot_round = RoundNumber{901};
  EXPECT_EQ(judge(next), Peers::Verdict::kConfirmed);
}

TEST_F(PeersTest, TakesMessagesOfOneBootThatOvertookEachOther) {
  ASSERT_EQ(trusted(from_two(5, 7, 900)), Peers::Verdict::kConfirmed);

  EXPECT_EQ(trusted(from_two(5, 7, 899)), Peers::Verdict::kConfirmed);
  EXPECT_EQ(peers_.remembered().at(0).durable_round, RoundNumber{900});
}

TEST_F(PeersTest, RemembersNothingOfAStrangerWhoClaimsAKnownStore) {
  ASSERT_EQ(judge(from_two(1000, 66, 1'000'000)), Peers::Verdict::kConfirmed);

  EXPECT_TRUE(peers_.remembered().empty());
  EXPECT_EQ(trusted(from_two(5, 7)), Peers::Verdict::kConfirmed);
}

TEST_F(PeersTest, MeetsABoundedNumberOfBrokers) {
  for (uint64_t i = 3; i < 3 + 2 * Peers::kMostPeers; ++i) {
    peers_.meet({BrokerId{i}, store(3), "127.0.0.1:1", "127.0.0.1:2"});
  }
  EXPECT_EQ(transport_.addresses.size(), 2 * Peers::kMostPeers);
}

TEST_F(PeersTest, CountsWhatTheTransportDoesNotTake) {
  judge(from_two(1, 7));
  transport_.full = true;
  EXPECT_TRUE(peers_.append(BrokerId{2}, {}, {}));
  EXPECT_EQ(peers_.dropped(), 0u);
  peers_.flush(Time{0}, 100, {});
  EXPECT_EQ(peers_.dropped(), 2u) << "the append and a heartbeat";
}

TEST_F(PeersTest, CutsWhatOneTurnHasToSayIntoMessagesOfBoundedSize) {
  judge(from_two(1, 7));
  for (int i = 0; i < 5000; ++i) peers_.raft(BrokerId{2}, {});
  for (int i = 0; i < 5000; ++i) peers_.append(BrokerId{2}, {}, {});

  peers_.flush(Time{0}, 100, {});

  size_t carried = 0;
  for (const auto& [link, message] : transport_.sent) {
    EXPECT_LE(wire::encode(message).size(), wire::kMaxControlFrame);
    carried += message.raft.size();
  }
  EXPECT_EQ(carried, 10000u);
}

TEST_F(PeersTest, TellsWithEachHeartbeatWhatIsOutOfServiceHere) {
  Peers::Announcement announcement;
  announcement.faulty = {Uid{9}};
  peers_.flush(Time{0}, 100, announcement);

  ASSERT_EQ(transport_.sent.size(), 1u);
  EXPECT_EQ(transport_.sent[0].second.faulty, std::vector<Uid>{Uid{9}});
}

TEST_F(PeersTest, TellsWithEachHeartbeatWhereItIsToBeFound) {
  peers_.flush(Time{0}, 100, {});

  ASSERT_EQ(transport_.sent.size(), 1u);
  const auto& told = transport_.sent[0].second.registration;
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->address.peer_address, "127.0.0.1:7500");
  EXPECT_EQ(told->boot_epoch, BootEpoch{3});
}

TEST_F(PeersTest, RemembersBootsAcrossARestart) {
  trusted(from_two(5, 7));
  EXPECT_EQ(peers_.take_remembered_changed(), Peers::Changed::kBoot);
  trusted(from_two(5, 7, 2));
  EXPECT_EQ(peers_.take_remembered_changed(), Peers::Changed::kRounds);
  EXPECT_EQ(peers_.take_remembered_changed(), Peers::Changed::kNothing);
  Peers restarted(
      {{BrokerId{1}, store(1), "a:1", "b:1"}, BootEpoch{4}, BootId{101}, RoundNumber{60}},
      transport_);
  restarted.remember(peers_.remembered());

  wire::PeerMessage message = from_two(4, 6);

  EXPECT_EQ(restarted.judge(message, cluster_, why_), Peers::Verdict::kRefused);
}

TEST_F(PeersTest, RefusesAnotherBrokerWithItsOwnNumber) {
  wire::PeerMessage message = from_two(1, 7);
  message.from = BrokerId{1};

  EXPECT_EQ(judge(message), Peers::Verdict::kRefused);
}

TEST_F(PeersTest, SendsNoRaftMessageBeforeItKnowsThePeersBoot) {
  peers_.raft(BrokerId{2}, {});
  peers_.flush(Time{0}, 100, {});
  ASSERT_EQ(transport_.sent.size(), 1u);
  EXPECT_TRUE(transport_.sent[0].second.raft.empty());

  judge(from_two(1, 7));
  peers_.raft(BrokerId{2}, {});
  peers_.flush(Time{0}, 100, {});

  ASSERT_EQ(transport_.sent.size(), 2u);
  EXPECT_EQ(transport_.sent[1].second.raft.size(), 1u);
  EXPECT_EQ(transport_.sent[1].second.to_boot, BootId{7});
}

TEST_F(PeersTest, KeepsQuietBetweenHeartbeats) {
  peers_.flush(Time{0}, 100, {});
  peers_.flush(Time{50'000}, 100, {});
  EXPECT_EQ(transport_.sent.size(), 1u);

  peers_.flush(Time{100'000}, 100, {});

  EXPECT_EQ(transport_.sent.size(), 2u);
}

TEST_F(PeersTest, AppendsTravelOnTheirOwnLane) {
  judge(from_two(1, 7));
  EXPECT_TRUE(peers_.append(BrokerId{2}, {}, {Bytes::copy("entries")}));

  peers_.flush(Time{0}, 100, {});

  ASSERT_EQ(transport_.sent.size(), 2u);
  EXPECT_NE(transport_.sent[0].first, transport_.sent[1].first);
  EXPECT_EQ(transport_.sent[0].second.raft.at(0).frames, 1u);
}

TEST_F(PeersTest, FollowsAPeerToItsNewAddress) {
  peers_.meet({BrokerId{2}, store(2), "127.0.0.1:1", "127.0.0.1:3"});

  EXPECT_EQ(transport_.closed.size(), 2u);
  EXPECT_EQ(transport_.addresses[4], "127.0.0.1:3");
}

}  // namespace
}  // namespace strandlog::broker
