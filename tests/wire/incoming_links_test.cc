// Incoming links are one per connection, bounded, and forget the one unused for longest.
#include "wire/incoming_links.h"

#include <gtest/gtest.h>

namespace strandlog::wire {
namespace {

constexpr auto kClient = ListenerKind::kClient;
constexpr auto kPeer = ListenerKind::kPeer;

TEST(IncomingLinks, KnowsAConnectionAgainAndTellsListenersApart) {
  IncomingLinks links(10);

  EXPECT_EQ(links.meet(kClient, 7, {1}).link, LinkId{1});
  EXPECT_EQ(links.meet(kClient, 7, {2}).link, LinkId{1});
  EXPECT_EQ(links.meet(kPeer, 7, {2}).link, LinkId{2});

  EXPECT_EQ(links.find({1})->route, 7u);
  EXPECT_EQ(links.find({2})->listener, kPeer);
  EXPECT_EQ(links.find({3}), nullptr);
}

TEST(IncomingLinks, ForgetsTheOneUnusedForLongestWhenFull) {
  IncomingLinks links(2);
  links.meet(kClient, 1, {1});
  links.meet(kClient, 2, {2});
  (void)links.find({1});

  links.meet(kClient, 3, {3});

  EXPECT_EQ(links.size(), 2u);
  EXPECT_NE(links.find({1}), nullptr);
  EXPECT_EQ(links.find({2}), nullptr);
  EXPECT_NE(links.find({3}), nullptr);
}

TEST(IncomingLinks, AForgottenConnectionIsANewLink) {
  IncomingLinks links(2);
  links.meet(kClient, 1, {1});

  links.forget({1});

  EXPECT_EQ(links.find({1}), nullptr);
  EXPECT_EQ(links.meet(kClient, 1, {2}).link, LinkId{2});
}

}  // namespace
}  // namespace strandlog::wire
