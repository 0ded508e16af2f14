// Who has to live for a group to go on.
#include "tests/sim/voters.h"

#include <gtest/gtest.h>

#include "wire/codec.h"

namespace strandlog::sim {
namespace {

std::vector<wire::CatalogReplica> members(const std::vector<uint64_t>& uids) {
  std::vector<wire::CatalogReplica> out;
  for (uint64_t uid : uids) out.push_back({.uid = Uid{uid}, .broker = BrokerId{1}, .store = {}});
  return out;
}

store::InspectedReplica replica(uint64_t uid, const std::vector<uint64_t>& voters,
                                const std::vector<uint64_t>& outgoing = {}) {
  store::InspectedReplica out;
  out.spec.uid = Uid{uid};
  out.configuration = wire::encode(wire::Configuration{members(voters), members(outgoing), {}});
  return out;
}

bool have_majority(const Voters& voters, const std::set<size_t>& brokers) {
  return voters.have_majority([&](size_t number) { return brokers.contains(number); });
}

TEST(Voters, AreAMajorityOfOneConfiguration) {
  Voters voters;
  for (uint64_t uid : {1, 2, 3}) voters.saw(uid, replica(uid, {1, 2, 3}));
  EXPECT_TRUE(have_majority(voters, {1, 2}));
  EXPECT_FALSE(have_majority(voters, {3}));
  EXPECT_TRUE(voters.are_whole());
}

TEST(Voters, OnDisksThatAreGoneNeverCount) {
  Voters voters;
  voters.saw(1, replica(1, {1, 2, 3}));
  voters.saw(2, replica(2, {1, 2, 3}));
  EXPECT_TRUE(have_majority(voters, {1, 2}));
  EXPECT_FALSE(have_majority(voters, {1, 3}));
  EXPECT_FALSE(voters.are_whole());
  EXPECT_EQ(voters.text(), " 1@1 2@2 3@-");
}

// Three gives way to four, and one replica has not heard of it.
TEST(Voters, NeedAMajorityOfWhateverSomebodyMayActOn) {
  Voters voters;
  voters.saw(1, replica(1, {1, 2, 4}, {1, 2, 3}));
  voters.saw(2, replica(2, {1, 2, 3}));
  voters.saw(4, replica(4, {1, 2, 4}, {1, 2, 3}));
  EXPECT_TRUE(have_majority(voters, {1, 2}));
  EXPECT_FALSE(have_majority(voters, {1, 4})) << "of the outgoing half only one";
  EXPECT_FALSE(voters.are_whole());
}

TEST(Voters, AreOnADiskThatHoldsOneOfThem) {
  Voters voters;
  voters.saw(1, replica(1, {1, 2, 3}));
  voters.saw(4, replica(4, {1, 2, 3}));  // it only listens
  EXPECT_TRUE(voters.are_on(1));
  EXPECT_FALSE(voters.are_on(2));
  EXPECT_FALSE(voters.are_on(4));
}

}  // namespace
}  // namespace strandlog::sim
