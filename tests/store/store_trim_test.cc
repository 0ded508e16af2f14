// Logs that begin later, and what becomes of the files before their starts.
#include <gtest/gtest.h>

#include <algorithm>

#include "store/segment_format.h"
#include "tests/store/store_model.h"

namespace strandlog::store {
namespace {

StoreOptions short_files() {
  StoreOptions options;
  options.journal_file_bytes = 128u << 10;
  options.journal_max_bytes = 2u << 20;
  options.segment_bytes = 64u << 10;
  options.tail_cache_bytes = 64u << 10;
  return options;
}

class StoreTrim : public testing::Test {
 protected:
  StoreTrim() : tested_(disk_, short_files()) {
    EXPECT_TRUE(tested_.open(1).ok());
    tested_.make(1);
    round();
  }
  void round() {
    if (tested_.store().dirty()) tested_.submit();
    EXPECT_TRUE(tested_.settle());
  }
  /// So many entries of about 1 KiB, in rounds of four, and time for what goes on behind them.
  void fill(int entries) {
    for (int i = 0; i < entries; ++i) {
      tested_.append(1, std::max(Term{1}, tested_.last_term(1)), 1000);
      if (i % 4 == 3) round();
    }
    round();
    idle();
  }
  void idle() {
    for (int i = 0; i < 2000; ++i) tested_.poll();
    EXPECT_TRUE(tested_.settle());
  }
  void trim(uint64_t to) {
    for (int i = 0; i < 1000 && !tested_.store().may_trim(); ++i) tested_.poll();
    tested_.trim(1, to);
    ASSERT_EQ(state().start.index, Index{to});
    round();
  }
  const ReplicaState& state() { return tested_.store().replicas().at(Uid{1}); }
  std::vector<std::string> segments() {
    auto names = disk_.list(segment_directory(Uid{1}));
    return names.ok() ? *names : std::vector<std::string>{};
  }
  void restart() {
    tested_.close();
    disk_.end_process(++starts_);
    ASSERT_TRUE(tested_.open(++starts_).ok());
    EXPECT_EQ(model_of(tested_.store()), tested_.model);
    expect_valid_logs(tested_.store());
  }
  Result<bool> read(std::variant<Index, Offset> from) {
    ReadResult result;
    return tested_.store().read({Uid{1}, from, state().last}, 1, result);
  }

