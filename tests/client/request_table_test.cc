// RequestTable: what becomes of a request whose answer does not come.
#include "client/request_table.h"

#include <gtest/gtest.h>

#include "tests/client/fake_world.h"

namespace strandlog::client {
namespace {

TEST(RequestTable, FailsAtOnceWhatWasOutWhenTheLinkGoesDown) {
  FakeWorld world;
  std::optional<Reply> reply;
  world.core.requests().send(world.now,
                             {address_of(1), wire::StatusRequest{}, {}, world.now.plus_ms(60'000)},
                             [&](Reply given) { reply = std::move(given); });
  world.settle();
  world.net.cut(address_of(1));
  world.settle();
  ASSERT_TRUE(reply && reply->failure);
  EXPECT_EQ(reply->failure->code, Code::kUnreachable);
  EXPECT_EQ(reply->failure->written, Written::kMaybe);
}

// A partition without a majority would otherwise take the others of its request along: their
// acknowledgements would come too late, and their records be sent again.
TEST(RequestTable, TellsTheBrokerToAnswerBeforeNobodyListens) {
  FakeWorld world;
  world.core.requests().send(world.now,
                             {address_of(1), wire::StatusRequest{}, {}, world.now.plus_ms(5'000)},
                             [](Reply) {});
  world.settle();
  ASSERT_EQ(world.inbox.size(), 1u);
  EXPECT_LE(world.inbox[0].request.deadline_ms, 4'500u);
  EXPECT_GE(world.inbox[0].request.deadline_ms, 4'000u);
}

TEST(RequestTable, NeverSentMeansNotWritten) {
  FakeWorld world;
  world.net.absent = {address_of(1)};
  std::optional<Reply> reply;
  world.core.requests().send(world.now,
                             {address_of(1), wire::StatusRequest{}, {}, world.now.plus_ms(100)},
                             [&](Reply given) { reply = std::move(given); });
  world.pass_ms(100);
  ASSERT_TRUE(reply && reply->failure);
  EXPECT_EQ(reply->failure->code, Code::kUnreachable);
  EXPECT_EQ(reply->failure->written, Written::kNo);
}

TEST(RequestTable, CallsNoHandlerAfterCancel) {
  FakeWorld world;
  bool called = false;
  uint64_t id = world.core.requests().send(
      world.now, {address_of(1), wire::StatusRequest{}, {}, world.now.plus_ms(100)},
      [&](Reply) { called = true; });
  world.settle();
  world.core.requests().cancel(id);
  world.pass_ms(200);
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace strandlog::client
