// Configurations on their way: from a leader's group into its log, from there to followers.
#include <gtest/gtest.h>

#include "broker/raft_wire.h"
#include "tests/broker/broker_one.h"
#include "wire/codec.h"

namespace strandlog::broker {
namespace {

class MembershipTest : public BrokerOne {
 protected:
  /// Of the group of replica 1, with a fourth replica that listens.
  raft::Membership with_learner() {
    raft::Membership members = replica().group->membership();
    members.learners = {{Uid{4}, BrokerId{4}, store_of(4)}};
    return members;
  }
  raft::Membership newest_on_disk() {
    const store::KeptConfiguration& kept = store_->replicas().at(kShared).configurations.back();
    auto configuration = wire::decode_configuration(kept.value);
    CHECK(configuration.ok());
    return from_wire(*configuration, kept.index);
  }
  /// To replica 1, in term 3.
  wire::RaftMessage said_by(Uid from, wire::RaftMessage::Kind kind) const {
    wire::RaftMessage message;
    message.kind = kind;
    message.group = spec_.group;
    message.from = from;
    message.to = kShared;
    message.term = Term{3};
    return message;
  }
  /// A leader's append of one configuration entry, the log's first, with this body.
  void receive_first(ByteView body) {
    store::FakeDisk disk;
    auto leader = store::Store::open({}, disk, dice_, store_of(2));
    CHECK(leader.ok());
    store::ReplicaSpec spec = spec_;
    spec.uid = Uid{2};
    (*leader)->make(spec, {});
    (*leader)->append(Uid{2}, {EntryKind::kConfiguration, Term{3}, 0, 0, body});
    store::ReadResult entries;
    CHECK((*leader)->read({Uid{2}, Index{1}, Index{1}}, 1, entries).ok());
    wire::RaftMessage append = said_by(Uid{2}, wire::RaftMessage::Kind::kAppend);
    append.last = Index{1};
    replicas_.receive(BrokerId{2}, append, entries.pieces);
    settle();
  }
};

TEST_F(MembershipTest, AChangeIsAnEntryOfTheLeadersLog) {
  elect();
  follow();
  raft::Membership next = with_learner();

  auto changed = replicas_.change_membership(
      replica(), {.seen = next.index, .voters = next.voters, .learners = next.learners});

  ASSERT_TRUE(changed.ok()) << changed.error().text;
  settle();
  next.index = *changed;
  EXPECT_EQ(newest_on_disk(), next);
  write();
  replicas_.close(kShared);
  replicas_.open(kShared, true);
  EXPECT_EQ(replica().group->membership(), next);
}

TEST_F(MembershipTest, AFollowerIsInTheConfigurationThatItIsSent) {
  raft::Membership next = with_learner();
  Bytes body = wire::encode(to_wire(next));

  receive_first(body.view());

  next.index = Index{1};
  EXPECT_EQ(replica().group->membership(), next);
  EXPECT_EQ(newest_on_disk(), next);
}

// It was down while who votes changed, and may have to tell the leader where their logs part.
TEST_F(MembershipTest, ALeaderThatIsNoMemberYetIsAnswered) {
  wire::RaftMessage append = said_by(Uid{9}, wire::RaftMessage::Kind::kAppend);
  append.prev = append.last = Index{5};
  append.prev_term = Term{2};
  sent();

  replicas_.receive(BrokerId{3}, append, {});
  write();

  std::vector<wire::RaftMessage> answers = sent();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].to, Uid{9});
  EXPECT_FALSE(answers[0].accepted);
}

TEST_F(MembershipTest, AMemberIsNotHeardFromAnotherBroker) {
  wire::RaftMessage request = said_by(Uid{2}, wire::RaftMessage::Kind::kVoteRequest);

  replicas_.receive(BrokerId{3}, request, {});

  EXPECT_EQ(replica().group->term(), Term{});
}

TEST_F(MembershipTest, AnAppendWhoseConfigurationCannotBeReadIsDropped) {
  receive_first(view_of("no frame at all"));

  EXPECT_EQ(store_->replicas().at(kShared).last, Index{0});
  EXPECT_EQ(replica().group->last(), Index{0});
}

}  // namespace
}  // namespace strandlog::broker
