// A follower's pace: back-off, the byte window, what ends a pause.
#include "raft/progress.h"

#include <gtest/gtest.h>

namespace strandlog::raft {
namespace {

Send send_of(uint64_t prev, uint64_t last) {
  return {.to = Uid{2},
          .term = Term{1},
          .prev = Index{prev},
          .prev_term = {},
          .last = Index{last},
          .max_bytes = 100,
          .commit = {},
          .read_round = 0};
}

Progress replicating(uint64_t match) {
  Progress progress(BrokerId{2}, Index{match + 1});
  progress.accepted(Index{match});
  return progress;
}

TEST(Progress, ProbeSendsOneAppendUntilItIsAnsweredOrAHeartbeatPasses) {  // case 25
  Progress progress(BrokerId{2}, Index{5});
  progress.ask(send_of(4, 6));
  progress.sent(Index{6}, 20);
  EXPECT_FALSE(progress.may_send(100));

  progress.heartbeat_passed();
  EXPECT_TRUE(progress.may_send(100));
  EXPECT_EQ(progress.next(), Index{5});
}

TEST(Progress, AcceptedProbeStartsReplication) {
  Progress progress(BrokerId{2}, Index{5});
  progress.ask(send_of(4, 6));
  progress.sent(Index{6}, 20);

  EXPECT_TRUE(progress.accepted(Index{6}));

  EXPECT_EQ(progress.pace(), Pace::kReplicate);
  EXPECT_EQ(progress.next(), Index{7});
}

TEST(Progress, WindowClosesAtItsBytesAndOpensByAnswers) {
  Progress progress = replicating(4);
  progress.ask(send_of(4, 9));
  progress.sent(Index{6}, 60);
  EXPECT_TRUE(progress.may_send(100));
  progress.ask(send_of(6, 9));
  progress.sent(Index{8}, 60);
  EXPECT_FALSE(progress.may_send(100));
  EXPECT_EQ(progress.unanswered_bytes(), 120u);

  progress.accepted(Index{7});

  EXPECT_EQ(progress.unanswered_bytes(), 60u);
  EXPECT_TRUE(progress.may_send(100));
}

TEST(Progress, AsksOneSendAtATime) {
  Progress progress = replicating(4);
  progress.ask(send_of(4, 9));

  EXPECT_FALSE(progress.may_send(100));
}

TEST(Progress, RefusalNeverMovesNextToMatchOrBelow) {  // case 5
  Progress progress = replicating(4);
  progress.ask(send_of(4, 9));
  progress.sent(Index{9}, 10);

  EXPECT_FALSE(progress.refused(Index{4}, Index{2}));
  EXPECT_FALSE(progress.refused(Index{3}, Index{0}));
  EXPECT_TRUE(progress.refused(Index{9}, Index{1}));

  EXPECT_EQ(progress.pace(), Pace::kProbe);
  EXPECT_EQ(progress.next(), Index{5});
  EXPECT_EQ(progress.unanswered_bytes(), 0u);
}

TEST(Progress, RefusalOfAnotherProbeThanTheLastIsStale) {  // case 5
  Progress progress(BrokerId{2}, Index{9});

  EXPECT_FALSE(progress.refused(Index{7}, Index{3}));
  EXPECT_TRUE(progress.refused(Index{8}, Index{3}));
  EXPECT_EQ(progress.next(), Index{4});
  EXPECT_FALSE(progress.refused(Index{8}, Index{1}));
  EXPECT_EQ(progress.next(), Index{4});
}

TEST(Progress, NextNeverFallsBelowOne) {  // case 5
  Progress progress(BrokerId{2}, Index{2});

  EXPECT_TRUE(progress.refused(Index{1}, Index{0}));
  EXPECT_EQ(progress.next(), Index{1});
  EXPECT_FALSE(progress.refused(Index{0}, Index{0}));
  EXPECT_EQ(progress.next(), Index{1});
}

TEST(Progress, SendBegunBeforeAResetMovesNothing) {
  Progress progress = replicating(4);
  progress.ask(send_of(4, 9));
  progress.to_probe(Index{5});
  EXPECT_FALSE(progress.may_send(100)) << "the driver still holds the old one";

  EXPECT_FALSE(progress.sent(Index{9}, 50));

  EXPECT_EQ(progress.next(), Index{5});
  EXPECT_EQ(progress.unanswered_bytes(), 0u);
  EXPECT_TRUE(progress.may_send(100));
}

TEST(Progress, NothingReadableWaitsForTheNextHeartbeat) {
  Progress progress = replicating(4);
  progress.ask(send_of(4, 9));
  EXPECT_TRUE(progress.sent(Index{4}, 0));
  EXPECT_FALSE(progress.may_send(100));

  progress.heartbeat_passed();
  EXPECT_TRUE(progress.may_send(100));
}

TEST(Progress, SnapshotEndsByAnAnswerThatReachesIt) {  // case 22
  Progress progress(BrokerId{2}, Index{3});
  progress.to_snapshot(Index{10});
  EXPECT_FALSE(progress.may_send(100));

  progress.accepted(Index{9});
  EXPECT_EQ(progress.pace(), Pace::kSnapshot);
  progress.accepted(Index{12});
  EXPECT_EQ(progress.pace(), Pace::kReplicate);
  EXPECT_EQ(progress.next(), Index{13});
}

TEST(Progress, ProbesWhereItStoodWhenNothingIsKnown) {
  Progress progress(BrokerId{2}, Index{900});

  progress.reprobe();
  EXPECT_EQ(progress.next(), Index{900});
  progress.forget_match();
  EXPECT_EQ(progress.next(), Index{900});
}

TEST(Progress, ForgetsMatchOfARestartedFollowerAndProbesThere) {
  Progress progress = replicating(4);

  progress.forget_match();

  EXPECT_EQ(progress.match(), Index{0});
  EXPECT_EQ(progress.next(), Index{5});
  EXPECT_EQ(progress.pace(), Pace::kProbe);
}

}  // namespace
}  // namespace strandlog::raft
