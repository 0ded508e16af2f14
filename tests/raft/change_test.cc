// Membership changes: what a leader may change, the joint step, roll-back, and who is told to go.
#include <gtest/gtest.h>

#include "tests/raft/group_tester.h"

namespace strandlog::raft {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

MembershipChange change_to(uint64_t seen, const std::vector<uint64_t>& voters,
                           const std::vector<uint64_t>& learners = {}) {
  Membership members = members_of(voters, learners);
  return {.seen = Index{seen}, .voters = members.voters, .learners = members.learners};
}

Membership at(uint64_t index, Membership members) {
  members.index = Index{index};
  return members;
}

/// An append of entries with these terms after (prev, prev_term), the last one a configuration.
Append configuration_after(uint64_t prev, uint64_t prev_term, const std::vector<uint64_t>& terms,
                           Membership members) {
  Append append = append_of(prev, prev_term, terms);
  append.configurations = {at(prev + terms.size(), std::move(members))};
  return append;
}

/// Leads {1, 2, 3} in term 1; its no-op at 1 is committed.
class GroupChange : public testing::Test {
 protected:
  explicit GroupChange(const Given& given = {}) : group(given) {
    group.elect();
    for (uint64_t voter : {2, 3}) accept(voter, 1);
  }
  /// The answer and whatever the leader sends because of it.
  Lines accept(uint64_t from, uint64_t match) {
    Lines lines = group.accept(from, match);
    for (std::string& line : group.answer_sends()) lines.push_back(std::move(line));
    return lines;
  }
  Code refusal(const MembershipChange& change) {
    auto done = group.group.change_membership(change);
    group.take();
    return done.ok() ? Code{} : done.error().code;
  }
  Lines change(const MembershipChange& change) {
    auto done = group.group.change_membership(change);
    EXPECT_TRUE(done.ok()) << done.error().text;
    Lines lines = group.take();
    group.answer_sends();
    return lines;
  }
  /// Durable here and at these, committed.
  void everywhere(const std::vector<uint64_t>& at) {
    group.persist();
    group.answer_sends();
    for (uint64_t uid : at) accept(uid, group.group.last().value);
  }
  void add_learner(uint64_t uid) {
    change(change_to(group.group.membership().index.value, {1, 2, 3}, {uid}));
    everywhere({2, 3});
    for (int round = 0; round < 2; ++round) accept(uid, group.group.last().value);
  }

  GroupTester group;
};

TEST_F(GroupChange, TakesEffectWhenItIsAppended) {  // case 9, thesis 4.1
  const Lines lines = change(change_to(0, {1, 2, 3}, {4}));

  EXPECT_THAT(lines, Contains("write 2..2"));
  EXPECT_THAT(lines, Contains("configuration 2: voters=1,2,3 learners=4"));
  EXPECT_EQ(group.group.membership(), at(2, members_of({1, 2, 3}, {4})));
  EXPECT_EQ(group.peer(4).match, Index{});
}

TEST_F(GroupChange, ToWhatIsInForceWritesNothing) {
  EXPECT_THAT(change(change_to(0, {1, 2, 3})), IsEmpty());
  EXPECT_EQ(group.group.last(), Index{1});
}

TEST(GroupChangeEarly, IsRefusedBeforeACommitInTheTerm) {  // case 10
  GroupTester group({});
  group.elect();

  auto done = group.group.change_membership(change_to(0, {1, 2, 3}, {4}));

  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, Code::kBusy);
  group.accept(2, 1);
  EXPECT_TRUE(group.group.change_membership(change_to(0, {1, 2, 3}, {4})).ok());
}

TEST(GroupChangeEarly, IsRefusedByAFollower) {
  GroupTester group({});

  auto done = group.group.change_membership(change_to(0, {1, 2, 3}, {4}));

  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, Code::kNotLeader);
}

