// Snapshots, both sides: when one is asked for, and what the receiver does with it.
#include <gtest/gtest.h>

#include "tests/raft/group_tester.h"

namespace strandlog::raft {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(GroupSnapshot, AtOrBelowCommitIsAnsweredByCommit) {  // case 21
  GroupTester group({.log = {1, 1, 1}, .commit = 2});

  EXPECT_THAT(group.receive(2, 1, SnapshotOffer{Index{2}, Term{1}}),
              ElementsAre("1->2 t1 ok match=2 commit=2"));
  EXPECT_EQ(group.group.last(), Index{3});
}

TEST(GroupSnapshot, ThatMatchesTheLogOnlyAdvancesCommit) {  // case 21
  GroupTester group({.log = {1, 1, 1}});

  EXPECT_THAT(group.receive(2, 1, SnapshotOffer{Index{2}, Term{1}}),
              ElementsAre("1->2 t1 ok match=2 commit=2"));
  EXPECT_EQ(group.group.last(), Index{3});
}

TEST(GroupSnapshot, ReplacesALogThatDiffersAndIsAnsweredWhenDurable) {  // case 21
  GroupTester group({.log = {1, 1, 1}, .term = 3, .commit = 1});

  EXPECT_THAT(group.receive(2, 3, SnapshotOffer{Index{9}, Term{2}}), ElementsAre("install 9/2"));
  EXPECT_EQ(group.group.last(), Index{9});
  EXPECT_EQ(group.group.status().start, Index{9});
  EXPECT_EQ(group.group.commit(), Index{9});
  EXPECT_EQ(group.group.term(), Term{3});
  EXPECT_THAT(group.persist(3), IsEmpty());
  EXPECT_THAT(group.persist(9), ElementsAre("1->2 t3 ok match=9 commit=9"));
  EXPECT_THAT(group.receive(2, 3, append_of(9, 2, {3})), ElementsAre("write 10..10"));
}

TEST(GroupSnapshot, ConflictingEntryAboveCommitIsDropped) {  // case 21
  GroupTester group({.log = {1, 1, 1}, .term = 3, .commit = 1});

  EXPECT_THAT(group.receive(2, 3, SnapshotOffer{Index{2}, Term{2}}), ElementsAre("install 2/2"));
  EXPECT_EQ(group.group.last(), Index{2});
}

TEST(GroupSnapshot, IsAskedForBelowTheStartAndPausesAppends) {  // cases 22, 23
  GroupTester group({.log = {4, 4}, .start = 10, .start_term = 3, .commit = 12});
  group.elect();  // the no-op is 13

  EXPECT_THAT(group.refuse(2, 12, 5, 2), ElementsAre("snapshot ->2 at_least=10"));
  ASSERT_TRUE(group.group.propose().ok());
  EXPECT_THAT(group.take(), Contains(testing::HasSubstr("->2")).Times(0));
  const Lines lines = group.tick(2);
  EXPECT_THAT(lines, Contains("1->2 t5 append prev=0/0 last=0 commit=0"));
  EXPECT_THAT(lines, Contains(testing::HasSubstr("snapshot")).Times(0));
}

TEST(GroupSnapshot, SuccessProbesBehindIt) {  // case 22
  GroupTester group({.log = {4, 4}, .start = 10, .start_term = 3, .commit = 12});
  group.elect();
  group.refuse(2, 12, 5, 2);

  group.group.snapshot_done(Uid{2}, true);
  EXPECT_THAT(group.take(), ElementsAre("send ->2 t5 prev=10/3 last=13 commit=12"));
}

TEST(GroupSnapshot, FailureIsRetriedAtTheNextHeartbeatOnly) {  // case 22
  GroupTester group({.log = {4, 4}, .start = 10, .start_term = 3, .commit = 12});
  group.elect();
  group.refuse(2, 12, 5, 2);

  group.group.snapshot_done(Uid{2}, false);
  EXPECT_THAT(group.take(), IsEmpty());
  EXPECT_THAT(group.tick(2), Contains("snapshot ->2 at_least=10"));
  group.group.snapshot_done(Uid{2}, true);
  group.take();
  group.group.snapshot_done(Uid{2}, false);  // a late report of the first one
  EXPECT_THAT(group.take(), IsEmpty());
}

TEST(GroupSnapshot, AnswerThatReachesItEndsThePause) {  // case 22
  GroupTester group({.log = {4, 4}, .start = 10, .start_term = 3, .commit = 12});
  group.elect();
  group.refuse(2, 12, 5, 2);

  EXPECT_THAT(group.accept(2, 11), ElementsAre("send ->2 t5 prev=11/4 last=13 commit=12"));
}

TEST(GroupSnapshot, IsNotSentToAnAbsentBroker) {  // case 22
  GroupTester group({.log = {4, 4}, .start = 10, .start_term = 3, .commit = 12});
  group.elect();
  group.liveness.dead = {2};
  group.group.peer_down(BrokerId{2});
  group.take();
  EXPECT_THAT(group.refuse(2, 12, 5, 2), Contains(testing::HasSubstr("snapshot")).Times(0));
  EXPECT_THAT(group.tick(4), Contains(testing::HasSubstr("snapshot")).Times(0));

  group.liveness.dead = {};
  group.group.peer_up(BrokerId{2}, true);
  EXPECT_THAT(group.take(), Contains("snapshot ->2 at_least=10"));
}

TEST(GroupSnapshot, SessionEndForgetsOneUnderWay) {  // case 22
  GroupTester group({.log = {4, 4}, .start = 10, .start_term = 3, .commit = 12});
  group.elect();
  group.refuse(2, 12, 5, 2);
  group.group.peer_down(BrokerId{2});
  group.group.peer_up(BrokerId{2}, false);

  EXPECT_THAT(group.take(), Contains("snapshot ->2 at_least=10"));
}

TEST(GroupSnapshot, EntriesGoneBeforeTheyWereReadFallBackToIt) {  // case 23
  GroupTester group({.log = {1, 1, 1, 1}, .commit = 4});
  group.elect();  // the no-op is 5
  group.refuse(2, 4, 1, 1);
  ASSERT_EQ(group.out.sends.size(), 1u);

  group.group.sent(Uid{2}, Index{1}, 0, true);
  EXPECT_THAT(group.take(), ElementsAre("snapshot ->2 at_least=2"));
}

TEST(GroupSnapshot, TrimmedLogAsksForOne) {  // case 23
  GroupTester group({.log = {1, 1, 1, 1}, .commit = 4});
  group.elect();
  group.group.trimmed(Index{3});

  EXPECT_EQ(group.group.status().start, Index{3});
  EXPECT_EQ(group.group.term_at(Index{2}), std::nullopt);
  EXPECT_THAT(group.refuse(2, 4, 1, 1), ElementsAre("snapshot ->2 at_least=3"));
}

TEST(GroupSnapshot, FollowerBetweenTrimAndAnswerIsNotToldInVain) {
  // A commit notice names an entry the follower has; below the start there is none to name, and
  // asking for one at every answer once kept two replicas talking for ever.
  GroupTester group({.log = {1, 1}, .commit = 2});
  group.elect();  // the no-op is 3
  group.accept(2, 3);
  group.accept(3, 3);
  ASSERT_TRUE(group.group.propose().ok());
  group.take();
  group.answer_sends();
  group.persist();
  group.accept(2, 4, 4);
  group.group.trimmed(Index{4});

  EXPECT_THAT(group.accept(3, 3, 2), IsEmpty());
  EXPECT_THAT(group.accept(3, 3, 2), IsEmpty());
}

}  // namespace
}  // namespace strandlog::raft
