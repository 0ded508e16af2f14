// What a store answers while it runs: appends, rounds, reads, bounds.
#include <gtest/gtest.h>

#include "base/record_batch.h"
#include "store/pages.h"
#include "tests/store/store_model.h"

namespace strandlog::store {
namespace {

StoreOptions small() {
  StoreOptions o;
  o.journal_file_bytes = 256u << 10;
  return o;
}

struct Tested {
  FakeDisk disk;
  ModelledStore modelled;
  explicit Tested(StoreOptions options = small()) : modelled(disk, options) {
    EXPECT_TRUE(modelled.open(3).ok());
    modelled.make(1);
    modelled.make(2);
    round();
    while (disk.pending_count() > 0) modelled.poll();  // spare journal files
  }
  void round() {
    modelled.submit();
    EXPECT_TRUE(modelled.settle());
  }
  Store& store() { return modelled.store(); }
  const ReplicaState& state(uint64_t uid) { return store().replicas().at(Uid{uid}); }
};

TEST(Store, CountsStartsAndNeverReusesABootId) {
  FakeDisk disk;
  ModelledStore tested(disk, small());
  ASSERT_TRUE(tested.open(1).ok());
  EXPECT_EQ(tested.store().boot_epoch().value, 1u);
  BootId first = tested.store().boot_id();
  tested.close();
  ASSERT_TRUE(tested.open(2).ok());
  EXPECT_EQ(tested.store().boot_epoch().value, 2u);
  EXPECT_NE(tested.store().boot_id(), first);
}

TEST(Store, CountsAStartAsSoonAsOpenReturns) {
  FakeDisk disk;
  ModelledStore tested(disk, small());
  ASSERT_TRUE(tested.open(1).ok());
  disk.crash(1);
  ASSERT_TRUE(tested.open(2).ok());
  EXPECT_EQ(tested.store().boot_epoch().value, 2u);
}

TEST(Store, ReadsAnEntryBeforeItIsDurable) {
  Tested t;
  t.modelled.append(1, Term{1}, 100);
  ReadResult result;
  auto ready = t.store().read({Uid{1}, Index{1}, Index{9}}, 1, result);
  ASSERT_TRUE(ready.ok() && *ready);
  EXPECT_EQ(result.last, Index{1});
  EXPECT_EQ(t.state(1).durable, Index{0});
  t.round();
  EXPECT_EQ(t.state(1).durable, Index{1});
}

TEST(Store, ReportsWhatARoundTouchedByUid) {
  Tested t;
  t.modelled.append(2, Term{3}, 100);
  t.modelled.hard_state(1, Term{4}, Uid{2});
  t.modelled.append(2, Term{3}, 100);
  t.modelled.events.clear();
  t.round();
  ASSERT_EQ(t.modelled.events.size(), 1u);
  const auto& round = std::get<RoundDurable>(t.modelled.events[0]);
  ASSERT_EQ(round.touched.size(), 2u);
  EXPECT_EQ(round.touched[0].uid, Uid{1});
  EXPECT_EQ(round.touched[0].term, Term{4});
  EXPECT_EQ(round.touched[0].vote, Uid{2});
  EXPECT_EQ(round.touched[1].uid, Uid{2});
  EXPECT_EQ(round.touched[1].last, Index{2});
  EXPECT_EQ(round.touched[1].last_term, Term{3});
}

TEST(Store, DoesNotReportEntriesTruncatedWhileTheyWereWritten) {
  Tested t;
  for (int i = 0; i < 3; ++i) t.modelled.append(1, Term{1}, 50);
  t.modelled.submit();
  t.modelled.truncate(1, 2);
  t.modelled.append(1, Term{2}, 50);
  t.modelled.events.clear();
  ASSERT_TRUE(t.modelled.settle());
  const auto& round = std::get<RoundDurable>(t.modelled.events.at(0));
  EXPECT_EQ(round.touched.at(0).last, Index{1});
  EXPECT_EQ(round.touched.at(0).last_term, Term{1});
  EXPECT_EQ(t.state(1).durable, Index{1});
  t.round();
  EXPECT_EQ(t.state(1).durable, Index{2});
}

TEST(Store, FindsTheEntryThatHoldsAnOffset) {
  Tested t;
  t.modelled.append(1, Term{1}, 2);  // three records: offsets 0 to 2
  t.modelled.configure(1, Term{1}, "c");
  t.modelled.append(1, Term{1}, 1);  // two records: offsets 3 and 4
  ReadResult result;
  auto ready = t.store().read({Uid{1}, Offset{2}, Index{3}}, 1, result);
  ASSERT_TRUE(ready.ok() && *ready);
  EXPECT_EQ(result.first, Index{1});
  ready = t.store().read({Uid{1}, Offset{4}, Index{3}}, 1, result);
  ASSERT_TRUE(ready.ok() && *ready);
  EXPECT_EQ(result.first, Index{3});
  ready = t.store().read({Uid{1}, Offset{5}, Index{3}}, 1, result);
  ASSERT_TRUE(ready.ok() && *ready);
  EXPECT_LT(result.last, result.first);
  EXPECT_EQ(t.store().next_offset_at(Uid{1}, Index{1}), Offset{3});
  EXPECT_EQ(t.store().next_offset_at(Uid{1}, Index{3}), Offset{5});
}

TEST(Store, StopsAReadBeforeItsLimitButNeverBeforeTheFirstEntry) {
  Tested t;
  for (int i = 0; i < 4; ++i) t.modelled.append(1, Term{1}, 936);  // 1000 bytes each
  ReadResult result;
  auto ready = t.store().read({Uid{1}, Index{1}, Index{4}, 2999}, 1, result);
  ASSERT_TRUE(ready.ok() && *ready);
  EXPECT_EQ(result.last, Index{2});
  EXPECT_EQ(result.bytes, 2000u);
  ready = t.store().read({Uid{1}, Index{2}, Index{4}, 1}, 1, result);
  ASSERT_TRUE(ready.ok() && *ready);
  EXPECT_EQ(result.last, Index{2});
}

TEST(Store, StampsABatchAndStoresItsTrueCrc) {
  Tested t;
  t.modelled.append(1, Term{1}, 2);
  BatchBuilder builder;
  RecordView record;
  record.value = view_of("hello");
  ASSERT_TRUE(builder.add(record).ok());
  auto batch = builder.build(Codec::kNone);
  ASSERT_TRUE(batch.ok());
  NewEntry entry;
  entry.term = Term{7};
  entry.record_count = 1;
  entry.body = *batch;

  EntryHeader header = t.store().append(Uid{1}, entry);

  ReadResult result;
  auto ready = t.store().read({Uid{1}, Index{2}, Index{2}}, 1, result);
  ASSERT_TRUE(ready.ok() && *ready);
  auto stored = decode_entry(result.pieces.at(0), test_spec(1).group);
  ASSERT_TRUE(stored.ok()) << stored.error().text;
  EXPECT_EQ(stored->header, header);
  auto stamped = decode_batch_header(stored->body);
  ASSERT_TRUE(stamped.ok());
  EXPECT_EQ(stamped->base_offset, Offset{3});
  EXPECT_EQ(stamped->leader_epoch, 7);
}

TEST(Store, AppendsARunStoredElsewhereOnlyWhereItFits) {
  Tested from;
  for (int i = 0; i < 3; ++i) from.modelled.append(1, Term{1}, 500);
  auto run = read_all(from.store(), from.state(1));
  ASSERT_TRUE(run.ok());
  Tested to;
  size_t entry = 564;

  auto later = to.store().append_stored(Uid{1}, ByteView(*run).subspan(entry));
  auto other_group = to.store().append_stored(Uid{2}, *run);
  auto fits = to.store().append_stored(Uid{1}, ByteView(*run).first(entry));
  auto rest = to.store().append_stored(Uid{1}, ByteView(*run).subspan(entry));

  EXPECT_EQ(later.error().code, Code::kCorruption);
  EXPECT_EQ(other_group.error().code, Code::kCorruption);
  EXPECT_TRUE(fits.ok());
  EXPECT_TRUE(rest.ok());
  EXPECT_EQ(to.state(1).last, Index{3});
  EXPECT_EQ(to.state(1).chain, from.state(1).chain);
  EXPECT_EQ(*read_all(to.store(), to.state(1)), *run);
}

TEST(Store, WritesASmallRoundInOnePage) {
  Tested t;
  t.modelled.append(1, Term{1}, 200);
  uint64_t before = t.disk.figures().bytes_written;
  t.round();
  EXPECT_EQ(t.disk.figures().bytes_written - before, kPageBytes);
}

TEST(Store, WritesAndFlushesOncePerRound) {
  Tested t;
  for (int i = 0; i < 20; ++i) t.modelled.append(1 + static_cast<uint64_t>(i % 2), Term{1}, 3000);
  auto before = t.disk.figures();
  t.round();
  EXPECT_EQ(t.disk.figures().writes - before.writes, 1u);
  EXPECT_EQ(t.disk.figures().flushes - before.flushes, 1u);
}

size_t journal_files(const FakeDisk& disk) {
  std::vector<std::string> files = disk.files();
  return static_cast<size_t>(std::count_if(
      files.begin(), files.end(), [](const auto& path) { return path.starts_with("journal/"); }));
}

TEST(Store, MakesSpareJournalFilesWhileRoundsGoOn) {
  FakeDisk disk;
  disk.hold(DiskOp::Lane::kBackground);
  ModelledStore modelled(disk, small());
  ASSERT_TRUE(modelled.open(1).ok());
  modelled.make(1);
  modelled.submit();
  EXPECT_TRUE(modelled.settle());
  EXPECT_EQ(journal_files(disk), 2u);
  disk.release();
  for (int i = 0; i < 200; ++i) modelled.poll();
  EXPECT_GT(journal_files(disk), 2u);
  EXPECT_EQ(disk.pending_count(), 0u);
}

TEST(Store, LeavesNothingOfASpareJournalFileThatDoesNotFit) {
  FakeDisk disk;
  disk.hold(DiskOp::Lane::kBackground);
  ModelledStore modelled(disk, small());
  ASSERT_TRUE(modelled.open(1).ok());
  uint64_t bytes = modelled.store().figures().journal_bytes;
  ASSERT_EQ(journal_files(disk), 2u);
  disk.set_capacity(small().journal_file_bytes + 4096);
  disk.release();
  modelled.poll();
  EXPECT_EQ(journal_files(disk), 1u);
  EXPECT_LT(modelled.store().figures().journal_bytes, bytes);
  EXPECT_FALSE(modelled.failed);
}

TEST(Store, SealsTheLastRoundWhenIdleAndOnlyOnce) {
  Tested t;
  uint64_t rounds = t.store().figures().rounds;
  for (int i = 0; i < 1000; ++i) t.modelled.poll();
  EXPECT_EQ(t.store().figures().rounds, rounds + 1);
}

TEST(Store, StopsForGoodAfterAFailedWrite) {
  Tested t;
  t.modelled.append(1, Term{1}, 100);
  t.disk.fail_flush(1);
  t.modelled.submit();
  t.modelled.settle();
  EXPECT_TRUE(t.modelled.failed);
  EXPECT_EQ(t.state(1).durable, Index{0});
}

TEST(Store, RefusesAppendsWhenTheDiskIsNearlyFull) {
  StoreOptions options = small();
  options.reserve_bytes = 1u << 20;
  options.journal_file_bytes = 2u << 20;
  FakeDisk disk;
  disk.set_capacity((1536u << 10) + 3 * options.journal_file_bytes);
  ModelledStore tested(disk, options);
  ASSERT_TRUE(tested.open(1).ok());
  auto refused = tested.store().room_for(600u << 10);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kDiskFull);
  EXPECT_TRUE(tested.store().room_for(100u << 10).ok());
}

TEST(VerifyRun, NamesTheEntryThatIsWrong) {
  Tested t;
  for (int i = 0; i < 3; ++i) t.modelled.append(1, Term{1}, 100);
  auto run = *read_all(t.store(), t.state(1));
  auto good = verify_run(run, test_spec(1).group, Index{1});
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(good->last, Index{3});
  EXPECT_EQ(good->terms, (std::vector<TermStart>{{Index{1}, Term{1}}}));
  for (size_t i = 0; i < run.size(); ++i) {
    auto bad = run;
    bad[i] ^= 1;
    auto found = verify_run(bad, test_spec(1).group, Index{1});
    ASSERT_FALSE(found.ok()) << "byte " << i;
    EXPECT_NE(found.error().text.find("entry " + std::to_string(1 + i / 164)), std::string::npos)
        << found.error().text;
  }
  EXPECT_FALSE(verify_run(run, test_spec(2).group, Index{1}).ok());
  EXPECT_FALSE(verify_run(run, test_spec(1).group, Index{2}).ok());
}

}  // namespace
}  // namespace strandlog::store
