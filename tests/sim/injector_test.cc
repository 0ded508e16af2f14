// What a plan's strikes do, how long it lasts, and what counts.
#include "tests/sim/injector.h"

#include <gtest/gtest.h>

namespace strandlog::sim {
namespace {

// Two brokers and a client whom nobody founds anything with.
struct Bench {
  explicit Bench(bool start = true) : cluster(1, of_two()) {
    cluster.add_client({});
    for (auto& broker : cluster.brokers()) {
      if (start) broker->start();
    }
  }
  static SimCluster::Options of_two() {
    SimCluster::Options options;
    options.brokers = 2;
    return options;
  }
  bool suffers() {
    bool any = cluster.network().weather().lost_percent > 0;
    for (auto& one : cluster.brokers()) {
      any |= one->is_paused() || one->disk().free_bytes().value() < 1u << 30;
      for (auto& other : cluster.brokers()) {
        any |= cluster.network().is_cut(one->host(), other->host());
      }
    }
    return any;
  }
  // Of what these strikes do, in steps of 100 ms.
  int64_t end_ms(const std::vector<Strike>& strikes) {
    injector.begin(strikes);
    int64_t last = 0;
    for (int64_t at = 0; at < 40'000; at += 100) {
      cluster.run_ms(100);
      if (suffers()) last = at;
    }
    return last;
  }

  SimCluster cluster;
  Injector injector{cluster};
};

TEST(Injector, TheLongerOfTwoFaultsOfAKindIsNotEndedByTheOther) {
  for (Fault fault :
       {Fault::kPause, Fault::kLose, Fault::kDiskFull, Fault::kCut, Fault::kSleepwalk}) {
    for (uint64_t seed = 1; seed <= 6; ++seed) {
      Strike one{0, fault, seed}, other{300, fault, seed + 100};
      int64_t longer = std::max(Bench().end_ms({one}), Bench().end_ms({other}));
      EXPECT_GT(longer, 0) << name_of(fault) << " " << seed;
      EXPECT_EQ(Bench().end_ms({one, other}), longer) << name_of(fault) << " " << seed;
    }
  }
}

TEST(Injector, WhatIsDownIsNeitherKilledNorStoppedNorPaused) {
  Bench bench(false);
  std::vector<Strike> strikes;
  for (Fault fault : {Fault::kKill, Fault::kPowerLoss, Fault::kPause, Fault::kCleanStop,
                      Fault::kReset, Fault::kReplay, Fault::kDiskStall}) {
    strikes.push_back({0, fault, 1});
  }
  bench.injector.begin(strikes);
  bench.cluster.run_ms(1);
  EXPECT_TRUE(bench.injector.counts().empty());
}

// Names of what failed.
std::set<std::string> use(store::FakeDisk& disk) {
  std::set<std::string> failed;
  for (std::string folder : {"journal", "partitions"}) {
    FileHandle file = disk.open(folder + "/a", OpenMode::kWriteBuffered).value();
    for (int i = 0; i < 20; ++i) {
      if (!disk.write(file, 0, view_of("a")).ok()) failed.insert("write " + folder);
      if (!disk.flush(file).ok()) failed.insert("flush " + folder);
      if (!disk.allocate(file, 1).ok()) failed.insert("allocate " + folder);
      if (!disk.flush_directory(folder).ok()) failed.insert("name " + folder);
    }
  }
  return failed;
}

TEST(Injector, ADiskErrorCountsOnceAStepFails) {
  for (uint64_t uses : {0, 1}) {
    Bench bench(false);
    bench.injector.begin({{0, Fault::kDiskError, 1}});
    bench.cluster.run_ms(1'000);
    for (auto& broker : bench.cluster.brokers()) {
      if (uses > 0) use(broker->disk());
    }
    bench.cluster.run_ms(20'000);
    auto counts = bench.injector.counts();
    EXPECT_EQ(counts[Fault::kDiskError], uses);
  }
}

// Of 16 strikes in a cluster that writes all the time, into small files.
uint64_t count_at_work(Fault fault, uint64_t seed) {
  SimCluster::Options options;
  options.config.store.journal_file_bytes = 64u << 10;
  options.config.store.journal_max_bytes = 8 * options.config.store.journal_file_bytes;
  options.config.store.segment_bytes = 8u << 10;
  options.config.store.reserve_bytes = 1u << 20;
  SimCluster cluster(seed, options);
  SimClient& client = cluster.add_client({});
  cluster.come_to_life();
  cluster.create_topic("t", {3, 3});
  Injector injector(cluster);
  std::vector<Strike> strikes;
  for (uint64_t i = 0; i < 16; ++i) {
    auto at_ms = static_cast<int64_t>(i) * 2'000;
    strikes.push_back({at_ms, fault, i});
    if (fault == Fault::kVoterDies)
      strikes.push_back({at_ms + 10, Fault::kKill, i});  // an election
  }
  injector.begin(strikes);
  for (int i = 0; i < 640; ++i) {
    for (int32_t p = 0; p < 3; ++p) client.produce({"t", p}, 3, 1'000);
    cluster.run_ms(50);
  }
  injector.end();
  auto counts = injector.counts();
  return counts[fault];
}

TEST(Injector, EachKindDoesSomethingToAClusterThatIsAtWork) {
  for (Fault fault : all_faults()) {
    if (fault == Fault::kLostNames)
      continue;  // few moments have any; a run of many seeds meets them
    uint64_t count = 0;
    for (uint64_t seed = 1; seed <= 8 && count == 0; ++seed) count = count_at_work(fault, seed);
    EXPECT_GT(count, 0u) << name_of(fault);
  }
}

TEST(Injector, WeatherThatMeetsNobodyIsNotCounted) {
  for (Fault fault : {Fault::kLose, Fault::kDouble, Fault::kNarrow, Fault::kLatency, Fault::kCut,
                      Fault::kDiskFull, Fault::kClock, Fault::kTornWrites, Fault::kLostNames}) {
    Bench bench(false);
    bench.injector.begin({{0, fault, 1}});
    bench.cluster.run_ms(1);
    bench.injector.end();
    EXPECT_TRUE(bench.injector.counts().empty()) << name_of(fault);
  }
}

TEST(Injector, DiskErrorsComeToEveryKindOfStepInEveryFolder) {
  std::set<std::string> failed;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Bench bench(false);
    bench.injector.begin({{0, Fault::kDiskError, seed}});
    bench.cluster.run_ms(1);
    for (auto& broker : bench.cluster.brokers()) failed.merge(use(broker->disk()));
  }
  EXPECT_EQ(failed.size(), 7u);
}

}  // namespace
}  // namespace strandlog::sim
