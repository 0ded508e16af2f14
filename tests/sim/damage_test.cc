// Damage on disks: what is wrong is refused, the others have it.
#include <gtest/gtest.h>

#include <algorithm>

#include "store/journal_scan.h"
#include "tests/sim/story.h"

namespace strandlog::sim {
namespace {

using store::FakeDisk;
using Violations = std::vector<std::string>;

// ------------------------------------------------------------------------------------ in segments

struct Damage {
  FakeDisk& disk;
  std::string segment;  ///< the one to hurt
  std::string other;    ///< one of another partition
};

size_t middle_of_a_value(const std::vector<uint8_t>& segment) {
  const std::string filler(64, '.');
  auto found = std::search(segment.begin() + static_cast<ptrdiff_t>(segment.size() / 2),
                           segment.end(), filler.begin(), filler.end());
  CHECK(found != segment.end());
  return static_cast<size_t>(found - segment.begin()) + filler.size() / 2;
}

void rots(const Damage& at) {
  at.disk.flip(at.segment, middle_of_a_value(at.disk.bytes_of(at.segment)), 1);
}

void cannot_be_read(const Damage& at) {
  size_t position = middle_of_a_value(at.disk.bytes_of(at.segment));
  at.disk.add_read_error(at.segment, position, position + 1);
}

void is_overwritten(const Damage& at) {
  auto bytes = at.disk.bytes_of(at.segment), others = at.disk.bytes_of(at.other);
  ptrdiff_t begin = 2 * FakeDisk::kAlignment, end = 3 * FakeDisk::kAlignment;
  std::copy(others.begin() + begin, others.begin() + end, bytes.begin() + begin);
  at.disk.put(at.segment, bytes);
}

void was_never_written(const Damage& at) {
  auto bytes = at.disk.bytes_of(at.segment);
  size_t sector = middle_of_a_value(bytes) / FakeDisk::kSector * FakeDisk::kSector;
  std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(sector), FakeDisk::kSector, uint8_t{0});
  at.disk.put(at.segment, bytes);
}

using Harm = void (*)(const Damage&);

void hurt(Story& story, size_t broker, Harm harm) {
  harm({story.disk(broker), story.segment(broker, 0), story.segment(broker, 1)});
}

Violations a_leaders_segment(Harm harm) {
  Story story;
  story.send(0, 60);
  story.send(1, 60);
  size_t leader = story.leader(0);
  Uid uid = story.uid(leader, 0);
  hurt(story, leader, harm);
  story.read();
  story.expect_replaced(leader, 0, uid);
  story.send(0, 10);
  story.send(1, 10);
  return story.end();
}

Violations a_followers_segment(Harm harm) {
  Story story;
  story.send(0, 60);
  story.send(1, 60);
  size_t follower = story.followers(0).first;
  Uid uid = story.uid(follower, 0);
  hurt(story, follower, harm);
  story.read();
  story.expect_out_of_service({});  // nobody asked for it
  story.make_leader(follower, 0);
  story.read();
  story.expect_replaced(follower, 0, uid);
  story.send(0, 10);
  return story.end();
}

Violations what_a_late_follower_needs(Harm harm) {
  Story story;
  auto [late, other] = story.followers(0);
  story.send(1, 60);
  story.kill(late);
  story.send(0, 60);
  size_t leader = story.leader(0);
  Uid uid = story.uid(leader, 0);
  hurt(story, leader, harm);
  story.start(late);
  story.expect_replaced(leader, 0, uid);
  story.expect_soon(
      [&, l = late, o = other] {
        return story.replica(l, 0).durable == story.replica(o, 0).durable;
      },
      "the late follower does not catch up");
  return story.end();
}

TEST(Damage, RotInALeadersSegmentIsNeverServed) {
  tell([] { return a_leaders_segment(rots); }, Mutant::kReadsUnverified);
}

TEST(Damage, RotInAFollowersSegmentIsNeverServedWhenItLeads) {
  tell([] { return a_followers_segment(rots); }, Mutant::kReadsUnverified);
}

TEST(Damage, RotIsNotSentToALateFollower) {
  tell([] { return what_a_late_follower_needs(rots); }, Mutant::kReadsUnverified);
}

TEST(Damage, ASegmentThatCannotBeReadIsReadElsewhere) {
  tell([] { return a_leaders_segment(cannot_be_read); });
  tell([] { return a_followers_segment(cannot_be_read); });
  tell([] { return what_a_late_follower_needs(cannot_be_read); });
}

TEST(Damage, APageOfAnotherPartitionIsNeverServed) {
  tell([] { return a_leaders_segment(is_overwritten); });
  tell([] { return a_followers_segment(is_overwritten); });
}

TEST(Damage, ALostWriteIsNeverServed) {
  tell([] { return a_leaders_segment(was_never_written); }, Mutant::kReadsUnverified);
  tell([] { return a_followers_segment(was_never_written); }, Mutant::kReadsUnverified);
}

// ---------------------------------------------------------------------------------- in the journal

bool holds_entries_of(const store::RoundHead& head, Uid uid) {
  auto others = [&](const store::Item& item) { return item.uid != uid; };
  auto entries = [](const store::Item& item) { return item.kind == store::ItemKind::kEntries; };
  return std::any_of(head.items.begin(), head.items.end(), entries) &&
         std::none_of(head.items.begin(), head.items.end(), others);
}

// Flips a byte in the head of a round in the middle of those that hold entries of this replica
// alone and came after its entry `after`.
void rot_a_round_head(const SimBroker& broker, FakeDisk& disk, Uid uid, Index after) {
  FakeDisk image = disk;
  auto scan = store::scan_journal(image, broker.store_id());
  CHECK(scan.ok());
  std::vector<store::ScannedRound> rounds;
  std::optional<store::Pages> memory;
  for (const store::ChainLink& link : scan->chain) {
    auto bytes = store::read_round(image, *scan, *link.found, memory);
    auto head = store::decode_round_head(*bytes, *scan->files[link.found->file].header);
    if (holds_entries_of(*head, uid) && head->items[0].first > after) rounds.push_back(*link.found);
  }
  CHECK(rounds.size() > 4);
  const store::ScannedRound& victim = rounds[rounds.size() / 2];
  disk.flip(scan->files[victim.file].path, victim.position + 20);
}

// What one follower and the leader acknowledged is in the follower's damaged journal; the leader
// dies, and the other follower never had it.
Violations rot_in_a_followers_journal() {
  auto config = Story::small_files();
  config.store.journal_file_bytes = 1u << 20;  // no base image knows what the rounds hold
  config.store.journal_max_bytes = 8u << 20;
  Story story(3, config);
  story.send(0, 20);
  story.send(1, 20);
  size_t leader = story.leader(0);
  auto [late, hurt] = story.followers(0);
  story.kill(late);
  Uid uid = story.uid(hurt, 0);
  Index before = story.replica(hurt, 0).last;
  story.send(0, 20);
  story.kill(hurt);
  rot_a_round_head(story.cluster.broker(hurt), story.disk(hurt), uid, before);
  story.kill(leader);
  story.start(hurt);
  story.start(late);
  story.expect_out_of_service({{hurt, 0}});
  story.wait_ms(10'000);
  story.expect(story.leader_now(0) == 0, "somebody leads without what was acknowledged");
  story.start(leader);
  story.expect_replaced(hurt, 0, uid);
  story.send(0, 10);
  story.send(1, 10);
  story.read();
  return story.end();
}

TEST(Damage, RotInAJournalPutsItsReplicaOutOfServiceAndCutsNothing) {
  tell(rot_in_a_followers_journal, Mutant::kCutAtDamage);
}

// ---------------------------------------------------------------------------------- failed flushes

// The only replica: what it acknowledges is on its disk or nowhere.
Violations the_nth_flush_fails(int nth) {
  Story story(1);
  story.send(0, 20);
  auto look = [&](const Promise& promise) { story.cluster.check_durable(promise); };
  story.disk(1).fail_flush(static_cast<uint64_t>(nth));
  for (int i = 0; i < 40 && story.cluster.broker(1).is_up(); ++i) {
    story.cluster.watch().sample_promise(look);
    story.begin_send(0, 1);
    story.wait_ms(50);
  }
  const SimBroker& broker = story.cluster.broker(1);
  story.expect(!broker.is_up() && broker.ended()->code == Code::kIo, "the broker did not end");
  story.start(1);
  story.send(0, 10);
  return story.end();
}

TEST(Damage, AFailedFlushEndsTheProcessBeforeAnythingOfItIsAcknowledged) {
  tell([] { return the_nth_flush_fails(1); }, Mutant::kFlushErrorIgnored);
  for (int nth = 2; nth <= 12; ++nth) {  // of rounds, of new files, of segments
    SCOPED_TRACE("flush " + std::to_string(nth));
    tell([&] { return the_nth_flush_fails(nth); });
  }
}

// Its system counts as clean what it could not write. Leader and follower are the majority.
Violations a_flush_is_forgotten() {
  Story story;
  story.send(0, 20);
  size_t leader = story.leader(0);
  auto [late, forgetful] = story.followers(0);
  story.kill(late);
  SimBroker& broker = story.cluster.broker(forgetful);
  broker.disk().fail_flush(1, true);
  story.begin_send(0, 10);
  story.wait_ms(1'000);
  story.expect(!broker.is_up(), "the broker did not end");
  story.start(forgetful);
  story.send(0, 10);
  broker.kill();
  broker.disk().lose_unflushed();  // the power goes
  story.kill(leader);
  story.start(late);
  story.start(forgetful);
  story.send(0, 10);
  story.read();
  return story.end();
}

TEST(Damage, AForgottenFlushLosesNothingThatWasAcknowledged) {
  tell(a_flush_is_forgotten, Mutant::kFlushErrorIgnored);
}

}  // namespace
}  // namespace strandlog::sim