TEST_F(GroupChange, IsRefusedWhileAnotherIsNotCommitted) {  // cases 9, 12
  change(change_to(0, {1, 2, 3}, {4}));
  EXPECT_EQ(refusal(change_to(2, {1, 2, 3}, {4, 5})), Code::kBusy);

  everywhere({2});

  EXPECT_EQ(refusal(change_to(2, {1, 2, 3}, {4, 5})), Code{});
}

TEST_F(GroupChange, ComparesTheConfigurationThatWasSeen) {
  add_learner(4);

  EXPECT_EQ(refusal(change_to(0, {1, 2, 3})), Code::kConflict);
  EXPECT_EQ(refusal(change_to(3, {1, 2, 3})), Code::kConflict);
  EXPECT_EQ(group.group.last(), Index{2});
}

TEST_F(GroupChange, RefusesListsThatMakeNoSense) {  // case 12
  add_learner(4);

  EXPECT_EQ(refusal(change_to(2, {}, {4})), Code::kInvalidArgument);
  EXPECT_EQ(refusal(change_to(2, {1, 2, 2}, {})), Code::kInvalidArgument);
  EXPECT_EQ(refusal(change_to(2, {1, 2, 3}, {3})), Code::kInvalidArgument);
  EXPECT_EQ(refusal(change_to(2, {1, 2}, {3})), Code::kInvalidArgument);  // votes
  EXPECT_EQ(refusal(change_to(2, {0, 1, 2}, {})), Code::kInvalidArgument);
  MembershipChange moved = change_to(2, {1, 2, 3}, {4});
  moved.learners[0].store.bytes[0] = 9;
  EXPECT_EQ(refusal(moved), Code::kInvalidArgument);
  EXPECT_EQ(group.group.last(), Index{2});
}

TEST_F(GroupChange, ANewVoterMustFollowTheLogFirst) {        // dragonboat B.1, I5
  EXPECT_EQ(refusal(change_to(0, {1, 2, 4})), Code::kBusy);  // not even a learner
  change(change_to(0, {1, 2, 3}, {4}));
  everywhere({2, 3});
  EXPECT_EQ(refusal(change_to(2, {1, 2, 4})), Code::kBusy);

  accept(4, 2);  // there, but for all that is known after a long time
  EXPECT_EQ(refusal(change_to(2, {1, 2, 4})), Code::kBusy);
  accept(4, 2);

  EXPECT_EQ(refusal(change_to(2, {1, 2, 4})), Code{});
}

TEST_F(GroupChange, ALearnerThatFellBehindIsNotPromoted) {
  add_learner(4);
  ASSERT_TRUE(group.group.propose().ok());
  group.take();
  everywhere({2, 3});
  accept(4, 2);  // a round begins that it does not end
  for (int i = 0; i < 12; ++i) {
    group.tick();
    for (uint64_t voter : {2, 3}) accept(voter, group.group.last().value);
    accept(4, 2);
  }

  EXPECT_EQ(refusal(change_to(2, {1, 2, 4})), Code::kBusy);
}

TEST_F(GroupChange, OfVotersGoesByWayOfBothMajorities) {  // thesis 4.3
  add_learner(4);

  EXPECT_THAT(change(change_to(2, {1, 4, 3})),
              Contains("configuration 3: voters=1,4,3 outgoing=1,2,3"));
  group.persist();
  accept(2, 3);  // a majority of the old voters
  EXPECT_EQ(group.group.commit(), Index{2});

  const Lines lines = accept(4, 3);  // and now of the new ones

  EXPECT_EQ(group.group.commit(), Index{3});
  EXPECT_THAT(lines, Contains("configuration 4: voters=1,4,3"));
  EXPECT_THAT(group.group.membership().outgoing, IsEmpty());
}

