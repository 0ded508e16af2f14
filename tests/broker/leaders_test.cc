// Leaders: the higher term wins, and only the leader itself ends its own term's claim.
#include "broker/leaders.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/broker/broker_one.h"

namespace strandlog::broker {
namespace {

GroupId group() {
  GroupId id;
  id.bytes[3] = 1;
  return id;
}
wire::LeaderNotice notice(uint64_t term, uint64_t uid, uint64_t broker) {
  return {group(), Term{term}, Uid{uid}, BrokerId{broker}};
}

TEST(Leaders, KeepsTheHigherTerm) {
  Leaders leaders;
  EXPECT_TRUE(leaders.learn(notice(5, 11, 1)));

  EXPECT_FALSE(leaders.learn(notice(4, 12, 2)));

  EXPECT_EQ(leaders.find(group())->leader, Uid{11});
}

TEST(Leaders, ForgetsALeaderThatSaysItSteppedDown) {
  Leaders leaders;
  leaders.learn(notice(5, 11, 1));

  EXPECT_TRUE(leaders.learn(notice(5, 0, 1)));

  EXPECT_EQ(leaders.find(group()), nullptr);
}

TEST(Leaders, DoesNotBelieveAnotherBrokerThatALeaderSteppedDown) {
  Leaders leaders;
  leaders.learn(notice(5, 11, 1));

  EXPECT_FALSE(leaders.learn(notice(5, 0, 2)));

  EXPECT_NE(leaders.find(group()), nullptr);
}

TEST(Leaders, HearsOfTheLeaderOfATermItKnewWithoutOne) {
  Leaders leaders;
  leaders.learn(notice(6, 0, 2));

  EXPECT_TRUE(leaders.learn(notice(6, 12, 2)));

  EXPECT_EQ(leaders.find(group())->broker, BrokerId{2});
}

using LeadersOfPeers = BrokerOne;

TEST_F(LeadersOfPeers, OfGroupsThatAreNoneAreForgottenBeforeTheyAreTooMany) {
  GroupId elsewhere;  // in the catalog, no replica here
  elsewhere.bytes[15] = 1;
  create_topic({elsewhere});
  for (const GroupId& real : {spec_.group, elsewhere}) {
    context_.hear_of_leader({real, Term{1}, Uid{2}, BrokerId{2}});
  }
  wire::LeaderNotice notice{{}, Term{1}, Uid{9}, BrokerId{2}};
  for (uint32_t n = 0; n < 3 * Leaders::kMostNew; ++n) {
    std::memcpy(notice.group.bytes.data() + 1, &n, sizeof n);
    context_.hear_of_leader(notice);
    ASSERT_LE(leaders_.all().size(), Leaders::kMostNew + 2);
  }
  EXPECT_NE(leaders_.find(spec_.group), nullptr);
  EXPECT_NE(leaders_.find(elsewhere), nullptr);
}

TEST_F(LeadersOfPeers, IsKnownBeforeTheCatalogHasItsGroup) {
  context_.hear_of_leader(notice(1, 11, 2));

  EXPECT_NE(leaders_.find(group()), nullptr);
}

}  // namespace
}  // namespace strandlog::broker