  FakeDisk disk_;
  ModelledStore tested_;
  uint64_t starts_ = 10;
};

TEST_F(StoreTrim, WhatIsBelowTheStartIsRefusedAndTheStartIsKnown) {
  fill(10);
  trim(4);

  EXPECT_EQ(read(Index{4}).error().code, Code::kOutOfRange);
  EXPECT_EQ(read(Offset{state().start.offset.value - 1}).error().code, Code::kOutOfRange);
  EXPECT_TRUE(read(Index{5}).ok());
  EXPECT_TRUE(read(state().start.offset).ok());
  EXPECT_FALSE(tested_.store().term_at(Uid{1}, Index{3}).has_value());
  EXPECT_EQ(tested_.store().term_at(Uid{1}, Index{4}), Term{1});
  EXPECT_EQ(tested_.store().next_offset_at(Uid{1}, Index{4}), state().start.offset);
}

TEST_F(StoreTrim, ALogMayEndWhereItBeginsAndGoOnFromThere) {
  fill(10);
  trim(10);
  EXPECT_EQ(state().last, Index{10});
  EXPECT_EQ(state().bytes, 0u);
  restart();
  fill(5);
  restart();
  EXPECT_EQ(state().last, Index{15});
}

TEST_F(StoreTrim, FilesGoOnceTwoImagesKnowOfIt) {
  fill(300);
  size_t before = segments().size();
  ASSERT_GE(before, 4u);
  uint64_t bytes = state().bytes;
  trim(250);
  EXPECT_EQ(segments().size(), before) << "an image may need them";
  EXPECT_LT(state().bytes, bytes / 3);
  uint64_t images = tested_.store().figures().checkpoints;

  idle();

  EXPECT_GE(tested_.store().figures().checkpoints, images + 2);
  EXPECT_LE(segments().size(), 2u);
  restart();
}

// With five journal files two images leave three: another one would free a file, and take one.
TEST(StoreWithFewFiles, TakesNoImageAfterImageWhileItIsIdle) {
  FakeDisk disk;
  StoreOptions options = short_files();
  options.journal_max_bytes = 5 * options.journal_file_bytes;
  ModelledStore tested(disk, options);
  ASSERT_TRUE(tested.open(1).ok());
  tested.make(1);
  for (int i = 0; i < 200; ++i) {
    if (tested.store().room_for(1000).ok()) tested.append(1, Term{1}, 1000);
    if (tested.store().dirty() && !tested.store().writing()) tested.submit();
    for (int n = 0; n < 10; ++n) tested.poll();
  }
  for (int i = 0; i < 2000; ++i) tested.poll();
  uint64_t images = tested.store().figures().checkpoints;
  EXPECT_GT(images, 1u);

  for (int i = 0; i < 5000; ++i) tested.poll();

  EXPECT_EQ(tested.store().figures().checkpoints, images);
}

TEST_F(StoreTrim, AStartFindsTheFilesThatAKilledProcessLeft) {
  fill(300);
  size_t before = segments().size();
  trim(250);
  restart();
  EXPECT_GE(segments().size(), before);
  idle();
  EXPECT_LE(segments().size(), before - 3);
  restart();
}

TEST_F(StoreTrim, ADeadReplicaLeavesNoFiles) {
  fill(300);
  trim(250);
  tested_.life(1, Life::kDead);
  round();
  idle();
  EXPECT_TRUE(segments().empty());
}

TEST_F(StoreTrim, AStartReplacesALogThatIsBehindIt) {
  fill(300);
  size_t before = segments().size();
  for (int i = 0; i < 1000 && !tested_.store().may_trim(); ++i) tested_.poll();
  tested_.install(1, 1000, Term{7}, "of three others");
  round();

  EXPECT_EQ(state().last, Index{1000});
  EXPECT_EQ(state().durable, Index{1000});
  EXPECT_EQ(state().configurations.back().index, Index{1000});
  EXPECT_EQ(state().configurations.back().value.text(), "of three others");
  restart();
  fill(3);
  EXPECT_LT(segments().size(), before);
  restart();
  EXPECT_EQ(state().last, Index{1003});
}

TEST_F(StoreTrim, ATrimOfAnotherLogPutsTheReplicaOutOfService) {
  fill(10);
  LogStart other{Index{4}, Term{1}, Offset{4000}, 4711};
  for (int i = 0; i < 1000 && !tested_.store().may_trim(); ++i) tested_.poll();
  tested_.store().trim(Uid{1}, other);
  ASSERT_TRUE(state().fault.has_value());
  EXPECT_EQ(state().start, LogStart{});
}

// Whoever needs what is gone is told the configuration at the start.
TEST_F(StoreTrim, TheConfigurationAtTheStartStaysHoweverManyFollow) {
  fill(2);
  tested_.configure(1, Term{1}, "at the start");
  round();
  trim(3);
  for (int i = 0; i < 30; ++i) {
    tested_.configure(1, Term{1}, "later " + std::to_string(i));
    round();
  }
  for (bool again : {false, true}) {
    EXPECT_EQ(state().configurations.front().index, Index{3});
    EXPECT_EQ(state().configurations.front().value.text(), "at the start");
    EXPECT_EQ(state().configurations.back().value.text(), "later 29");
    EXPECT_LE(state().configurations.size(), 8u);
    if (!again) restart();
  }
}

TEST_F(StoreTrim, WhatATrimEntryAsksForIsKnownUntilItIsDoneOrCutOff) {
  fill(4);
  LogStart wanted{Index{2}, Term{1}, *tested_.store().next_offset_at(Uid{1}, Index{2}), 0};
  auto body = encode_log_start(wanted);
  EXPECT_EQ(decode_log_start(body).value(), wanted);
  tested_.store().append(Uid{1}, {EntryKind::kTrim, Term{1}, 0, 0, body});
  EXPECT_EQ(state().trims.size(), 1u);
  EXPECT_EQ(state().trims.front(), (WantedTrim{Index{5}, wanted}));
  round();
  tested_.close();
  ASSERT_TRUE(tested_.open(++starts_).ok());
  EXPECT_EQ(state().trims.front(), (WantedTrim{Index{5}, wanted})) << "the journal tells";
  tested_.store().truncate(Uid{1}, Index{5});
  EXPECT_TRUE(state().trims.empty());
}

TEST_F(StoreTrim, PiecesEndWhereTheLogSaysSo) {
  fill(300);
  std::vector<LogPiece> pieces = tested_.store().pieces(Uid{1});
  ASSERT_GE(pieces.size(), 4u);
  uint64_t bytes = 0;
  for (const LogPiece& piece : pieces) {
    bytes += piece.bytes;
    EXPECT_EQ(tested_.store().term_at(Uid{1}, piece.end.index), piece.end.term);
  }
  EXPECT_EQ(bytes, state().bytes);
  EXPECT_EQ(pieces.back().end.index, state().last);
  trim(pieces[1].end.index.value);
  EXPECT_EQ(state().start.chain, pieces[1].end.chain);
  EXPECT_EQ(tested_.store().pieces(Uid{1}).front().end, pieces[2].end);
}

}  // namespace
}  // namespace strandlog::store
