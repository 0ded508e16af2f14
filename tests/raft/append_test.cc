// A follower's log: what it writes, cuts, answers, and when.
#include <gtest/gtest.h>

#include "tests/raft/group_tester.h"

namespace strandlog::raft {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(GroupAppend, IsAnsweredWhenItsEntriesAreDurable) {  // case 24
  GroupTester group({.log = {1}});
  EXPECT_THAT(group.receive(2, 1, append_of(1, 1, {1, 1}, 1)), ElementsAre("write 2..3"));

  EXPECT_THAT(group.persist(2), ElementsAre("1->2 t1 ok match=2 commit=1"));
  EXPECT_THAT(group.persist(3), ElementsAre("1->2 t1 ok match=3 commit=1"));
  EXPECT_THAT(group.persist(3), IsEmpty());
}

TEST(GroupAppend, OneReportAnswersManyAppendsWithTheNewestRound) {
  GroupTester group({.log = {1}});
  group.receive(2, 1, append_of(1, 1, {1}, 0, 4));
  group.receive(2, 1, append_of(2, 1, {1}, 0, 6));

  EXPECT_THAT(group.persist(), ElementsAre("1->2 t1 ok match=3 commit=0 round=6"));
}

TEST(GroupAppend, KnownEntriesAreAnsweredAtOnce) {
  GroupTester group({.log = {1, 1, 1}});

  EXPECT_THAT(group.receive(2, 1, append_of(1, 1, {1, 1}, 2)),
              ElementsAre("1->2 t1 ok match=3 commit=2"));
}

TEST(GroupAppend, AnswersInANewTermWaitUntilTheTermIsDurable) {
  GroupTester group({.log = {1}});

  EXPECT_THAT(group.receive(2, 4, append_of(1, 1, {})),
              ElementsAre("hard term=4 vote=0", "after write: 1->2 t4 ok match=1 commit=0"));
}

TEST(GroupAppend, WritesOnlyWhatItLacks) {
  GroupTester group({.log = {1, 1}});

  EXPECT_THAT(group.receive(2, 1, append_of(1, 1, {1, 1, 1})), ElementsAre("write 3..4"));
}

TEST(GroupAppend, CommitsOnlyUpToTheLastEntryOfTheMessage) {  // case 3
  GroupTester group({.log = {1, 1, 1, 1}});  // 3 and 4 may differ from the leader's

  group.receive(2, 1, append_of(1, 1, {1}, 4));

  EXPECT_EQ(group.out.commit, Index{2});
}

TEST(GroupAppend, CommitBeyondTheLogIsCutToTheMessage) {  // case 2
  GroupTester group({.log = {1}});

  group.receive(2, 1, append_of(1, 1, {}, 100));

  EXPECT_EQ(group.out.commit, Index{1});
}

TEST(GroupAppend, PrevBelowCommitIsAnsweredByCommitAndTouchesNothing) {  // case 4
  GroupTester group({.log = {1, 1, 1, 1}, .commit = 3});

  EXPECT_THAT(group.receive(2, 2, append_of(1, 1, {2, 2, 2}, 4)),
              ElementsAre("hard term=2 vote=0", "after write: 1->2 t2 ok match=3 commit=3"));
  EXPECT_EQ(group.group.term_at(Index{4}), Term{1});
}

TEST(GroupAppend, ConflictCutsTheLog) {  // case 5
  GroupTester group({.log = {1, 2, 2, 2}, .commit = 1});

  EXPECT_THAT(group.receive(2, 3, append_of(2, 2, {3})),
              ElementsAre("hard term=3 vote=0", "truncate 3", "write 3..3"));
  EXPECT_EQ(group.group.last(), Index{3});
  EXPECT_EQ(group.group.durable(), Index{2});
}

TEST(GroupAppend, LongerLogWithoutConflictIsKept) {  // case 5
  GroupTester group({.log = {1, 1, 1, 1}});

  EXPECT_THAT(group.receive(2, 1, append_of(1, 1, {1})),
              ElementsAre("1->2 t1 ok match=2 commit=0"));
  EXPECT_EQ(group.group.last(), Index{4});
}

TEST(GroupAppendDeathTest, ConflictAtOrBelowCommitIsImpossible) {  // case 4
  GroupTester group({.log = {1, 1, 1}, .commit = 2});

  EXPECT_DEATH(group.receive(2, 2, append_of(2, 2, {2})), "commit_");
}

TEST(GroupAppend, GapIsRefusedWithTheEndAsHint) {  // case 5
  GroupTester group({.log = {1, 2}});

  EXPECT_THAT(group.receive(2, 2, append_of(7, 2, {2})),
              ElementsAre("1->2 t2 refused prev=7 hint=2/2 commit=0"));
}

TEST(GroupAppend, RefusalSkipsATermAtOnce) {  // case 5, thesis 3.3
  GroupTester group({.log = {1, 1, 4, 4, 4, 4}, .term = 6});

  EXPECT_THAT(group.receive(2, 6, append_of(6, 5, {6})),
              ElementsAre("1->2 t6 refused prev=6 hint=6/4 commit=0"));
  EXPECT_THAT(group.receive(2, 6, append_of(6, 3, {6})),
              ElementsAre("1->2 t6 refused prev=6 hint=2/1 commit=0"));
}

TEST(GroupAppend, MalformedRunsChangeNothing) {
  GroupTester group({.log = {1}});
  Append no_runs = append_of(1, 1, {1});
  no_runs.runs.clear();
  Append future = append_of(1, 1, {9});
  Append falling = append_of(1, 1, {1, 1});
  falling.runs = {{Index{2}, Term{1}}, {Index{3}, Term{0}}};
  Append shifted = append_of(1, 1, {1});
  shifted.runs.front().first = Index{5};
  Append backwards = append_of(1, 1, {});
  backwards.last = Index{0};

  for (const Append& bad : {no_runs, future, falling, shifted, backwards}) {
    EXPECT_THAT(group.receive(2, 1, bad), IsEmpty());
  }
  EXPECT_EQ(group.group.last(), Index{1});
}

TEST(GroupAppend, ReportOfAnOverwrittenWriteIsIgnored) {  // case 6
  GroupTester group({.log = {1}});
  group.receive(2, 2, append_of(1, 1, {2, 2}));
  const HardState before = group.hard;
  group.receive(3, 3, append_of(1, 1, {3}));

  group.group.persisted(Index{3}, Term{2}, before);
  EXPECT_THAT(group.take(), IsEmpty());
  EXPECT_EQ(group.group.durable(), Index{1});

  EXPECT_THAT(group.persist(), ElementsAre("1->3 t3 ok match=2 commit=0"));
}

TEST(GroupAppend, EntriesOfAnotherLeaderAreNotAcked) {
  GroupTester group({.log = {1, 1, 1}});  // 2 and 3 are not known to be in the new leader's log

  group.receive(2, 2, append_of(1, 1, {}));

  EXPECT_THAT(describe(group.out), testing::Contains("after write: 1->2 t2 ok match=1 commit=0"));
}

TEST(GroupAppend, CommitIsRelearnedFromTheLeaderAfterARestart) {  // case 28
  GroupTester group({.log = {1, 1, 1}, .commit = 0});
  EXPECT_EQ(group.group.commit(), Index{0});

  group.receive(2, 1, append_of(3, 1, {}, 3));

  EXPECT_EQ(group.group.commit(), Index{3});
}

TEST(GroupAppend, SecondLeaderInATermIsIgnored) {
  GroupTester group({.log = {1}});
  group.receive(2, 1, append_of(1, 1, {}));

  EXPECT_THAT(group.receive(3, 1, append_of(0, 0, {1, 1})), IsEmpty());
  EXPECT_EQ(group.group.leader(), Uid{2});
}

}  // namespace
}  // namespace strandlog::raft
