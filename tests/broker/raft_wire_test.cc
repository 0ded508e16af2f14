// Raft messages and memberships survive their flat form.
#include "broker/raft_wire.h"

#include <gtest/gtest.h>

namespace strandlog::broker {
namespace {

raft::Message with(raft::Body body) {
  GroupId group;
  group.bytes[7] = 3;
  return {group, Uid{4}, Uid{5}, Term{6}, std::move(body)};
}

TEST(RaftWire, EveryKindOfMessageComesBackAsItWas) {
  for (const raft::Message& message : {
           with(raft::VoteRequest{true, false, Index{7}, Term{8}}),
           with(raft::VoteRequest{false, true, Index{7}, Term{8}}),
           with(raft::VoteAnswer{true, true}),
           with(raft::VoteAnswer{false, false}),
           with(raft::Append{Index{1}, Term{2}, Index{3}, {}, Index{4}, 5, true}),
           with(raft::AppendAnswer{true, Index{1}, Index{2}, Index{3}, Term{4}, Index{5}, 6}),
           with(raft::SnapshotOffer{Index{9}, Term{3}}),
           with(raft::TimeoutNow{}),
           with(raft::StepDown{}),
           with(raft::Gone{Index{9}}),
       }) {
    EXPECT_EQ(from_wire(to_wire(message)), message) << message.body.index();
  }
}

TEST(RaftWire, AMembershipComesBackWithItsIndex) {
  raft::Membership members;
  members.voters = {{Uid{1}, BrokerId{2}, {}}, {Uid{3}, BrokerId{4}, {}}};
  members.outgoing = {{Uid{5}, BrokerId{6}, {}}};
  members.learners = {{Uid{7}, BrokerId{8}, {}}};
  members.index = Index{9};

  EXPECT_EQ(from_wire(to_wire(members), Index{9}), members);
}

}  // namespace
}  // namespace strandlog::broker
