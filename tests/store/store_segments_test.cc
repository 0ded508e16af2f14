// Segments and checkpoints behind a running store: reads from disk, bounds, recycling, the dead.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/crc32c.h"
#include "store/redo.h"
#include "store/segment_format.h"
#include "tests/store/store_model.h"

namespace strandlog::store {
namespace {

StoreOptions tiny() {
  StoreOptions o;
  o.journal_file_bytes = 64u << 10;
  o.journal_max_bytes = 512u << 10;
  o.segment_bytes = 16u << 10;
  o.tail_cache_bytes = 32u << 10;
  return o;
}

struct Filled {
  FakeDisk disk;
  ModelledStore modelled;
  explicit Filled(int rounds = 60, StoreOptions options = tiny()) : modelled(disk, options) {
    EXPECT_TRUE(modelled.open(3).ok());
    modelled.make(1);
    modelled.make(2);
    for (int round = 0; round < rounds; ++round) fill();
  }
  void fill() {
    for (uint64_t uid = 1; uid <= 2; ++uid) modelled.append(uid, Term{1}, 3000);
    modelled.submit();
    EXPECT_TRUE(modelled.settle());
    for (int i = 0; i < 3; ++i) modelled.poll();
    EXPECT_TRUE(modelled.settle());
  }
  Store& store() { return modelled.store(); }
};

TEST(StoreSegments, AnswerForWhatMemoryLetGo) {
  Filled f;
  EXPECT_TRUE(model_of(f.store()) == f.modelled.model);
  expect_valid_logs(f.store());
  EXPECT_GT(f.store().figures().disk_reads, 0u);
  EXPECT_LE(f.store().figures().tail_cache_bytes, 64u << 10);
}

TEST(StoreSegments, FindAnOffsetThatMemoryLetGo) {
  Filled f;
  ReadResult result;
  auto ready = f.store().read({Uid{1}, Offset{1}, Index{9}, 1}, 5, result);
  ASSERT_TRUE(ready.ok());
  ASSERT_FALSE(*ready);
  std::vector<StoreEvent> events;
  for (int i = 0; i < 100 && events.empty(); ++i) f.store().poll(events);
  ASSERT_EQ(events.size(), 1u);
  const auto& done = std::get<ReadDone>(events[0]);
  EXPECT_EQ(done.ticket, 5u);
  ASSERT_TRUE(done.result.ok());
  EXPECT_EQ(done.result->first, Index{2});  // one record per entry
  EXPECT_EQ(done.result->last, Index{2});
}

TEST(StoreSegments, AreReadWhileTheirWritesStandStill) {
  Filled f;
  f.disk.hold(DiskOp::Lane::kBackground);
  f.disk.hold(DiskOp::Lane::kJournal);
  ReadResult result;
  auto ready = f.store().read({Uid{1}, Index{1}, Index{9}, 1}, 5, result);
  ASSERT_TRUE(ready.ok());
  ASSERT_FALSE(*ready);
  std::vector<StoreEvent> events;
  for (int i = 0; i < 100 && events.empty(); ++i) f.store().poll(events);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(std::get<ReadDone>(events[0]).result.ok());
}

TEST(StoreSegments, LetTheJournalRecycleItsFiles) {
  Filled f(200);
  EXPECT_GT(f.store().figures().checkpoints, 5u);
  EXPECT_LE(f.store().figures().journal_bytes, 512u << 10);
  f.modelled.close();
  ASSERT_TRUE(f.modelled.open(4).ok());
  EXPECT_TRUE(model_of(f.store()) == f.modelled.model);
}

// A start once took every file that had ever been used for one in use.
TEST(StoreSegments, LetTheJournalRecycleItsFilesAfterEachStart) {
  Filled f(200);
  for (uint64_t start = 0; start < 20; ++start) {
    f.modelled.close();
    ASSERT_TRUE(f.modelled.open(4 + start).ok());
    for (int round = 0; round < 5; ++round) f.fill();
    EXPECT_LE(f.store().figures().journal_bytes, 512u << 10) << "after start " << start;
  }
  EXPECT_TRUE(model_of(f.store()) == f.modelled.model);
}

// Files that the process before had no use for any more still have their headers.
TEST(StoreSegments, LetTheJournalRecycleItsFilesAfterStartsThatComeSoon) {
  for (int rounds = 0; rounds < 8; ++rounds) {
    Filled f(100);
    for (uint64_t start = 0; start < 20; ++start) {
      f.modelled.close();
      ASSERT_TRUE(f.modelled.open(4 + start).ok());
      for (int round = 0; round < rounds; ++round) f.fill();
    }
    EXPECT_LE(f.store().figures().journal_bytes, 512u << 10) << rounds << " rounds after a start";
  }
}

TEST(StoreSegments, RefuseAppendsWhileTheyLagBehindAFullJournal) {
  Filled f(10);
  f.disk.hold(DiskOp::Lane::kBackground);
  int rounds = 0;
  while (f.store().room_for(7000).ok() && rounds < 200) {
    f.fill();
    ++rounds;
  }
  ASSERT_LT(rounds, 200);
  EXPECT_EQ(f.store().room_for(7000).error().code, Code::kBusy);
  f.modelled.hard_state(1, Term{9}, Uid{1});  // still has room
  f.modelled.submit();
  ASSERT_TRUE(f.modelled.settle());
  f.disk.release();
  for (int i = 0; i < 500; ++i) f.modelled.poll();
  auto room = f.store().room_for(7000);
  EXPECT_TRUE(room.ok()) << room.error().text << ", unsegmented "
                         << f.store().figures().unsegmented_bytes << ", checkpoints "
                         << f.store().figures().checkpoints;
  EXPECT_TRUE(model_of(f.store()) == f.modelled.model);
}

TEST(StoreSegments, TakeAnAppendLongerThanTheWholeJournal) {
  Filled f(10);
  ASSERT_TRUE(f.store().room_for(1u << 20).ok());
  f.modelled.append(1, Term{1}, 1u << 20);
  EXPECT_EQ(f.store().room_for(1u << 20).error().code, Code::kBusy) << "only alone in its round";
  f.modelled.submit();
  ASSERT_TRUE(f.modelled.settle());
  for (int i = 0; i < 50; ++i) f.modelled.poll();
  EXPECT_TRUE(f.store().room_for(1u << 20).ok());
  EXPECT_TRUE(model_of(f.store()) == f.modelled.model);
}

// A file that grew once took the place of those that appends need, for ever.
TEST(StoreSegments, HaveRoomAgainAfterAnAppendThatFilledTheYoungJournal) {
  Filled f(1);
  f.modelled.append(1, Term{1}, 260u << 10);
  f.modelled.submit();
  ASSERT_TRUE(f.modelled.settle());
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 500 && !f.store().room_for(7000).ok(); ++i) f.modelled.poll();
    auto room = f.store().room_for(7000);
    ASSERT_TRUE(room.ok()) << room.error().text << " after " << round << " rounds";
    ASSERT_TRUE(f.modelled.settle());
    f.fill();
  }
  EXPECT_LE(f.store().figures().journal_bytes, 512u << 10);
  EXPECT_TRUE(model_of(f.store()) == f.modelled.model);
}

