// A leader: commit rules, what it sends, check-quorum, transfer.
#include <gtest/gtest.h>

#include "tests/raft/group_tester.h"

namespace strandlog::raft {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(GroupCommit, BeginsATermWithANoOpSentBeforeItIsDurable) {  // cases 1, 24
  GroupTester group({.log = {1, 1}});
  group.tick_until_campaign();
  group.receive(2, 2, VoteAnswer{.pre = true, .granted = true});
  group.persist();

  EXPECT_THAT(
      group.receive(2, 2, VoteAnswer{.pre = false, .granted = true}),
      ElementsAre("send ->2 t2 prev=2/1 last=3 commit=0", "send ->3 t2 prev=2/1 last=3 commit=0",
                  "write 3..3 noop=3", "leads term 2"));
}

TEST(GroupCommit, NeverCountsCopiesOfAnOlderTerm) {  // case 1, thesis figure 3.7
  GroupTester group({.log = {1, 1}});
  group.elect();

  group.accept(2, 2);
  group.accept(3, 2);
  EXPECT_EQ(group.group.commit(), Index{0});
  EXPECT_FALSE(group.group.committed_in_term());
  group.accept(2, 3);
  EXPECT_EQ(group.group.commit(), Index{3});
  EXPECT_TRUE(group.group.committed_in_term());
}

TEST(GroupCommit, OwnCopyCountsOnlyWhenDurable) {  // case 24
  GroupTester group({});
  group.elect();
  group.accept(2, 1);
  ASSERT_TRUE(group.group.propose().ok());
  group.take();
  group.answer_sends();

  group.accept(2, 2);
  EXPECT_EQ(group.group.commit(), Index{1});
  group.persist();
  EXPECT_EQ(group.group.commit(), Index{2});
}

TEST(GroupCommit, TwoDurableFollowersCommitBeforeTheLeaderIsDurable) {  // thesis 10.2.1
  GroupTester group({});
  group.elect();
  group.accept(2, 1);
  ASSERT_TRUE(group.group.propose().ok());
  group.take();

  group.accept(2, 2);
  group.accept(3, 2);

  EXPECT_EQ(group.group.commit(), Index{2});
  EXPECT_EQ(group.group.durable(), Index{1});
}

TEST(GroupCommit, SingleVoterCommitsOnlyWhatIsDurable) {  // case 24
  GroupTester group({.voters = {1}});
  EXPECT_THAT(group.tick(), ElementsAre("hard term=1 vote=1"));
  EXPECT_THAT(group.persist(), ElementsAre("write 1..1 noop=1", "leads term 1"));
  EXPECT_EQ(group.group.commit(), Index{0});

  group.persist();
  EXPECT_EQ(group.group.commit(), Index{1});
}

TEST(GroupCommit, SingleVoterWaitsForASlowDiskInOneTerm) {
  // Campaigning again at every tick once raised the term faster than the disk could follow.
  GroupTester group({.voters = {1}});
  group.tick(8);
  group.persist();

  EXPECT_EQ(group.group.role(), Role::kLeader);
  EXPECT_EQ(group.group.term(), Term{1});
}

TEST(GroupCommit, LearnersDoNotCount) {
  GroupTester group({.learners = {4}});
  group.elect();

  group.accept(4, 1);
  EXPECT_EQ(group.group.commit(), Index{0});
}

TEST(GroupCommit, AnswerBeyondTheLogIsIgnored) {
  GroupTester group({});
  group.elect();

  EXPECT_THAT(group.accept(2, 99), IsEmpty());
  EXPECT_EQ(group.group.commit(), Index{0});
}

TEST(GroupCommit, ProposalsOfAFollowerAreRefused) {
  GroupTester group({});

  EXPECT_EQ(group.group.propose().error().code, Code::kNotLeader);
}

TEST(GroupSend, HeartbeatCarriesNoCommitBeyondTheMatch) {  // case 2
  GroupTester group({.log = {1}});
  group.elect();
  group.accept(2, 2);
  group.accept(3, 1);
  ASSERT_EQ(group.group.commit(), Index{2});

  const Lines lines = group.tick(2);
  EXPECT_THAT(lines, Contains("1->2 t2 append prev=2/2 last=2 commit=2"));
  EXPECT_THAT(lines, Contains("1->3 t2 append prev=1/1 last=1 commit=1"));
}

TEST(GroupSend, CommitIsToldToAFollowerThatHasNothingElseToGet) {
  GroupTester group({});
  group.elect();
  EXPECT_THAT(group.accept(2, 1), ElementsAre("1->2 t1 append prev=1/1 last=1 commit=1"));
  EXPECT_THAT(group.accept(2, 1, 1), IsEmpty());
}

TEST(GroupSend, CommitNoticeWaitsForAnswersUnderWay) {
  GroupTester group({});
  group.elect();
  group.accept(2, 1, 1);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(group.group.propose().ok());
    group.take();
    group.answer_sends();
  }
  group.persist();

