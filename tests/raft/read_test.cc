// ReadIndex: a read is released by a quorum's answer that is newer than the question.
#include <gtest/gtest.h>

#include "tests/raft/group_tester.h"

namespace strandlog::raft {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

void commit_noop(GroupTester& group) {
  group.elect();
  group.accept(2, 1, 1);
  group.accept(3, 1, 1);
}

TEST(GroupRead, WaitsForACommitInTheOwnTerm) {  // case 20
  GroupTester group({});
  group.elect();
  group.group.read_index(7);
  EXPECT_THAT(group.take(), IsEmpty());

  EXPECT_THAT(group.accept(2, 1), Contains("1->2 t1 append prev=1/1 last=1 commit=1 round=1"));
  EXPECT_THAT(group.accept(2, 1, 1, 1), Contains("read 7 at 1"));
}

TEST(GroupRead, IsConfirmedByAQuorumThatAnsweredItsRound) {  // case 20
  GroupTester group({.voters = {1, 2, 3, 4, 5}});
  group.elect();
  group.receive(4, 1, VoteAnswer{});
  group.accept(2, 1, 1);
  group.accept(3, 1, 1);
  group.group.read_index(7);
  group.take();

  EXPECT_THAT(group.accept(2, 1, 1, 0), IsEmpty());
  EXPECT_THAT(group.accept(2, 1, 1, 1), IsEmpty());
  EXPECT_THAT(group.accept(2, 1, 1, 1), IsEmpty());
  EXPECT_THAT(group.accept(3, 1, 1, 1), ElementsAre("read 7 at 1"));
}

TEST(GroupRead, ConfirmingOneConfirmsEarlierOnes) {  // case 20
  GroupTester group({});
  commit_noop(group);
  group.group.read_index(7);
  group.take();
  group.group.read_index(8);
  group.take();

  EXPECT_THAT(group.accept(3, 1, 1, 2), ElementsAre("read 7 at 1", "read 8 at 1"));
}

TEST(GroupRead, LearnerConfirmsNothing) {  // case 20
  GroupTester group({.learners = {4}});
  commit_noop(group);
  group.group.read_index(7);
  group.take();

  EXPECT_THAT(group.accept(4, 1, 1, 1), Contains("read 7 at 1").Times(0));
}

TEST(GroupRead, RoundsNeverBegunConfirmNothing) {
  GroupTester group({});
  commit_noop(group);
  group.accept(2, 1, 1, 99);
  group.group.read_index(7);
  EXPECT_THAT(group.take(), Contains("read 7 at 1").Times(0));
}

TEST(GroupRead, LosingLeadershipReleasesAllWithoutAnIndex) {  // case 20
  GroupTester group({});
  commit_noop(group);
  group.group.read_index(7);
  group.take();
  group.group.read_index(8);

  EXPECT_THAT(group.receive(2, 5, append_of(1, 1, {5})),
              testing::IsSupersetOf({"read 7 not leader", "read 8 not leader"}));
}

TEST(GroupRead, FollowerAnswersAtOnce) {
  GroupTester group({});
  group.group.read_index(7);

  EXPECT_THAT(group.take(), ElementsAre("read 7 not leader"));
}

TEST(GroupRead, SingleVoterNeedsNobody) {  // case 20
  GroupTester group({.voters = {1}});
  group.tick();
  group.persist();
  group.group.read_index(7);
  EXPECT_THAT(group.take(), IsEmpty()) << "nothing committed in this term yet";

  EXPECT_THAT(group.persist(), ElementsAre("read 7 at 1"));
}

}  // namespace
}  // namespace strandlog::raft
