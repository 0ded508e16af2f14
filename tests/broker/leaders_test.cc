// Leaders: the higher term wins, and only the leader itself ends its own term's claim.
#include <gtest/gtest.h>

#include "broker/context.h"

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

}  // namespace
}  // namespace strandlog::broker