  EXPECT_THAT(group.accept(2, 2, 1), IsEmpty());
  EXPECT_THAT(group.accept(2, 3, 1), ElementsAre("1->2 t1 append prev=3/1 last=3 commit=3"));
}

TEST(GroupSend, StreamsUntilTheWindowIsFull) {
  GroupTester group({});
  group.elect();
  group.accept(2, 1);
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(group.group.propose().ok());
  EXPECT_THAT(group.take(), Contains("send ->2 t1 prev=1/0 last=31 commit=1").Times(0));
  for (uint64_t last : {11, 21, 26}) {
    ASSERT_EQ(group.out.sends.size(), 1u);
    group.group.sent(Uid{2}, Index{last}, last == 26 ? 200 : 400);
    group.take();
  }
  EXPECT_TRUE(group.out.sends.empty());

  group.accept(2, 11);
  EXPECT_EQ(group.out.sends.size(), 1u);
}

TEST(GroupSend, AnAppendIsNotCutToWhatIsLeftOfTheWindow) {
  GroupTester group({});
  group.elect();
  group.accept(2, 1);
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(group.group.propose().ok());
  group.take();
  group.group.sent(Uid{2}, Index{11}, 400);
  group.take();
  group.group.sent(Uid{2}, Index{21}, 400);
  group.take();
  group.group.sent(Uid{2}, Index{26}, 199);
  group.take();

  ASSERT_EQ(group.out.sends.size(), 1u) << "one byte is left of 1000";
  EXPECT_EQ(group.out.sends.front().max_bytes, 400u);
}

TEST(GroupSend, RefusedAppendFallsBackToTheHint) {  // case 5
  GroupTester group({.log = {1, 1, 1, 4, 4}});
  group.elect();  // the no-op is 6

  EXPECT_THAT(group.refuse(2, 5, 5, 3), ElementsAre("send ->2 t5 prev=3/1 last=6 commit=0"));
  group.answer_sends();
  EXPECT_THAT(group.refuse(2, 5, 2, 1), IsEmpty()) << "stale";
  EXPECT_TRUE(group.peer(2).probing);
  EXPECT_THAT(group.refuse(2, 3, 0, 0), ElementsAre("send ->2 t5 prev=0/0 last=6 commit=0"));
}

TEST(GroupSend, ProbeIsRepeatedOncePerHeartbeat) {  // case 25
  GroupTester group({});
  group.elect();

  const Lines first = group.tick(2);
  EXPECT_THAT(first, Contains("send ->2 t1 prev=0/0 last=1 commit=0"));
  EXPECT_THAT(first, Contains("1->2 t1 append prev=0/0 last=0 commit=0"));
  group.answer_sends();
  EXPECT_THAT(group.tick(1), IsEmpty());
}

TEST(GroupSend, ReplicaThatNeverAnswersGetsEmptyAppendsOnly) {
  GroupTester group({});
  group.elect();
  for (int i = 0; i < 40; ++i) {
    group.tick();
    group.answer_sends();
    group.accept(2, 1, 1);
  }
  const Lines lines = group.tick(4);
  EXPECT_THAT(lines, Contains("1->3 t1 append prev=0/0 last=0 commit=0"));
  EXPECT_THAT(lines, Contains(testing::HasSubstr("send ->3")).Times(0));

  EXPECT_THAT(group.accept(3, 0), Contains("send ->3 t1 prev=0/0 last=1 commit=1"));
}