TEST_F(GroupChange, IsLeftByTheNewMajorityAlone) {  // case 11
  add_learner(4);
  change(change_to(2, {1, 3, 4}));
  everywhere({2, 4});  // the joint configuration; the last one is appended
  ASSERT_EQ(group.group.last(), Index{4});
  EXPECT_THAT(group.group.status().peers.size(), 2u);

  group.persist();
  accept(2, 4);  // not a member any more
  EXPECT_EQ(group.group.commit(), Index{3});
  accept(3, 4);

  EXPECT_EQ(group.group.commit(), Index{4});
}

TEST_F(GroupChange, OfAVoterThatIsGoneNeedsItNot) {
  change(change_to(0, {1, 2}));
  everywhere({2});
  everywhere({2});

  EXPECT_EQ(group.group.commit(), Index{3});
  EXPECT_EQ(group.group.membership(), at(3, members_of({1, 2})));
}

TEST_F(GroupChange, ThatLeavesTheLeaderOutEndsItsLeadership) {  // case 11
  change(change_to(0, {2, 3}));
  everywhere({2, 3});
  EXPECT_EQ(group.group.role(), Role::kLeader);  // until the change is committed
  group.persist();
  accept(2, 3);
  EXPECT_EQ(group.group.role(), Role::kLeader);  // its own copy does not count

  const Lines lines = group.accept(3, 3);

  EXPECT_THAT(lines, Contains("1->2 t1 step-down"));
  EXPECT_EQ(group.group.role(), Role::kFollower);
  EXPECT_THAT(group.tick(100), Not(Contains(HasSubstr("pre-vote"))));
}

TEST_F(GroupChange, IsRefusedDuringATransfer) {  // case 14
  ASSERT_TRUE(group.group.transfer_to(Uid{2}).ok());

  EXPECT_EQ(refusal(change_to(0, {1, 3})), Code::kBusy);
}

TEST_F(GroupChange, ARemovedVoterIsNoTargetOfATransfer) {  // case 11
  change(change_to(0, {1, 2}));
  everywhere({2});
  everywhere({2});

  EXPECT_EQ(group.group.transfer_to(Uid{3}).error().code, Code::kInvalidArgument);
}

TEST_F(GroupChange, LateAnswersOfARemovedVoterSetNothing) {  // case 13
  change(change_to(0, {1, 2}));
  everywhere({2});
  everywhere({2});

  EXPECT_THAT(group.accept(3, 3), IsEmpty());
  EXPECT_THAT(group.group.status().peers.size(), 1u);
}

TEST_F(GroupChange, TheRemovedAreToldWhenTheyAskForVotes) {  // dragonboat B.1, I8
  change(change_to(0, {1, 2}));
  everywhere({2});
  EXPECT_THAT(group.receive(3, 2, vote_request(9, 1, true)),
              Not(Contains(HasSubstr("gone"))));  // not committed yet
  everywhere({2});

  EXPECT_THAT(group.receive(3, 2, vote_request(9, 1, true)),
              Contains("1->3 t1 gone configuration=3"));
  EXPECT_THAT(group.receive(3, 3, vote_request(9, 2, true)),
              Not(Contains(HasSubstr("gone"))));  // it has seen a newer term than this leader
  EXPECT_THAT(group.receive(2, 2, vote_request(9, 1, true)), Not(Contains(HasSubstr("gone"))));
}

TEST(GroupFollowsChange, UsesAConfigurationFromItsAppendOn) {  // case 9
  GroupTester group({.log = {1}});

  group.receive(2, 1, configuration_after(1, 1, {1}, members_of({2, 3}, {4}, {1, 2, 3})));

  EXPECT_EQ(group.group.membership(), at(2, members_of({2, 3}, {4}, {1, 2, 3})));
}

TEST(GroupFollowsChange, FallsBackWhenTheEntryIsOverwritten) {  // case 10
  GroupTester group({.log = {1}});
  group.receive(2, 1, configuration_after(1, 1, {1, 1}, members_of({2, 3})));
  ASSERT_EQ(group.group.membership(), at(3, members_of({2, 3})));

  group.receive(3, 2, append_of(1, 1, {2}));

  EXPECT_EQ(group.group.membership(), members_of({1, 2, 3}));
  group.receive(3, 2, configuration_after(2, 2, {2}, members_of({1, 3})));
  EXPECT_EQ(group.group.membership(), at(3, members_of({1, 3})));
}

