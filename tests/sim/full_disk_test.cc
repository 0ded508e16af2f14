// Full disks: who starts on one serves what it has, and goes on by itself once there is space.
#include <gtest/gtest.h>

#include "tests/sim/story.h"

namespace strandlog::sim {
namespace {

using Violations = std::vector<std::string>;

void kill_and_start_again(Story& story, size_t broker, int times) {
  for (int i = 0; i < times; ++i) {
    story.kill(broker);
    story.start(broker);
    story.wait_ms(1'000);
    story.expect(story.cluster.broker(broker).is_up(), "it ended on its full disk");
  }
}

// With one of the three down nothing is confirmed without the broker whose disk is full.
Violations a_follower_on_a_full_disk(bool among_records) {
  Story story;
  story.send(0, 60);
  story.send(1, 60);
  auto [full, other] = story.followers(0);
  if (among_records) story.begin_send(0, 30);
  story.disk(full).leave_free(0);
  if (among_records) story.begin_send(0, 30);
  kill_and_start_again(story, full, 4);
  story.send(0, 10);  // the others are a majority
  story.kill(other);
  story.read();
  story.disk(full).set_capacity(store::FakeDisk::kAmple);
  story.send(0, 10);
  story.send(1, 10);
  story.start(other);
  return story.end();
}

TEST(FullDisk, AFollowerStartsOnItAndIsHalfOfAMajorityForReads) {
  tell([] { return a_follower_on_a_full_disk(false); });
  tell([] { return a_follower_on_a_full_disk(true); });
}

Violations the_only_broker_on_a_full_disk() {
  Story story(1);
  story.send(0, 60);
  story.send(1, 60);
  story.disk(1).leave_free(0);
  kill_and_start_again(story, 1, 4);
  story.read();
  story.begin_send(0, 5);
  story.wait_ms(3'000);
  story.expect(story.client.open_sends() == 5, "a full disk took records");
  story.disk(1).set_capacity(store::FakeDisk::kAmple);
  story.send(0, 10);
  return story.end();
}

TEST(FullDisk, TheOnlyBrokerStartsOnItAndServesWhatItHas) { tell(the_only_broker_on_a_full_disk); }

}  // namespace
}  // namespace strandlog::sim