TEST(GroupSend, LostSessionMeansProbing) {  // case 25
  GroupTester group({});
  group.elect();
  group.accept(2, 1);
  group.accept(3, 1);
  EXPECT_FALSE(group.peer(3).probing);
  group.group.peer_down(BrokerId{3});
  group.liveness.dead = {3};
  EXPECT_TRUE(group.peer(3).probing);
  ASSERT_TRUE(group.group.propose().ok());
  group.take();
  for (const Send& send : group.out.sends) EXPECT_EQ(send.to, Uid{2});

  group.liveness.dead = {};
  group.group.peer_up(BrokerId{3}, false);
  EXPECT_THAT(group.take(), Contains("send ->3 t1 prev=1/1 last=2 commit=1"));
}

TEST(GroupSend, RestartedFollowerMustProveItsLogAgain) {  // case 29
  GroupTester group({});
  group.elect();
  group.accept(2, 1);
  group.accept(3, 1);

  group.group.peer_up(BrokerId{2}, true);
  EXPECT_THAT(group.take(), ElementsAre("1->2 t1 append prev=1/1 last=1 commit=1"));
  EXPECT_EQ(group.peer(2).match, Index{0});
  EXPECT_EQ(group.group.commit(), Index{1});
  group.accept(2, 1, 0);
  EXPECT_EQ(group.peer(2).match, Index{1});
}

TEST(GroupSend, UnreadableEntriesAreAskedForAgainAtTheNextHeartbeat) {
  GroupTester group({});
  group.elect();
  group.accept(2, 1);
  ASSERT_TRUE(group.group.propose().ok());
  group.take();
  group.group.sent(Uid{2}, Index{1}, 0);
  EXPECT_THAT(group.take(), IsEmpty());

  EXPECT_THAT(group.tick(2), Contains("send ->2 t1 prev=1/1 last=2 commit=1"));
}

TEST(GroupSend, AppendsLostWithoutTraceAreProbedFor) {
  GroupTester group({});
  group.elect();
  group.accept(2, 1);
  group.accept(3, 1);
  ASSERT_TRUE(group.group.propose().ok());
  group.take();
  group.answer_sends();
  Lines lines;
  for (int i = 0; i < 10; ++i) {
    for (const std::string& line : group.tick()) lines.push_back(line);
    group.accept(2, 1, 1);  // heartbeats arrive, the append did not
  }

  EXPECT_THAT(lines, Contains("send ->2 t1 prev=1/1 last=2 commit=1").Times(1));
}

TEST(GroupCheckQuorum, LeaderWithoutAnswersStepsDown) {  // case 15
  GroupTester group({.learners = {4}});
  group.elect();
  for (int i = 0; i < 30 && group.group.role() == Role::kLeader; ++i) {
    group.tick();
    if (group.group.role() == Role::kLeader) group.accept(4, 1);  // a learner holds nobody up
  }

  EXPECT_EQ(group.group.role(), Role::kFollower);
  EXPECT_EQ(group.group.leader(), Uid{});
  EXPECT_EQ(group.group.term(), Term{1});
  EXPECT_THAT(describe(group.out), Contains("1->2 t1 step-down"));
  EXPECT_THAT(describe(group.out), Contains("lost leadership"));
}

TEST(GroupCheckQuorum, OneVoterOfTwoOthersIsEnough) {  // case 15
  GroupTester group({});
  group.elect();
  for (int i = 0; i < 100; ++i) {
    group.tick();
    group.accept(2, 1);
  }

  EXPECT_EQ(group.group.role(), Role::kLeader);
}

TEST(GroupTransfer, FiresWhenTheTargetIsCaughtUp) {  // case 14
  GroupTester group({});
  group.elect();
  EXPECT_TRUE(group.group.transfer_to(Uid{2}).ok());
  EXPECT_THAT(group.take(), IsEmpty());
  EXPECT_EQ(group.group.propose().error().code, Code::kBusy);

  EXPECT_THAT(group.accept(2, 1), Contains("1->2 t1 timeout-now"));
  EXPECT_THAT(group.accept(2, 1), Contains("1->2 t1 timeout-now").Times(0));
}

