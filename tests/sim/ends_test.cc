// Brokers that end by themselves, or do not start: whose doing it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/story.h"

namespace strandlog::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What it asks of its disk fails, and not because of a fault that the disk was given.
void take_the_journal_away(Story& story) {
  for (const std::string& path : story.disk(1).files()) {
    if (path.starts_with("journal/")) story.disk(1).erase(path);
  }
  story.disk(1).erase("journal");
}

TEST(Ends, ABrokerThatEndsByItselfIsAFinding) {
  Story story;
  take_the_journal_away(story);
  for (int round = 0; round < 20 && story.cluster.broker(1).is_up(); ++round) {
    story.begin_send(0, 20);
  }
  ASSERT_FALSE(story.cluster.broker(1).is_up());
  EXPECT_THAT(story.cluster.violations(), ElementsAre(HasSubstr("broker1 ended: ")));
}

TEST(Ends, AFailingDiskIsNoneAndTheBrokerIsStartedAgain) {
  Story story;
  story.cluster.supervise(Dice(1), [] { return true; });
  std::string before = story.cluster.broker(1).process();
  story.disk(1).fail_write(1);
  story.send(0, 20);
  story.expect_soon([&] { return story.cluster.broker(1).is_up(); }, "it is not started again");
  EXPECT_NE(story.cluster.broker(1).process(), before);
  EXPECT_THAT(story.end(), IsEmpty());
}

TEST(Ends, AStartThatFailsIsAFindingUnlessTheDiskDidIt) {
  Story story;
  SimBroker& one = story.cluster.broker(1);
  auto try_to_start = [&](int64_t tries_ms) {
    Time end = story.cluster.schedule().now().plus_ms(tries_ms);
    auto still = [&story, end] { return story.cluster.schedule().now() < end; };
    story.cluster.start_later(one, 1, Dice(1), still);
    story.wait_ms(tries_ms);
  };
  one.kill();
  one.disk().fail_flush(1);
  try_to_start(10'000);
  EXPECT_THAT(story.cluster.violations(), IsEmpty());
  EXPECT_TRUE(one.is_up()) << "the second time it starts";
  one.kill();
  one.disk().stop_after(0);
  try_to_start(50);
  EXPECT_THAT(story.cluster.violations(), ElementsAre(HasSubstr("broker1 did not start: ")));
}

}  // namespace
}  // namespace strandlog::sim
