// Directories that are not what they were: blank, older, twice there, another's, or elsewhere.
#include <gtest/gtest.h>

#include "tests/sim/story.h"
#include "wire/codec.h"

namespace strandlog::sim {
namespace {

using Violations = std::vector<std::string>;

// ------------------------------------------------------------------------------------------ older

// A follower is restored from a backup while only it and the leader hold the newest records; the
// leader dies, and the other follower never had them.
Violations an_older_copy_is_restored(int starts_between) {
  Story story;
  story.send(0, 20);
  size_t leader = story.leader(0);
  auto [late, restored] = story.followers(0);
  SimBroker& broker = story.cluster.broker(restored);
  SimBroker::Directory backup = broker.backup();
  story.send(0, 20);
  story.wait_ms(
      2'000);  // everybody hears how far everybody is, and keeps it, without any more work
  for (int i = 0; i < starts_between; ++i) {
    story.kill(restored);
    story.start(restored);
    story.wait_ms(3'000);
  }
  story.cluster.look_at_brokers();  // whom they admitted until now
  story.kill(late);
  story.send(0, 20);
  broker.restore(std::move(backup));
  story.kill(leader);
  story.start(restored);
  story.start(late);
  story.wait_ms(10'000);
  story.expect(story.leader_now(0) == 0, "somebody leads without what was acknowledged");
  story.expect(story.refusals(late) > 0, "nobody refused the older copy");
  story.start(leader);
  story.send(0, 10);
  story.read();
  return story.end(false);
}

TEST(Identity, AnOlderCopyOfAStoreIsRefused) {
  for (int starts_between : {0, 1, 2}) {
    SCOPED_TRACE(std::to_string(starts_between) + " starts since the backup");
    tell([&] { return an_older_copy_is_restored(starts_between); }, Mutant::kBootUnchecked);
  }
}

// What brokers keep of each other is told to nobody, so that they do not answer each other for
// ever.
Violations nobody_does_anything() {
  Story story;
  story.send(0, 20);
  auto rounds = [&] {
    uint64_t sum = 0;
    for (const auto& broker : story.cluster.brokers()) sum += broker->store().figures().rounds;
    return sum;
  };
  story.wait_ms(10'000);
  uint64_t before = rounds();
  story.wait_ms(60'000);
  story.expect(rounds() == before, "idle brokers write");
  return story.end();
}

TEST(Identity, IdleBrokersKeepWhatTheyHeardAndThenWriteNothing) { tell(nobody_does_anything); }

// ------------------------------------------------------------------------------------ twice there

// The same broker once more, on another host, with a copy of its directory.
Violations a_clone_is_started(int records_since_the_copy) {
  Story story;
  story.send(0, 20);
  size_t leader = story.leader(0);
  SimBroker& original = story.cluster.broker(leader);
  SimBroker::Directory copy = original.backup();
  story.send(0, records_since_the_copy);
  story.cluster.look_at_brokers();
  SimBroker::Options options;
  options.config = original.config();
  SimBroker clone(story.cluster.schedule(), story.cluster.network(), Dice(3), options);
  clone.restore(std::move(copy));
  clone.move_to("clone");
  story.expect(clone.start(), "the clone did not start");
  story.wait_ms(5'000);
  auto [one, other] = std::pair(leader == 1 ? 2 : 1, leader == 3 ? 2 : 3);
  story.expect(story.refusals(one) > 0 && story.refusals(other) > 0, "nobody is refused");
  story.cluster.look_at_brokers();
  story.send(0, 20);
  story.send(1, 20);
  clone.kill();
  story.wait_ms(5'000);
  story.read();
  return story.end(false);
}

TEST(Identity, OfAStoreAndItsCloneOneIsRefused) {
  tell([] { return a_clone_is_started(0); }, Mutant::kBootUnchecked);
  tell([] { return a_clone_is_started(20); }, Mutant::kBootUnchecked);
}

// ----------------------------------------------------------------------------------------
// another's

Violations directories_are_swapped() {
  Story story;
  story.send(0, 20);
  SimBroker &one = story.cluster.broker(1), &two = story.cluster.broker(2);
  auto swap = [&] {
    SimBroker::Directory first = one.backup();
    one.restore(two.backup());
    two.restore(std::move(first));
  };
  swap();
  for (SimBroker* broker : {&one, &two}) {
    story.expect(!broker->start() && broker->ended()->code == Code::kWrongIdentity,
                 broker->host() + " takes another broker's directory");
  }
  swap();
  story.start(1);
  story.start(2);
  story.send(0, 20);
  return story.end();
}

TEST(Identity, AnotherBrokersDirectoryIsRefused) { tell(directories_are_swapped); }

// -----------------------------------------------------------------------------------------
// elsewhere

// Everybody who was down when it moved must find it, too: make_leader() kills the others in turn.
Violations a_broker_moves(size_t number) {
  Story story;
  story.send(0, 20);
  story.send(1, 20);
  story.cluster.broker(number).move_to("elsewhere");
  story.begin_send(0, 10);
  story.start(number);
  story.send(1, 10);
  for (size_t leader : {1, 2, 3}) story.make_leader(leader, 0);
  story.send(0, 20);
  story.read();
  story.end();
  story.cluster.compare_replicas();
  return story.cluster.violations();
}

TEST(Identity, ABrokerIsFoundAgainUnderAnotherAddress) {
  for (size_t number : {1, 2, 3}) {
    SCOPED_TRACE("broker " + std::to_string(number));
    tell([&] { return a_broker_moves(number); });
  }
}

}  // namespace
}  // namespace strandlog::sim