TEST(GroupTransfer, EndsAfterAnElectionTimeout) {  // case 14
  GroupTester group({});
  group.elect();
  EXPECT_TRUE(group.group.transfer_to(Uid{2}).ok());
  for (int i = 0; i < 10; ++i) {
    group.tick();
    group.accept(3, 1);
  }

  EXPECT_TRUE(group.group.propose().ok());
}

TEST(GroupTransfer, OneAtATimeAndOnlyToAnotherVoter) {  // case 14
  GroupTester group({.learners = {4}});
  EXPECT_EQ(group.group.transfer_to(Uid{2}).error().code, Code::kNotLeader);
  group.elect();
  for (const uint64_t uid : {1, 4, 9}) {
    EXPECT_EQ(group.group.transfer_to(Uid{uid}).error().code, Code::kInvalidArgument);
  }

  EXPECT_TRUE(group.group.transfer_to(Uid{2}).ok());
  EXPECT_TRUE(group.group.transfer_to(Uid{2}).ok());
  EXPECT_EQ(group.group.transfer_to(Uid{3}).error().code, Code::kBusy);
}

TEST(GroupTransfer, TargetCampaignsAtOnceWithoutPreVote) {  // case 14
  GroupTester group({.log = {1}});
  group.receive(2, 1, append_of(1, 1, {}));
  EXPECT_THAT(group.receive(3, 1, TimeoutNow{}), IsEmpty()) << "not from the leader";

  EXPECT_THAT(group.receive(2, 1, TimeoutNow{}),
              ElementsAre("hard term=2 vote=1", "after write: 1->2 t2 vote? last=1/1 transfer",
                          "after write: 1->3 t2 vote? last=1/1 transfer"));
}

TEST(GroupTransfer, RemovedTargetIgnoresIt) {  // case 14
  GroupTester group({.self = 9, .log = {1}});
  group.receive(2, 1, append_of(1, 1, {}));

  EXPECT_THAT(group.receive(2, 1, TimeoutNow{}), IsEmpty());
  EXPECT_EQ(group.group.role(), Role::kFollower);
}

TEST(GroupStepDown, TellsEverybodyAndKeepsTheTerm) {
  GroupTester group({});
  group.elect();

  group.group.step_down();

  EXPECT_THAT(group.take(),
              ElementsAre("1->2 t1 step-down", "1->3 t1 step-down", "lost leadership"));
  group.group.step_down();
  EXPECT_THAT(group.take(), IsEmpty());
}

TEST(GroupStepDown, FollowerCampaignsSoonAfterIt) {
  GroupTester group({.log = {1}});
  group.receive(2, 1, append_of(1, 1, {}, 0, 0, true));
  EXPECT_THAT(group.tick(50), IsEmpty());

  EXPECT_THAT(group.receive(3, 1, StepDown{}), IsEmpty());
  EXPECT_EQ(group.group.leader(), Uid{2});
  group.receive(2, 1, StepDown{});
  EXPECT_EQ(group.group.leader(), Uid{});
  group.tick(3);
  EXPECT_EQ(group.group.role(), Role::kPreCandidate);
}

TEST(GroupStepDown, AnAppendThatComesBehindItIsNoSignOfLife) {
  GroupTester group({.log = {1}});
  group.receive(2, 1, append_of(1, 1, {}, 0, 0, true));
  group.receive(2, 1, StepDown{});

  EXPECT_THAT(group.receive(2, 1, append_of(1, 1, {1}, 0, 0, false)), IsEmpty());

  EXPECT_EQ(group.group.leader(), Uid{});
  group.tick(3);
  EXPECT_EQ(group.group.role(), Role::kPreCandidate);
  group.receive(3, 2, append_of(1, 1, {2}, 0, 0, false));
  EXPECT_EQ(group.group.leader(), Uid{3}) << "the next term has a leader of its own";
}

}  // namespace
}  // namespace strandlog::raft