// Once a slow disk let entries behind the frozen end be filed while the checkpoint still waited for
// a free piece: the image's ranges went past its log and the replica was refused at the next start.
TEST(StoreSegments, InAnImageEndWhereItsLogEndsHoweverSlowTheDisk) {
  FakeDisk disk;
  ModelledStore modelled(disk, tiny());
  ASSERT_TRUE(modelled.open(3).ok());
  constexpr uint64_t kReplicas = 12;
  for (uint64_t uid = 1; uid <= kReplicas; ++uid) modelled.make(uid);
  for (int round = 0; round < 400; ++round) {
    if (round % 5 == 0) disk.hold(DiskOp::Lane::kBackground);
    if (round % 5 == 3) disk.release();
    for (uint64_t uid = 1; uid <= kReplicas && modelled.store().room_for(40'000).ok(); ++uid) {
      modelled.append(uid, Term{1}, 2000 + 10 * uid);
    }
    if (modelled.store().dirty() && !modelled.store().writing()) modelled.submit();
    EXPECT_TRUE(modelled.settle());
    modelled.poll();
  }
  disk.release();
  for (int i = 0; i < 500; ++i) modelled.poll();
  EXPECT_GT(modelled.store().figures().checkpoints, 5u);
  modelled.close();

  ASSERT_TRUE(modelled.open(4).ok());

  for (const auto& [uid, state] : modelled.store().replicas()) {
    EXPECT_FALSE(state.fault) << state.fault.value_or("");
  }
  EXPECT_TRUE(model_of(modelled.store()) == modelled.model);
}

TEST(StoreSegments, WithADamagedByteAreNeverServed) {
  Filled f;
  std::string path;
  for (const std::string& file : f.disk.files()) {
    if (file.starts_with(segment_directory(Uid{1}) + "/") && path.empty()) path = file;
  }
  ASSERT_FALSE(path.empty());
  f.disk.flip(path, kSegmentHeaderBytes + 100);
  ReadResult result;
  auto ready = f.store().read({Uid{1}, Index{1}, Index{1}}, 5, result);
  ASSERT_TRUE(ready.ok());
  std::vector<StoreEvent> events;
  for (int i = 0; i < 100 && events.size() < 2; ++i) f.store().poll(events);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(std::get<ReplicaFault>(events[0]).uid, Uid{1});
  EXPECT_EQ(std::get<ReadDone>(events[1]).result.error().code, Code::kCorruption);
  EXPECT_TRUE(f.store().replicas().at(Uid{1}).fault);
  EXPECT_FALSE(f.store().replicas().at(Uid{2}).fault);
}

// Once the round of a replica that had become faulty meanwhile made its entries be filed.
TEST(StoreSegments, OfAReplicaThatBecameFaultyGetNothingMore) {
  Filled f;
  std::string path;
  for (const std::string& file : f.disk.files()) {
    if (file.starts_with(segment_directory(Uid{1}) + "/") && path.empty()) path = file;
  }
  f.disk.flip(path, kSegmentHeaderBytes + 100);
  f.disk.hold(DiskOp::Lane::kJournal);
  for (int i = 0; i < 5; ++i) f.modelled.append(1, Term{1}, 3000);
  f.modelled.submit();
  ReadResult result;
  ASSERT_TRUE(f.store().read({Uid{1}, Index{1}, Index{1}}, 5, result).ok());
  for (int i = 0; i < 100; ++i) f.modelled.poll();
  ASSERT_TRUE(f.store().replicas().at(Uid{1}).fault);
  uint64_t files = f.disk.files().size();
  f.disk.release();
  ASSERT_TRUE(f.modelled.settle());
  for (int i = 0; i < 100; ++i) f.modelled.poll();
  EXPECT_EQ(f.disk.files().size(), files);
}

// Once a replica lost its service when the last entry that stayed was known to the writer of its
// segment alone.
TEST(StoreSegments, AreCutAtTheLastEntryThatWasFiled) {
  StoreOptions options = tiny();
  options.tail_cache_bytes = 0;
  for (int rounds = 2; rounds <= 20; ++rounds) {
    Filled f(rounds, options);
    f.modelled.append(1, Term{1}, 100);
    for (int i = 0; i < 50; ++i) f.modelled.poll();  // all before it is filed and forgotten
    f.modelled.truncate(1, static_cast<uint64_t>(rounds) + 1);
    f.modelled.submit();
    ASSERT_TRUE(f.modelled.settle());
    f.fill();
    EXPECT_FALSE(f.store().replicas().at(Uid{1}).fault) << rounds << " rounds";
    EXPECT_TRUE(model_of(f.store()) == f.modelled.model) << rounds << " rounds";
  }
}

// Once the writer of a segment that had been cut counted as having written what came in its place:
// entries left memory before they could be read.
TEST(StoreSegments, AreReadableBeforeMemoryLetsGoWhateverIsCut) {
  StoreOptions options = tiny();
  options.tail_cache_bytes = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Filled f(3, options);
    Dice dice(seed);
    uint64_t term = 1;
    for (int step = 0; step < 40; ++step) {
      bool held = dice.percent(50);
      if (held) f.disk.hold(DiskOp::Lane::kBackground);
      if (dice.percent(25) && f.modelled.last(1) > 3) {
        f.modelled.truncate(1, f.modelled.last(1) - dice.below(3));
        // An older leader's entries may come back: then a file of the same name begins again.
        term = dice.percent(50) ? term + 1 : f.modelled.last_term(1).value;
      }
      f.modelled.append(1, Term{term}, 3000);
      ASSERT_TRUE(f.modelled.settle());  // a round that the store wrote by itself
      f.modelled.submit();
      ASSERT_TRUE(f.modelled.settle());
      for (uint64_t i = dice.below(4); i > 0; --i) f.modelled.poll();
      ASSERT_TRUE(model_of(f.store()) == f.modelled.model) << "seed " << seed << ", step " << step;
      ASSERT_FALSE(f.store().replicas().at(Uid{1}).fault) << "seed " << seed << ", step " << step;
      if (dice.percent(50)) f.disk.release(DiskOp::Lane::kBackground);
    }
  }
}

