// Brokers that lost their disks: they get their replicas back, under other names, by themselves.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/story.h"
#include "wire/codec.h"

namespace strandlog::sim {
namespace {

using Violations = std::vector<std::string>;

std::set<Uid> uids_of(const SimBroker& broker) {
  std::set<Uid> uids;
  for (const auto& [uid, state] : broker.store().replicas()) uids.insert(uid);
  return uids;
}

// Whoever speaks for one of these replicas from now on violates what must hold.
void silence_forever(Story& story, const std::set<Uid>& uids) {
  story.cluster.network().set_tap([&story, uids](const Sighting& sighting) {
    story.cluster.watch().saw(sighting);
    if (sighting.kind != ListenerKind::kPeer) return;
    auto message = wire::decode_peer_message(sighting.message.control);
    if (!message.ok()) return;
    for (const wire::RaftMessage& raft : message->raft) {
      story.expect(!uids.contains(raft.from), "a wiped replica speaks");
    }
    for (const wire::ReplicaReport& report : message->replicas) {
      story.expect(!uids.contains(report.uid), "a wiped replica is reported");
    }
  });
}

bool votes(const store::ReplicaState& state) {
  auto members = wire::decode_configuration(state.configurations.back().value);
  return members.ok() && members->outgoing.empty() &&
         std::any_of(members->voters.begin(), members->voters.end(),
                     [&](const auto& voter) { return voter.uid == state.spec.uid; });
}

// It has a replica of both partitions and of the catalog, and all of them vote.
bool is_whole(Story& story, size_t number) {
  SimBroker& broker = story.cluster.broker(number);
  if (!broker.is_up()) return false;
  const auto& replicas = broker.store().replicas();
  return replicas.size() == 3 && std::all_of(replicas.begin(), replicas.end(), [](const auto& one) {
           const store::ReplicaState& state = one.second;
           return state.life == store::Life::kLive && !state.fault && votes(state);
         });
}

void expect_whole(Story& story, size_t broker) {
  story.expect_soon([&, broker] { return is_whole(story, broker); },
                    "broker " + std::to_string(broker) + " did not get its replicas back");
}

void wipe_and_start(Story& story, size_t broker) {
  silence_forever(story, uids_of(story.cluster.broker(broker)));
  story.cluster.broker(broker).wipe();
  story.start(broker);
}

Violations a_broker_is_wiped(bool leads) {
  Story story;
  story.send(0, 20);
  story.send(1, 20);
  size_t broker = leads ? story.leader(0) : story.followers(0).first;
  wipe_and_start(story, broker);
  story.send(0, 20);
  story.send(1, 20);
  expect_whole(story, broker);
  story.read();
  return story.end(true);
}

TEST(Restoration, AFollowerThatWasWipedComesBackUnderOtherUids) {
  tell([] { return a_broker_is_wiped(false); });
}

TEST(Restoration, ALeaderThatWasWipedComesBackUnderOtherUids) {
  tell([] { return a_broker_is_wiped(true); });
}

const store::ReplicaState& catalog_of(Story& story, size_t broker) {
  const auto& all = story.cluster.broker(broker).store().replicas();
  return std::find_if(all.begin(), all.end(),
                      [](const auto& one) { return one.second.spec.topic_name == "__catalog"; })
      ->second;
}

// Replicas of its old store are in configurations that still have to be committed.
Violations nobody_refuses_a_broker_that_is_known_again() {
  Story story;
  story.send(0, 20);
  auto [broker, other] = story.followers(0);
  story.cluster.broker(broker).wipe();
  story.wait_ms(8'000);
  auto refused = [&, broker = broker] {
    uint64_t sum = 0;
    for (size_t n : {1, 2, 3}) sum += n == broker ? 0 : story.refusals(n);
    return sum;
  };
  uint64_t before = refused();
  story.start(broker);
  // The newcomer to the catalog is written down, and stays uncommitted for a while.
  const store::ReplicaState& catalog = catalog_of(story, story.leader(0));
  size_t known = catalog.configurations.size();
  Schedule& schedule = story.cluster.schedule();
  for (int i = 0; i < 100'000 && catalog.configurations.size() == known; ++i) {
    schedule.run_until(Time{schedule.now().us + 50});
  }
  story.expect(catalog.configurations.size() > known, "nobody was taken in");
  story.cluster.broker(other).stall_disk(900);
  expect_whole(story, broker);
  story.expect(refused() == before, std::to_string(refused() - before) + " messages were refused");
  return story.end(true);
}

TEST(Restoration, NobodyRefusesABrokerThatIsKnownAgain) {
  tell(nobody_refuses_a_broker_that_is_known_again);
}

// In the end no store is left that the cluster was founded with.
Violations one_after_the_other_is_wiped() {
  Story story;
  story.send(0, 20);
  for (size_t broker : {1, 2, 3, 1}) {
    wipe_and_start(story, broker);
    expect_whole(story, broker);
    story.send(0, 5);
    story.send(1, 5);
  }
  story.read();
  return story.end(true);
}

TEST(Restoration, EveryBrokerMayLoseItsDiskInItsTurn) { tell(one_after_the_other_is_wiped); }

// Until it has been given something.
void wipe_half_way(Story& story, size_t broker) {
  wipe_and_start(story, broker);
  story.expect_soon(
      [&] {
        const SimBroker& one = story.cluster.broker(broker);
        return one.is_up() && !one.store().replicas().empty();
      },
      "it was given nothing");
}

// What brokers know of each other's stores is only in the catalog's log then.
Violations all_are_killed_and_lose_their_tables() {
  Story story;
  story.send(0, 20);
  for (size_t broker : {2, 3}) {
    wipe_and_start(story, broker);
    expect_whole(story, broker);
  }
  for (size_t broker : {1, 2, 3}) {
    SimBroker::Directory directory = story.cluster.broker(broker).backup();
    directory.state = {};
    story.cluster.broker(broker).restore(std::move(directory));
  }
  for (size_t broker : {1, 2, 3}) story.start(broker);
  story.send(0, 5);
  story.read();
  return story.end(true);
}

TEST(Restoration, BrokersOnNewDisksFindEachOtherWithoutTheirTables) {
  tell(all_are_killed_and_lose_their_tables);
}

Violations a_newcomer_is_killed_half_way(int64_t ms) {
  Story story;
  story.send(0, 20);
  size_t broker = story.followers(0).first;
  wipe_half_way(story, broker);
  story.wait_ms(ms);
  story.kill(broker);
  story.start(broker);
  expect_whole(story, broker);
  story.read();
  return story.end(true);
}

TEST(Restoration, ANewcomerThatIsKilledHalfWayGoesOn) {
  for (int64_t ms : {0, 1, 2, 5, 10, 20, 50, 100, 200, 400}) {
    SCOPED_TRACE(std::to_string(ms) + " ms after it was given something");
    tell([&] { return a_newcomer_is_killed_half_way(ms); });
  }
}

Violations a_broker_is_wiped_again_half_way() {
  Story story;
  story.send(0, 100);
  size_t broker = story.followers(0).first;
  wipe_half_way(story, broker);
  wipe_and_start(story, broker);
  expect_whole(story, broker);
  story.send(0, 20);
  story.read();
  return story.end(true);
}

TEST(Restoration, ABrokerThatIsWipedAgainHalfWayComesBack) {
  tell(a_broker_is_wiped_again_half_way);
}

// Only it and the leader have the newest records; then the leader dies.
Violations a_wiped_follower_was_in_the_quorum() {
  Story story;
  story.send(0, 20);
  size_t leader = story.leader(0);
  auto [late, wiped] = story.followers(0);
  story.kill(late);
  story.send(0, 20);
  silence_forever(story, uids_of(story.cluster.broker(wiped)));
  story.cluster.broker(wiped).wipe();
  story.kill(leader);
  story.start(wiped);
  story.start(late);
  story.wait_ms(10'000);
  story.expect(story.leader_now(0) == 0, "somebody leads without what was acknowledged");
  story.start(leader);
  story.send(0, 10);
  expect_whole(story, wiped);
  story.read();
  return story.end(true);
}

TEST(Restoration, UntilTheLeaderIsBackNobodyLeadsInPlaceOfAWipedQuorum) {
  tell(a_wiped_follower_was_in_the_quorum);
}

Violations two_of_three_are_wiped() {
  Story story;
  story.send(0, 20);
  size_t leader = story.leader(0);
  auto [one, other] = story.followers(0);
  for (size_t broker : {one, other}) wipe_and_start(story, broker);
  story.wait_ms(20'000);
  story.expect(story.leader_now(0) == 0, "a minority of one leads");
  story.expect(story.cluster.broker(leader).store().replicas().size() == 3, "it lost something");
  for (size_t broker : {one, other}) {
    story.expect(story.cluster.broker(broker).store().replicas().empty(), "something was founded");
  }
  return story.cluster.violations();
}

TEST(Restoration, TwoOfThreeWipedFoundNothingAnew) { tell(two_of_three_are_wiped); }

// The uids of the topic's first partition, on broker `number` of four.
std::set<Uid> first_of(Story& story, size_t number) {
  std::set<Uid> uids;
  SimBroker& broker = story.cluster.broker(number);
  if (!broker.is_up()) return uids;
  for (const auto& [uid, state] : broker.store().replicas()) {
    bool counts = state.spec.topic_name == "t" && state.spec.partition == 0;
    if (counts && state.life == store::Life::kLive) uids.insert(uid);
  }
  return uids;
}

Violations a_broker_stays_away() {
  broker::BrokerConfig config = Story::small_files();
  config.replace_after_ms = 20'000;
  Story story(4, config);
  story.send(0, 20);
  size_t leader = story.leader(0), away = 0;
  for (size_t n = 1; n <= 4; ++n) {
    if (n != leader && !first_of(story, n).empty()) away = n;
  }
  std::set<Uid> old = first_of(story, away);
  auto replicas = [&] {
    size_t count = 0;
    for (size_t n = 1; n <= 4; ++n) count += first_of(story, n).size();
    return count;
  };
  story.kill(away);
  story.wait_ms(15'000);
  story.expect(replicas() == 2, "somebody did not wait");
  story.expect_soon([&] { return replicas() == 3; }, "nobody takes its place");
  story.send(0, 20);
  story.send(1, 20);
  story.start(away);
  story.expect_soon([&] { return replicas() == 3 && first_of(story, away) != old; },
                    "what was replaced meanwhile is still there");
  story.read();
  return story.end(true);
}

TEST(Restoration, WhatABrokerHadThatStaysAwayIsMadeElsewhere) { tell(a_broker_stays_away); }

// What a swarm may do without losing anything for good.
Violations a_disk_is_wiped_where_it_can_be_spared() {
  Story story;
  story.send(0, 20);
  auto can_spare = [&](size_t number) {
    return story.cluster.can_spare(story.cluster.broker(number));
  };
  for (size_t n : {1, 2, 3}) story.expect(can_spare(n), "a whole cluster cannot spare a disk");
  wipe_and_start(story, 2);
  for (size_t n : {1, 3}) story.expect(!can_spare(n), "a second of three can be spared");
  story.expect(can_spare(2), "a blank disk cannot be spared");
  story.cluster.expect_redundancy();
  for (size_t n : {1, 2, 3}) story.expect(can_spare(n), "it is not as whole as it says");
  return story.end(true);
}

TEST(Restoration, OneDiskOfThreeCanBeSparedAtATime) {
  tell(a_disk_is_wiped_where_it_can_be_spared);
}

}  // namespace
}  // namespace strandlog::sim
