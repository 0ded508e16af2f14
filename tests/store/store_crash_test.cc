// Power cuts at every disk operation of a workload: whole rounds survive, and all that was
// reported.
#include <gtest/gtest.h>

#include "tests/store/store_model.h"

namespace strandlog::store {
namespace {

struct CrashPlan {
  StoreOptions options;
  int rounds = 30;
  size_t max_body = 3000;
  uint64_t workload_seed = 1;
  uint64_t step = 1;  ///< every step-th operation boundary
  uint64_t tear_seeds = 3;
  uint64_t min_checkpoints = 0;  ///< after the restart in the middle
  uint64_t min_disk_reads = 0;
  size_t poll_limit = SIZE_MAX;  ///< disk operations done per poll
};

uint64_t operations_of(const CrashPlan& plan) {
  FakeDisk disk;
  disk.set_poll_limit(plan.poll_limit);
  ModelledStore tested(disk, plan.options);
  run_workload(tested, plan.workload_seed, plan.rounds, plan.max_body);
  EXPECT_FALSE(tested.failed);
  EXPECT_GT(tested.durable, static_cast<uint64_t>(plan.rounds) / 2);
  EXPECT_GE(tested.store().figures().checkpoints, plan.min_checkpoints);
  EXPECT_GE(tested.store().figures().disk_reads, plan.min_disk_reads);
  return disk.operation_count();
}

// The state after some round from the last reported one on, and nothing else.
void expect_some_round(const ModelledStore& before, const Model& found, uint64_t reported) {
  for (auto it = before.after.lower_bound(reported); it != before.after.end(); ++it) {
    if (it->second == found) return;
  }
  for (const auto& [number, model] : before.after) {
    if (model == found) {
      ADD_FAILURE() << "round " << reported << " was reported durable, found the state after "
                    << number;
      return;
    }
  }
  ADD_FAILURE() << "found a state that was never that of a round; reported " << reported;
}

// A restored store takes more, as if nothing had happened.
void go_on(ModelledStore& tested) {
  for (int round = 0; round < 3; ++round) {
    for (auto& [uid, replica] : tested.model.replicas) {
      if (replica.life == Life::kDead) continue;
      Term term = std::max(tested.last_term(uid.value), replica.term);
      if (round == 1 && replica.entries.size() > 3) {
        tested.truncate(uid.value, tested.last(uid.value) - 1);
      }
      tested.append(uid.value, term.plus(1), 500);
    }
    tested.note("note1", "after the crash");
    ASSERT_TRUE(tested.settle());  // a seal
    tested.submit();
    ASSERT_TRUE(tested.settle());
    for (int i = 0; i < 5; ++i) tested.poll();
    ASSERT_TRUE(tested.settle());
  }
  expect_valid_logs(tested.store());
  EXPECT_TRUE(model_of(tested.store()) == tested.model);
}

// Cuts the power of a copy of the disk, and looks at what is left.
void crash_once(const CrashPlan& plan, const ModelledStore& before, FakeDisk disk,
                uint64_t tear_seed) {
  disk.crash(tear_seed);
  Dice random(tear_seed + 1000);
  BootEpoch epoch;
  Model found;
  {
    auto store = Store::open(plan.options, disk, random, test_store_id());
    ASSERT_TRUE(store.ok()) << store.error().text;
    for (const auto& [uid, state] : (*store)->replicas()) {
      EXPECT_FALSE(state.fault) << uid.value << ": " << *state.fault;
    }
    expect_valid_logs(**store);
    found = model_of(**store);
    expect_some_round(before, found, before.durable);
    epoch = (*store)->boot_epoch();
  }
  disk.crash(tear_seed + 1);
  ModelledStore again(disk, plan.options);
  again.model = found;
  ASSERT_TRUE(again.open(tear_seed + 2000).ok());
  EXPECT_TRUE(model_of(again.store()) == found) << "reopening changed what is there";
  EXPECT_GT(again.store().boot_epoch(), epoch);
  go_on(again);
  disk.crash(tear_seed + 2);
  auto last = Store::open(plan.options, disk, random, test_store_id());
  ASSERT_TRUE(last.ok()) << last.error().text;
  EXPECT_TRUE(model_of(**last) == again.model) << "what came after the crash is lost";
}

// The workload, until the disk stops after `k` operations.
void run_until(const CrashPlan& plan, uint64_t k, FakeDisk& disk, ModelledStore& before) {
  disk.stop_after(k);
  run_workload(before, plan.workload_seed, plan.rounds, plan.max_body);
  if (before.after.empty()) before.after[0] = {};
}

void crash_everywhere(const CrashPlan& plan) {
  uint64_t operations = operations_of(plan);
  ASSERT_GT(operations, 60u);
  for (uint64_t k = 0; k <= operations; k += plan.step) {
    FakeDisk disk;
    disk.set_poll_limit(plan.poll_limit);
    ModelledStore before(disk, plan.options);
    run_until(plan, k, disk, before);
    for (uint64_t tear = 0; tear < plan.tear_seeds; ++tear) {
      SCOPED_TRACE("crash after " + std::to_string(k) + " operations, tear seed " +
                   std::to_string(tear));
      crash_once(plan, before, disk, tear * 7919 + k);
      if (testing::Test::HasFailure()) return;
    }
  }
}

CrashPlan tiny(uint64_t workload_seed) {
  CrashPlan plan;
  plan.options.journal_file_bytes = 64u << 10;
  plan.options.journal_max_bytes = 512u << 10;
  plan.options.segment_bytes = 16u << 10;
  plan.options.tail_cache_bytes = 32u << 10;
  plan.workload_seed = workload_seed;
  plan.rounds = 36;
  plan.max_body = 2500;
  plan.min_checkpoints = 2;
  plan.tear_seeds = 2;
  return plan;
}

TEST(StoreCrash, KeepsWholeRoundsAtEveryOperationOfALargeJournal) {
  CrashPlan plan;
  plan.options.journal_file_bytes = 1u << 20;
  crash_everywhere(plan);
}

TEST(StoreCrash, KeepsWholeRoundsAcrossSmallJournalFiles) {
  CrashPlan plan;
  plan.options.journal_file_bytes = 64u << 10;
  plan.workload_seed = 2;
  crash_everywhere(plan);
}

TEST(StoreCrash, KeepsWholeRoundsAcrossCheckpoints) { crash_everywhere(tiny(3)); }

TEST(StoreCrash, KeepsWholeRoundsAcrossCheckpointsOfAnotherWorkload) {
  CrashPlan plan = tiny(4);
  plan.step = 7;
  crash_everywhere(plan);
}

TEST(StoreCrash, KeepsWholeRoundsWhenOperationsFinishLate) {
  CrashPlan plan = tiny(5);
  plan.poll_limit = 1;
  plan.step = 7;
  crash_everywhere(plan);
}

// A process ends alone, the next one goes on for a while, and then the power goes.
void end_alone(const CrashPlan& plan, FakeDisk disk, uint64_t seed) {
  disk.end_process(seed);
  Model found;
  {
    Dice random(seed);
    auto looked = Store::open(plan.options, disk, random, test_store_id());
    ASSERT_TRUE(looked.ok()) << looked.error().text;
    found = model_of(**looked);
  }
  disk.end_process(seed);
  ModelledStore again(disk, plan.options);
  again.model = found;
  ASSERT_TRUE(again.open(seed).ok());
  for (int i = 0; i < 20; ++i) {
    go_on(again);
    FakeDisk image = disk;
    image.lose_unflushed();
    Dice random(seed);
    auto last = Store::open(plan.options, image, random, test_store_id());
    ASSERT_TRUE(last.ok()) << last.error().text;
    ASSERT_TRUE(model_of(**last) == again.model) << "what was reported durable is lost";
  }
}

TEST(StoreCrash, KeepsWholeRoundsWhenTheNextProcessLosesThePower) {
  CrashPlan plan = tiny(8);
  uint64_t operations = operations_of(plan);
  for (uint64_t k = 10; k <= operations; k += 3) {
    SCOPED_TRACE("the process ends after " + std::to_string(k) + " operations");
    FakeDisk disk;
    ModelledStore before(disk, plan.options);
    run_until(plan, k, disk, before);
    end_alone(plan, disk, k);
    if (testing::Test::HasFailure()) return;
  }
}

// A start writes too: it may be cut short at each of its own operations, after a power cut or after
// the process alone ended.
void cut_a_start_short(const CrashPlan& plan, const ModelledStore& before, const FakeDisk& image,
                       bool power_was_cut, uint64_t seed) {
  for (uint64_t k = 0;; ++k) {
    SCOPED_TRACE("a start ends after " + std::to_string(k) + " operations");
    FakeDisk disk = image;
    if (power_was_cut) {
      disk.crash(seed);
    } else {
      disk.end_process(seed);
    }
    Dice random(seed + 1000);
    disk.stop_after(k);
    bool ended_well = Store::open(plan.options, disk, random, test_store_id()).ok();
    disk.crash(seed + k);
    auto store = Store::open(plan.options, disk, random, test_store_id());
    ASSERT_TRUE(store.ok()) << store.error().text;
    for (const auto& [uid, state] : (*store)->replicas()) {
      EXPECT_FALSE(state.fault) << uid.value << ": " << *state.fault;
    }
    expect_valid_logs(**store);
    expect_some_round(before, model_of(**store), before.durable);
    if (ended_well || testing::Test::HasFailure()) return;
  }
}

TEST(StoreCrash, KeepsWholeRoundsWhenStartsAreCutShort) {
  CrashPlan plan = tiny(6);
  uint64_t operations = operations_of(plan);
  for (uint64_t k = 10; k <= operations; k += 11) {
    FakeDisk disk;
    ModelledStore before(disk, plan.options);
    run_until(plan, k, disk, before);
    for (bool power_was_cut : {true, false}) {
      SCOPED_TRACE("the workload ends after " + std::to_string(k) + " operations, " +
                   (power_was_cut ? "with the power" : "alone"));
      cut_a_start_short(plan, before, disk, power_was_cut, k);
      if (testing::Test::HasFailure()) return;
    }
  }
}

// The system counts as clean what it could not write: a start reads it, and no flush will save it.
void forget_a_flush(const CrashPlan& plan, uint64_t nth) {
  FakeDisk disk;
  ModelledStore before(disk, plan.options);
  disk.fail_flush(nth, true);
  run_workload(before, plan.workload_seed, plan.rounds, plan.max_body);
  if (before.after.empty()) before.after[0] = {};
  before.close();
  disk.end_process(nth);
  ModelledStore again(disk, plan.options);
  {
    Dice random(nth);
    auto looked = Store::open(plan.options, disk, random, test_store_id());
    ASSERT_TRUE(looked.ok()) << looked.error().text;
    again.model = model_of(**looked);
    expect_some_round(before, again.model, before.durable);
  }
  disk.end_process(nth);
  ASSERT_TRUE(again.open(nth).ok());
  go_on(again);
  disk.lose_unflushed();
  Dice random(nth);
  auto last = Store::open(plan.options, disk, random, test_store_id());
  ASSERT_TRUE(last.ok()) << last.error().text;
  for (const auto& [uid, state] : (*last)->replicas()) {
    EXPECT_FALSE(state.fault) << uid.value << ": " << *state.fault;
  }
  EXPECT_TRUE(model_of(**last) == again.model) << "what was reported durable is lost";
}

TEST(StoreCrash, KeepsWholeRoundsWhenAFlushIsForgotten) {
  CrashPlan plan = tiny(7);
  for (uint64_t nth = 1; nth <= 200; ++nth) {
    SCOPED_TRACE("flush " + std::to_string(nth));
    forget_a_flush(plan, nth);
    if (testing::Test::HasFailure()) return;
  }
}

void expect_whole(const CrashPlan& plan, FakeDisk& disk, const ModelledStore& before) {
  Dice random(1);
  auto store = Store::open(plan.options, disk, random, test_store_id());
  ASSERT_TRUE(store.ok()) << store.error().text;
  for (const auto& [uid, state] : (*store)->replicas()) {
    EXPECT_FALSE(state.fault) << uid.value << ": " << *state.fault;
  }
  expect_some_round(before, model_of(**store), before.durable);
}

// Files hold few rounds here: many a start finds the last round to be the first of its file.
CrashPlan short_files(uint64_t workload_seed) {
  CrashPlan plan = tiny(workload_seed);
  plan.options.journal_file_bytes = 32u << 10;
  plan.rounds = 40;
  plan.max_body = 5000;
  return plan;
}

// Three starts, each after the process or the power ended, and each cut short at any operation.
void cut_starts_short(const CrashPlan& plan, const ModelledStore& before, FakeDisk disk,
                      Dice& dice) {
  for (int start = 0; start < 3; ++start) {
    if (dice.percent(50)) {
      disk.end_process(dice.next());
    } else {
      disk.crash(dice.next());
    }
    Dice random(dice.next());
    disk.stop_after(dice.below(25));
    (void)Store::open(plan.options, disk, random, test_store_id()).ok();
  }
  disk.crash(dice.next());
  expect_whole(plan, disk, before);
}

TEST(StoreCrash, KeepsWholeRoundsWhenStartAfterStartIsCutShort) {
  CrashPlan plan = short_files(9);
  uint64_t operations = operations_of(plan);
  Dice dice(1);
  for (uint64_t k = 10; k <= operations; k += 7) {
    FakeDisk disk;
    ModelledStore before(disk, plan.options);
    run_until(plan, k, disk, before);
    before.close();
    for (int life = 0; life < 48; ++life) {
      SCOPED_TRACE("after " + std::to_string(k) + " operations, life " + std::to_string(life));
      cut_starts_short(plan, before, disk, dice);
      if (testing::Test::HasFailure()) return;
    }
  }
}

// One start forgets a flush and ends; the next one ends at each of its operations, with the power.
void forget_in_a_start(const CrashPlan& plan, const ModelledStore& before, const FakeDisk& ended,
                       uint64_t nth) {
  FakeDisk first = ended;
  first.fail_flush(nth, true);
  Dice random(nth);
  (void)Store::open(plan.options, first, random, test_store_id()).ok();
  first.end_process(nth);
  bool ended_well = false;
  for (uint64_t k = 0; !ended_well && !testing::Test::HasFailure(); ++k) {
    SCOPED_TRACE("the next start ends after " + std::to_string(k) + " operations");
    FakeDisk second = first;
    Dice again(nth + 1000);
    second.stop_after(k);
    ended_well = Store::open(plan.options, second, again, test_store_id()).ok();
    FakeDisk lost = second;
    lost.lose_unflushed();
    expect_whole(plan, lost, before);
    second.crash(k);
    expect_whole(plan, second, before);
  }
}

TEST(StoreCrash, KeepsWholeRoundsWhenAStartForgetsAFlush) {
  CrashPlan plan = short_files(8);
  uint64_t operations = operations_of(plan);
  for (uint64_t k = 10; k <= operations; k += 31) {
    FakeDisk disk;
    ModelledStore before(disk, plan.options);
    run_until(plan, k, disk, before);
    before.close();
    disk.end_process(k);
    for (uint64_t nth = 1; nth <= 12; ++nth) {
      SCOPED_TRACE("after " + std::to_string(k) + " operations, flush " + std::to_string(nth));
      forget_in_a_start(plan, before, disk, nth);
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace strandlog::store