TEST(StoreSegments, OfADeadReplicaAreRemoved) {
  Filled f;
  f.modelled.life(1, Life::kDead);
  f.modelled.submit();
  ASSERT_TRUE(f.modelled.settle());
  for (int i = 0; i < 50; ++i) f.modelled.poll();
  for (const std::string& file : f.disk.files()) {
    EXPECT_FALSE(file.starts_with(segment_directory(Uid{1}) + "/") && file.ends_with(".seg"))
        << file;
  }
  EXPECT_TRUE(model_of(f.store()) == f.modelled.model);
}

TEST(StoreSegments, AreCutByATruncationFarBelowMemory) {
  Filled f;
  f.modelled.truncate(1, 4);
  f.modelled.append(1, Term{2}, 100);
  f.modelled.submit();
  ASSERT_TRUE(f.modelled.settle());
  EXPECT_TRUE(model_of(f.store()) == f.modelled.model);
  f.modelled.close();
  ASSERT_TRUE(f.modelled.open(4).ok());
  EXPECT_TRUE(model_of(f.store()) == f.modelled.model);
  expect_valid_logs(f.store());
}

// Reserved: nothing writes it, redo reads it.
TEST(StoreRedo, TakesEntriesThatLieInASegment) {
  FakeDisk disk;
  ModelledStore other(disk, tiny());
  ASSERT_TRUE(other.open(1).ok());
  other.make(1);
  other.append(1, Term{1}, 50);
  auto run = read_all(other.store(), other.store().replicas().at(Uid{1}));
  ASSERT_TRUE(run.ok());
  std::vector<uint8_t> file(8192);
  file.insert(file.end(), run->begin(), run->end());
  disk.put(segment_file_path(Uid{1}, {Index{1}, Term{1}}), file);
  auto payload =
      encode_segment_place({Index{1}, Term{1}, 8192, run->size(), *crc_of_headers(*run)});
  RoundHead head;
  head.items.push_back({.kind = ItemKind::kEntriesInSegment, .uid = Uid{1}});
  head.items[0].first = head.items[0].last = Index{1};
  head.items[0].bytes = static_cast<uint32_t>(payload.size());
  head.items[0].crc = crc32c(payload);

  ReplicaTable table(kPageBytes);
  table.add(test_spec(1));
  Redo redo(table, disk);
  ASSERT_TRUE(redo.apply(head, payload).ok());

  EXPECT_FALSE(table.states.at(Uid{1}).fault);
  EXPECT_EQ(table.states.at(Uid{1}).last, Index{1});
}

}  // namespace
}  // namespace strandlog::store