TEST(GroupFollowsChange, FallsBackToWhatItsDiskKnewBeforeTheLast) {  // cases 10, 29
  Given given{.log = {1, 1, 1}};
  Restored restored = GroupTester::restored(given);
  restored.memberships = {at(1, members_of({1, 2, 3}, {4})), at(3, members_of({1, 2}))};
  Group group(GroupTester::config(given), restored, 1);
  EXPECT_EQ(group.membership(), at(3, members_of({1, 2})));

  group.step({test_group(), Uid{2}, Uid{1}, Term{2}, append_of(2, 1, {2})});

  EXPECT_EQ(group.membership(), at(1, members_of({1, 2, 3}, {4})));
}

TEST(GroupFollowsChange, KeepsWhatItHasWhenAnAppendIsRepeated) {
  GroupTester group({.log = {1}});
  const Append append = configuration_after(1, 1, {1, 1}, members_of({2, 3}));
  group.receive(2, 1, append);

  group.receive(2, 1, append);

  EXPECT_EQ(group.group.membership(), at(3, members_of({2, 3})));
}

TEST(GroupFollowsChange, DropsAnAppendWhoseConfigurationsLieElsewhere) {
  GroupTester group({.log = {1}});
  Append append = configuration_after(1, 1, {1, 1}, members_of({2, 3}));
  append.configurations[0].index = Index{4};

  EXPECT_THAT(group.receive(2, 1, append), IsEmpty());
  EXPECT_EQ(group.group.last(), Index{1});
}

TEST(GroupFollowsChange, TakesTheConfigurationOfASnapshotWhole) {  // cases 12, 21
  GroupTester group({.learners = {4}, .log = {1}});

  group.receive(2, 1, SnapshotOffer{Index{9}, Term{1}, at(7, members_of({2, 3, 5}))});

  EXPECT_EQ(group.group.membership(), at(7, members_of({2, 3, 5})));
  EXPECT_THAT(group.tick(100), Not(Contains(HasSubstr("pre-vote"))));  // no member any more
}

TEST(GroupFollowsChange, ANewLeaderLeavesAJointConfigurationThatItFinds) {  // case 9
  Given given{.log = {1, 1}};
  Restored restored = GroupTester::restored(given);
  restored.memberships = {members_of({1, 2, 3}), at(2, members_of({1, 2, 4}, {}, {1, 2, 3}))};
  GroupTester group(given, restored);
  group.elect();
  EXPECT_THAT(group.accept(2, 3), Contains("configuration 4: voters=1,2,4"));
}

TEST(GroupFollowsChange, StopsCampaigningWhenItIsToldThatItIsGone) {
  GroupTester group({.log = {1}});
  group.tick_until_campaign();

  EXPECT_THAT(group.receive(2, 1, Gone{Index{5}}), ElementsAre("removed"));

  EXPECT_THAT(group.tick(100), IsEmpty());
  EXPECT_THAT(group.receive(2, 1, Gone{Index{5}}), IsEmpty());  // told once
  group.receive(2, 1, append_of(1, 1, {1}));                    // somebody leads it nevertheless
  group.tick_until_campaign();
}

TEST(GroupFollowsChange, BelievesNoNoticeOlderThanItsConfiguration) {
  GroupTester group({.log = {1}});
  group.receive(2, 1, configuration_after(1, 1, {1}, members_of({1, 2, 3}, {4})));

  EXPECT_THAT(group.receive(3, 1, Gone{Index{2}}), IsEmpty());
  group.tick_until_campaign();
}

}  // namespace
}  // namespace strandlog::raft
