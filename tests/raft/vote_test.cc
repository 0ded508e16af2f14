// Votes: once per term, durable before they leave, only for logs as good as ours.
#include <gtest/gtest.h>

#include "tests/raft/cluster.h"
#include "tests/raft/group_tester.h"

namespace strandlog::raft {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(GroupVote, LeavesOnlyAfterTermAndVoteAreWritten) {  // case 7
  GroupTester group({.log = {1, 1}});

  EXPECT_THAT(group.receive(2, 5, vote_request(2, 1)),
              ElementsAre("hard term=5 vote=2", "after write: 1->2 t5 vote granted"));
}

TEST(GroupVote, GrantsOneVotePerTerm) {  // case 7, thesis 3.4
  GroupTester group({.log = {1, 1}});
  group.receive(2, 5, vote_request(2, 1));

  EXPECT_THAT(group.receive(3, 5, vote_request(9, 4)),
              ElementsAre("hard term=5 vote=2", "after write: 1->3 t5 vote refused"));
  group.persist();
  EXPECT_THAT(group.receive(3, 5, vote_request(9, 4)), ElementsAre("1->3 t5 vote refused"));
  EXPECT_THAT(group.receive(2, 5, vote_request(2, 1)), ElementsAre("1->2 t5 vote granted"));
}

TEST(GroupVote, RemembersItsVoteAfterARestart) {  // case 29
  GroupTester group({.log = {1}, .term = 5, .vote = 2});

  EXPECT_THAT(group.receive(3, 5, vote_request(9, 4)), ElementsAre("1->3 t5 vote refused"));
}

TEST(GroupVote, RefusesALogThatIsBehind) {  // thesis 3.6.1
  GroupTester group({.log = {1, 2, 2}});

  group.receive(2, 5, vote_request(9, 1));
  EXPECT_THAT(describe(group.out), testing::Contains("after write: 1->2 t5 vote refused"));
  group.receive(2, 6, vote_request(2, 2));
  EXPECT_THAT(describe(group.out), testing::Contains("after write: 1->2 t6 vote refused"));
  group.receive(2, 7, vote_request(3, 2));
  EXPECT_THAT(describe(group.out), testing::Contains("after write: 1->2 t7 vote granted"));
}

TEST(GroupVote, RestartsTheElectionTimerOnlyWhenGranted) {  // case 7
  for (const bool granted : {false, true}) {
    GroupTester waiting({.log = {1, 1}});
    int until_campaign = 0;
    while (waiting.group.role() == Role::kFollower) {
      waiting.tick();
      ++until_campaign;
    }
    GroupTester group({.log = {1, 1}});
    group.tick(until_campaign - 1);
    group.receive(2, 5, vote_request(granted ? 2 : 1, 1));
    group.persist();
    group.tick();
    EXPECT_EQ(group.group.role(), granted ? Role::kFollower : Role::kPreCandidate);
  }
}

TEST(GroupVote, OwnVoteCountsOnlyWhenDurable) {  // case 7
  GroupTester group({});
  group.tick_until_campaign();
  EXPECT_THAT(group.receive(2, 1, VoteAnswer{.pre = true, .granted = true}),
              ElementsAre("hard term=1 vote=1", "after write: 1->2 t1 vote? last=0/0",
                          "after write: 1->3 t1 vote? last=0/0"));

  group.receive(2, 1, VoteAnswer{.pre = false, .granted = true});
  EXPECT_EQ(group.group.role(), Role::kCandidate);
  group.persist();
  EXPECT_EQ(group.group.role(), Role::kLeader);
}

// A disk that never answers: its term would rise with each campaign, and end those of the others.
TEST(GroupVote, ACandidateWhoseVoteIsNotWrittenAsksForNoOther) {
  GroupTester group({});
  group.tick_until_campaign();
  group.receive(2, 1, VoteAnswer{.pre = true, .granted = true});
  ASSERT_EQ(group.group.role(), Role::kCandidate);
  EXPECT_THAT(group.tick(1000), IsEmpty());
  group.persist();
  EXPECT_THAT(group.tick(1000), testing::Not(IsEmpty()));
}

TEST(GroupVote, ATransferWaitsForTheTermOfItsLeaderToBeWritten) {
  GroupTester group({});
  group.receive(2, 5, append_of(0, 0, {5}));
  EXPECT_THAT(group.receive(2, 5, TimeoutNow{}), IsEmpty());
  EXPECT_EQ(group.group.term(), Term{5});

  group.persist();
  group.receive(2, 5, TimeoutNow{});
  EXPECT_EQ(group.group.term(), Term{6});
}

TEST(GroupVote, APreCandidateThatVotedForAnotherStartsNoElectionBeforeItsVoteIsWritten) {
  GroupTester group({.voters = {1, 2, 3, 4, 5}, .term = 3});
  group.tick_until_campaign();
  group.receive(2, 3, vote_request(0, 0));
  ASSERT_EQ(group.group.role(), Role::kPreCandidate);
  const VoteAnswer yes{.pre = true, .granted = true};
  group.receive(3, 4, yes);
  EXPECT_THAT(group.receive(4, 4, yes), IsEmpty());
  EXPECT_EQ(group.group.term(), Term{3});

  group.persist();
  EXPECT_THAT(group.tick(1000), testing::Not(IsEmpty())) << "it is not stuck";
}

TEST(GroupVote, CountsAnswersOfCurrentVotersOnce) {  // cases 8, 19
  GroupTester group({.voters = {1, 2, 3, 4, 5}, .learners = {6}});
  group.tick_until_campaign();
  const VoteAnswer yes{.pre = true, .granted = true};

  group.receive(2, 1, yes);
  group.receive(2, 1, yes);
  group.receive(6, 1, yes);
  group.receive(9, 1, yes);
  EXPECT_EQ(group.group.role(), Role::kPreCandidate);
  group.receive(3, 1, yes);
  EXPECT_EQ(group.group.role(), Role::kCandidate);
}

TEST(GroupVote, MoreVotesThanAQuorumDoNoHarm) {  // case 19
  GroupTester group({});
  group.elect();

  EXPECT_THAT(group.receive(3, 1, VoteAnswer{.pre = false, .granted = true}), IsEmpty());
  EXPECT_EQ(group.group.role(), Role::kLeader);
}

TEST(GroupVote, LearnerVotesWhenAsked) {  // case 8
  GroupTester group({.self = 4, .learners = {4}});

  group.receive(2, 3, vote_request(0, 0));

  EXPECT_THAT(describe(group.out), testing::Contains("after write: 4->2 t3 vote granted"));
}

TEST(GroupVote, LearnerAndRemovedReplicaNeverCampaign) {  // case 7
  for (const uint64_t self : {4, 9}) {
    GroupTester group({.self = self, .learners = {4}});
    EXPECT_THAT(group.tick(100), IsEmpty());
    EXPECT_EQ(group.group.role(), Role::kFollower);
  }
}

TEST(GroupVote, InactiveReplicaIsDeafAndMute) {
  GroupTester group({});
  group.group.set_active(false);

  EXPECT_THAT(group.tick(100), IsEmpty());
  EXPECT_THAT(group.receive(2, 3, vote_request(5, 2)), IsEmpty());
  EXPECT_THAT(group.receive(2, 3, append_of(0, 0, {3})), IsEmpty());
  EXPECT_EQ(group.group.term(), Term{0});

  group.group.set_active(true);
  EXPECT_THAT(group.receive(2, 3, vote_request(5, 2)), testing::SizeIs(2));
}

TEST(GroupVote, RequestsOfUnknownReplicasCountTheirAnswersDoNot) {  // case 27
  GroupTester group({.log = {1}});

  EXPECT_THAT(group.receive(77, 2, VoteAnswer{.pre = false, .granted = true}), IsEmpty());
  EXPECT_THAT(group.receive(77, 2, AppendAnswer{}), IsEmpty());
  EXPECT_EQ(group.group.term(), Term{1});
  group.receive(77, 2, vote_request(1, 1));
  EXPECT_THAT(describe(group.out), testing::Contains("after write: 1->77 t2 vote granted"));
  group.receive(77, 3, append_of(1, 1, {3}));
  EXPECT_EQ(group.group.leader(), Uid{77});
}

TEST(GroupVote, MisdirectedMessagesChangeNothing) {  // case 27
  GroupTester group({});
  group.group.step({test_group(), Uid{2}, Uid{9}, Term{5}, vote_request(5, 4)});
  group.group.step({GroupId{}, Uid{2}, Uid{1}, Term{5}, vote_request(5, 4)});
  group.group.step({test_group(), Uid{1}, Uid{1}, Term{5}, vote_request(5, 4)});

  EXPECT_THAT(group.take(), IsEmpty());
  EXPECT_EQ(group.group.term(), Term{0});
}

TEST(GroupPreVote, ChangesNeitherTermNorVote) {  // case 17
  GroupTester group({.log = {1, 1}});

  EXPECT_THAT(group.receive(2, 9, vote_request(2, 1, true)),
              ElementsAre("1->2 t9 pre-vote granted"));
  EXPECT_THAT(group.receive(3, 9, vote_request(2, 1, true)),
              ElementsAre("1->3 t9 pre-vote granted"));
  EXPECT_EQ(group.group.term(), Term{1});
}

TEST(GroupPreVote, RefusalCarriesTheOwnTerm) {  // case 17
  GroupTester group({.log = {1, 4}});

  EXPECT_THAT(group.receive(2, 3, vote_request(9, 2, true)),
              ElementsAre("1->2 t4 pre-vote refused"));
  EXPECT_THAT(group.receive(2, 9, vote_request(9, 2, true)),
              ElementsAre("1->2 t4 pre-vote refused"));
}

TEST(GroupPreVote, IsRefusedWhileTheLeaderIsHeard) {  // cases 16, 17
  GroupTester group({.log = {1}});
  group.receive(2, 1, append_of(1, 1, {}));
  group.tick(9);
  EXPECT_THAT(group.receive(3, 2, vote_request(5, 1, true)),
              ElementsAre("1->3 t1 pre-vote refused"));
  EXPECT_THAT(group.receive(3, 2, vote_request(5, 1)), IsEmpty());
  EXPECT_EQ(group.group.term(), Term{1});

  group.receive(3, 2, vote_request(5, 1, false, true));
  EXPECT_THAT(describe(group.out), testing::Contains("after write: 1->3 t2 vote granted"));
}

TEST(GroupPreVote, GrantOfAnEarlierCampaignDoesNotCount) {  // case 17
  GroupTester group({.term = 3});
  group.tick_until_campaign();

  group.receive(2, 3, VoteAnswer{.pre = true, .granted = true});
  group.receive(2, 5, VoteAnswer{.pre = true, .granted = true});
  EXPECT_EQ(group.group.role(), Role::kPreCandidate);
  EXPECT_EQ(group.group.term(), Term{3});
  group.receive(2, 4, VoteAnswer{.pre = true, .granted = true});
  EXPECT_EQ(group.group.role(), Role::kCandidate);
}

TEST(GroupPreVote, RefusalOfAHigherTermEndsTheCampaign) {  // case 17
  GroupTester group({.term = 3});
  group.tick_until_campaign();

  group.receive(2, 8, VoteAnswer{.pre = true, .granted = false});

  EXPECT_EQ(group.group.role(), Role::kFollower);
  EXPECT_EQ(group.group.term(), Term{8});
}

TEST(GroupPreVote, PeerThatVotesWithoutItIsAnswered) {  // case 17: mixed settings interoperate
  GroupTester group({});
  group.tick_until_campaign();

  group.receive(2, 1, vote_request(0, 0));

  EXPECT_EQ(group.group.role(), Role::kFollower);
  EXPECT_THAT(describe(group.out), testing::Contains("after write: 1->2 t1 vote granted"));
}

TEST(GroupVote, AnswerToALowerTermLeaderFreesAStuckCandidate) {  // case 16
  GroupTester group({.log = {1}, .term = 6});

  EXPECT_THAT(group.receive(2, 5, append_of(1, 1, {5})),
              ElementsAre("1->2 t6 refused prev=1 hint=0/0 commit=0"));
  EXPECT_THAT(group.receive(2, 5, SnapshotOffer{Index{9}, Term{5}}),
              ElementsAre("1->2 t6 refused prev=9 hint=0/0 commit=0"));

  GroupTester leader({.term = 4});
  leader.elect();
  leader.receive(2, 6, AppendAnswer{});
  EXPECT_EQ(leader.group.role(), Role::kFollower);
  EXPECT_EQ(leader.group.term(), Term{6});
}

TEST(GroupVote, LeaderIgnoresAHigherTermAndAnswersByAHeartbeat) {  // case 16
  GroupTester leader({});
  leader.elect();
  leader.accept(2, 1);
  leader.accept(3, 1, 1);

  EXPECT_THAT(leader.receive(3, 7, vote_request(1, 1)),
              ElementsAre("1->3 t1 append prev=1/1 last=1 commit=1"));
  EXPECT_EQ(leader.group.role(), Role::kLeader);
}

}  // namespace
}  // namespace strandlog::raft
