// ConfirmedReads: what is answered only once a majority has confirmed the catalog's leader.
#include "broker/confirmed_reads.h"

#include <gtest/gtest.h>

#include "tests/broker/broker_one.h"

namespace strandlog::broker {
namespace {

class ConfirmedReadsTest : public BrokerOne {
 protected:
  ConfirmedReadsTest() {
    elect();
    follow();
    events_.clear();
  }
  void wait(uint64_t request, std::function<void(const wire::WireError&)> otherwise = {}) {
    confirmed_.wait(
        client(request), replica(), Time{1000}, [this] { ++done_; }, std::move(otherwise));
  }
  void act() {
    for (const ReplicaEvent& event : std::exchange(events_, {})) {
      if (event.kind == ReplicaEvent::Kind::kReadReady) confirmed_.on_read_index(event.read);
    }
  }
  /// The whole request of the only answer failed with it.
  Code failure() {
    auto all = answers();
    EXPECT_EQ(all.size(), 1u);
    EXPECT_TRUE(!all.empty() && all[0].error);
    return all.empty() || !all[0].error ? Code::kInternal : all[0].error->code;
  }

  ConfirmedReads confirmed_{context_};
  int done_ = 0;
};

TEST_F(ConfirmedReadsTest, WaitForTheMajorityAndForWhatWasCommittedToBeApplied) {
  wait(1);
  settle();
  act();
  confirmed_.applied();
  EXPECT_EQ(done_, 0) << "nobody has confirmed anything";

  follow();
  act();
  EXPECT_EQ(done_, 0) << "the catalog has not applied it";

  catalog_.skip(replica().commit);
  confirmed_.applied();
  EXPECT_EQ(done_, 1);
  confirmed_.applied();
  EXPECT_EQ(done_, 1);
  EXPECT_TRUE(answers().empty());
}

TEST_F(ConfirmedReadsTest, OneMoreThanMayWaitIsBusy) {
  for (uint64_t request = 0; request < 1000; ++request) wait(request);
  EXPECT_TRUE(answers().empty());

  wait(1000);

  EXPECT_EQ(failure(), Code::kBusy);
}

TEST_F(ConfirmedReadsTest, AreRefusedAtTheirDeadlineEvenIfNobodyAsksForAnythingElse) {
  wait(1);
  context_.now = Time{999};
  confirmed_.expire();
  EXPECT_TRUE(answers().empty());

  context_.now = Time{1000};
  confirmed_.expire();

  EXPECT_EQ(failure(), Code::kTimeout);
  follow();
  act();
  catalog_.skip(replica().commit);
  confirmed_.applied();
  EXPECT_EQ(done_, 0) << "it was answered";
}

TEST_F(ConfirmedReadsTest, AreSentToTheNextLeaderWhenTheLeadershipIsLost) {
  CatalogState state;
  state.brokers[BrokerId{2}] = {{BrokerId{2}, store_of(2), "there:1", ""}, {}};
  catalog_ = *Catalog::from(std::move(state));
  wait(1);
  replicas_.step_down_all();
  leaders_.learn({spec_.group, Term{99}, Uid{2}, BrokerId{2}});
  settle();
  act();

  auto all = answers();
  ASSERT_EQ(all.size(), 1u);
  ASSERT_TRUE(all[0].error);
  EXPECT_EQ(all[0].error->code, Code::kNotLeader);
  EXPECT_EQ(all[0].error->leader_address, "there:1");
  EXPECT_EQ(done_, 0);
}

TEST_F(ConfirmedReadsTest, TellWhoHasAnotherWayWhyTheyFailed) {
  std::vector<Code> why;
  auto keep = [&](const wire::WireError& error) { why.push_back(error.code); };
  for (uint64_t request = 0; request < 1000; ++request) wait(request, keep);
  wait(1000, keep);
  EXPECT_EQ(why, std::vector{Code::kBusy});

  why.clear();
  context_.now = Time{1000};
  confirmed_.expire();
  EXPECT_EQ(why, std::vector(1000, Code::kTimeout));

  why.clear();
  context_.now = Time{0};
  wait(1001, keep);
  replicas_.step_down_all();
  settle();
  act();
  EXPECT_EQ(why, std::vector{Code::kNoLeader});
  EXPECT_TRUE(answers().empty()) << "they answer themselves";
}

}  // namespace
}  // namespace strandlog::broker
