// AnyBroker: which broker is asked next, and when it ends.
#include "client/any_broker.h"

#include <gtest/gtest.h>

#include "tests/client/fake_world.h"

namespace strandlog::client {
namespace {

struct AnyTester {
  FakeWorld world;
  std::string outcome = "pending";
  bool repeated = false;

  void ask(int64_t ms) {
    world.core.any().ask(
        world.now, wire::CreateTopicRequest{"x", 1, 1, {}}, world.now.plus_ms(ms),
        [this](AnyReply reply) {
          outcome = reply.failure ? code_name(reply.failure->code) : "done";
          repeated = reply.repeated;
        },
        ms);
    world.settle();
  }
};

TEST(AnyBroker, GoesToTheLeaderThatIsNamed) {
  AnyTester tester;
  tester.ask(5000);
  Asked first = tester.world.take();
  tester.world.refuse(first, {strandlog::Code::kNotLeader, "", BrokerId{3}, address_of(3)});
  tester.world.pass_ms(1);
  Asked second = tester.world.take();
  EXPECT_EQ(second.address, address_of(3));
  tester.world.answer(second, wire::CreateTopicAnswer{});
  tester.world.settle();
  EXPECT_EQ(tester.outcome, "done");
  EXPECT_FALSE(tester.repeated);
}

TEST(AnyBroker, AsksTheOneItTurnsTo) {
  AnyTester tester;
  tester.world.core.any().turn_to(address_of(3));
  tester.ask(5000);
  EXPECT_EQ(tester.world.take().address, address_of(3));
}

TEST(AnyBroker, AsksAnotherOneWhileTheOneItTurnsToIsNotUp) {
  AnyTester tester;
  tester.world.net.absent = {address_of(3)};
  tester.world.core.any().turn_to(address_of(3));
  tester.ask(5000);
  EXPECT_EQ(tester.world.net.connects.front(), address_of(3));
  ASSERT_EQ(tester.world.inbox.size(), 1u);
  EXPECT_EQ(tester.world.take().address, address_of(1));
}

TEST(AnyBroker, BacksOffWhileBrokersNameEachOther) {
  AnyTester tester;
  tester.ask(5000);
  int attempts = 0;
  for (int ms = 0; ms < 1000; ++ms) {
    while (!tester.world.inbox.empty()) {
      Asked asked = tester.world.take();
      ++attempts;
      uint64_t other = asked.address == address_of(1) ? 2 : 1;
      tester.world.refuse(asked,
                          {strandlog::Code::kNotLeader, "", BrokerId{other}, address_of(other)});
    }
    tester.world.pass_ms(1);
  }
  EXPECT_GE(attempts, 4);
  EXPECT_LE(attempts, 6);
}

TEST(AnyBroker, ReturnsTheLastErrorAtTheDeadline) {
  AnyTester tester;
  tester.ask(300);
  for (int ms = 0; ms < 301; ++ms) {
    while (!tester.world.inbox.empty()) {
      tester.world.refuse(tester.world.take(), {strandlog::Code::kBlank, "waiting", {}, ""});
    }
    tester.world.pass_ms(1);
  }
  EXPECT_EQ(tester.outcome, "blank");
}

TEST(AnyBroker, EndsAtOnceOnAnErrorThatCannotPass) {
  AnyTester tester;
  tester.ask(5000);
  tester.world.refuse(tester.world.take(), {strandlog::Code::kInvalidArgument, "bad", {}, ""});
  tester.world.settle();
  EXPECT_EQ(tester.outcome, "invalid-argument");
}

TEST(AnyBroker, SaysWhenAnAttemptMayHaveWorked) {
  AnyTester tester;
  tester.ask(5000);
  tester.world.net.cut(tester.world.take().address);
  tester.world.pass_ms(200);
  tester.world.refuse(tester.world.take(), {strandlog::Code::kConflict, "exists", {}, ""});
  tester.world.settle();
  EXPECT_EQ(tester.outcome, "conflict");
  EXPECT_TRUE(tester.repeated);
}

}  // namespace
}  // namespace strandlog::client
