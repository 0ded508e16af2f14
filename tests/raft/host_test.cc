// Host: sessions and what they wake; quiet groups cost nothing.
#include "raft/host.h"

#include <gtest/gtest.h>

#include "tests/raft/group_tester.h"

namespace strandlog::raft {
namespace {

constexpr BrokerId kPeer{2};

/// Replica `uid` of a group of its own, led by replica 1000 + uid on broker 2.
Given follower_of_two(uint64_t uid) { return {.self = uid, .voters = {}, .log = {1}, .seed = uid}; }

Restored restored_follower(uint64_t uid) {
  Restored restored = GroupTester::restored(follower_of_two(uid));
  restored.memberships[0].voters = {{Uid{uid}, BrokerId{1}, {}},
                                    {Uid{1000 + uid}, kPeer, {}},
                                    {Uid{2000 + uid}, BrokerId{3}, {}}};
  return restored;
}

Message from_leader(uint64_t uid, Body body) {
  return {test_group(), Uid{1000 + uid}, Uid{uid}, Term{1}, std::move(body)};
}

/// Two groups, led from broker 2 (heard there) and quiet.
void fill(Host& host, std::vector<uint64_t> uids = {1, 2}) {
  host.heard(kPeer, BootId{5}, 0);
  for (uint64_t uid : uids) {
    host.add(GroupTester::config(follower_of_two(uid)), restored_follower(uid), uid);
    host.step(from_leader(uid, append_of(1, 1, {}, 1, 0, true)));
  }
  host.take();
}

size_t campaigns(Host& host, int ticks) {
  size_t count = 0;
  for (int i = 0; i < ticks; ++i) {
    host.tick();
    for (const GroupOutput& output : host.take()) {
      for (const Message& message : output.output.at_once) {
        count += std::holds_alternative<VoteRequest>(message.body) ? 1 : 0;
      }
    }
  }
  return count;
}

TEST(Host, KnowsWhatIsLateByTheCountThatCameWithIt) {
  Host host(20);
  EXPECT_FALSE(host.is_late(kPeer, BootId{5}, 0));
  host.heard(kPeer, BootId{5}, 3);

  EXPECT_TRUE(host.is_late(kPeer, BootId{5}, 2));
  EXPECT_FALSE(host.is_late(kPeer, BootId{5}, 3));
  host.heard(kPeer, BootId{6}, 0);
  EXPECT_FALSE(host.is_late(kPeer, BootId{6}, 0)) << "another boot counts anew";
  EXPECT_TRUE(host.is_late(kPeer, BootId{5}, 3)) << "and ends what the one before it said";
}

TEST(Host, SessionLivesByMessagesAndEndsBySilence) {
  Host host(3);
  EXPECT_FALSE(host.alive(kPeer));
  host.heard(kPeer, BootId{5}, 0);
  host.tick();
  host.tick();
  EXPECT_TRUE(host.alive(kPeer));
  host.heard(kPeer, BootId{5}, 0);
  host.tick();
  host.tick();
  EXPECT_TRUE(host.alive(kPeer));
  host.tick();
  EXPECT_FALSE(host.alive(kPeer));
}

TEST(Host, QuietGroupsSleepWhileTheSessionStands) {
  Host host(1000);
  fill(host);

  EXPECT_EQ(campaigns(host, 200), 0u);
  EXPECT_TRUE(host.find(Uid{1})->quiet());
}

TEST(Host, SilenceWakesTheGroupsLedThere) {
  Host host(5);
  fill(host);

  EXPECT_GE(campaigns(host, 8), 4u);  // two requests each
}

TEST(Host, DisconnectWakesTheGroupsLedThere) {
  Host host(1000);
  fill(host);
  host.disconnected(BrokerId{3});
  EXPECT_EQ(campaigns(host, 50), 0u);

  host.disconnected(kPeer);

  EXPECT_FALSE(host.alive(kPeer));
  EXPECT_GE(campaigns(host, 3), 4u);
}

TEST(Host, NewBootMeansTheLeaderIsGone) {
  Host host(1000);
  fill(host);

  host.heard(kPeer, BootId{6}, 0);

  EXPECT_GE(campaigns(host, 3), 4u);
}

TEST(Host, LostLeadershipsElsewhereWakeTheGroupsLedThere) {
  Host host(1000);
  fill(host);
  host.heard(kPeer, BootId{5}, 0);
  EXPECT_TRUE(host.find(Uid{1})->quiet());

  host.heard(kPeer, BootId{5}, 1);

  EXPECT_FALSE(host.find(Uid{1})->quiet());
  EXPECT_GE(campaigns(host, 20), 4u);
}

// Two lanes of a connection carry the count.
TEST(Host, AnOlderCountOfLostLeadershipsThatComesLateWakesNobody) {
  Host host(1000);
  fill(host);
  host.heard(kPeer, BootId{5}, 3);
  campaigns(host, 20);
  for (uint64_t uid : {1, 2}) host.step(from_leader(uid, append_of(1, 1, {}, 1, 0, true)));
  host.take();
  ASSERT_TRUE(host.find(Uid{1})->quiet());

  host.heard(kPeer, BootId{5}, 2);
  host.heard(kPeer, BootId{5}, 3);

  EXPECT_TRUE(host.find(Uid{1})->quiet());
  EXPECT_EQ(campaigns(host, 200), 0u);
}

TEST(Host, GroupWithoutASessionDoesNotSleep) {
  Host host(1000);
  fill(host);
  host.disconnected(kPeer);
  host.step(from_leader(1, append_of(1, 1, {}, 1, 0, true)));  // came late
  host.take();

  EXPECT_GE(campaigns(host, 5), 2u);
}

TEST(Host, CountsLostLeaderships) {
  Host host(1000);
  const Given alone{.voters = {1}};
  Group& group = host.add(GroupTester::config(alone), GroupTester::restored(alone), 1);
  host.tick();
  host.take();
  group.persisted(Index{0}, Term{0}, {Term{1}, Uid{1}});
  host.touch(Uid{1});
  const auto outputs = host.take();
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(outputs.front().output.became_leader, Term{1});

  group.step_down();
  host.touch(Uid{1});
  host.take();

  EXPECT_EQ(host.leaderships_lost(), 1u);
}

// Who hears of the loss wakes up and would campaign against leaders that stay silent.
TEST(Host, ALostLeadershipEndsTheSilenceOfTheOtherLeaders) {
  Host host(1000);
  for (uint64_t uid : {1, 2}) {
    const Given alone{.self = uid, .voters = {uid}};
    Group& group = host.add(GroupTester::config(alone), GroupTester::restored(alone), uid);
    host.tick();
    host.take();
    group.persisted(Index{0}, Term{0}, {Term{1}, Uid{uid}});
    host.touch(Uid{uid});
    host.take();
    group.persisted(Index{1}, Term{1}, {Term{1}, Uid{uid}});
    for (int i = 0; i < 20; ++i) host.tick();
    ASSERT_TRUE(group.quiet());
  }
  host.take();

  host.find(Uid{1})->step_down();
  host.touch(Uid{1});
  host.take();
  host.tick();

  EXPECT_FALSE(host.find(Uid{2})->quiet());
}

TEST(Host, TakesByUidAndReportsCommitThatMovedAlone) {
  Host host(1000);
  fill(host, {3, 1, 2});
  for (uint64_t uid : {3, 2, 1}) host.step(from_leader(uid, append_of(1, 1, {1, 1}, 1)));
  auto outputs = host.take();
  ASSERT_EQ(outputs.size(), 3u);
  EXPECT_EQ(outputs[0].uid, Uid{1});
  EXPECT_EQ(outputs[2].uid, Uid{3});
  EXPECT_TRUE(host.take().empty());

  Group* group = host.find(Uid{2});
  group->persisted(Index{3}, Term{1}, {Term{1}, Uid{}});
  host.touch(Uid{2});
  EXPECT_EQ(host.take().size(), 1u);
}

TEST(Host, MessagesToAbsentReplicasAreDropped) {
  Host host(1000);
  host.step(from_leader(1, append_of(1, 1, {})));
  host.touch(Uid{7});

  EXPECT_TRUE(host.take().empty());
  EXPECT_EQ(host.find(Uid{1}), nullptr);
}

TEST(Host, RemovedGroupIsForgotten) {
  Host host(1000);
  fill(host);
  host.touch(Uid{1});
  host.remove(Uid{1});

  EXPECT_TRUE(host.take().empty());
  host.disconnected(kPeer);
  EXPECT_EQ(host.find(Uid{1}), nullptr);
}

}  // namespace
}  // namespace strandlog::raft
