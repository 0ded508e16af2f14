// Bounds that are small beside what is sent: whatever is longer than all of one still gets through.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "tests/sim/cluster.h"

namespace strandlog::sim {
namespace {

constexpr uint64_t kBound = 64u << 10;
constexpr size_t kRecords = 100;
constexpr size_t kRecordBytes = 2'000;  // all of them: three times the bound
constexpr int64_t kWaitMs = 30'000;

class Bounds : public testing::Test {
 protected:
  SimCluster& live(const broker::BrokerConfig& config) {
    SimCluster::Options options;
    options.config = config;
    cluster_.emplace(1, options);
    cluster_->come_to_life();
    cluster_->create_topic("t", {1, 3});
    client::ProducerConfig producer;
    producer.compression = client::Compression::kNone;
    producer.batch_size = 2 * kRecordBytes;
    client_ = &cluster_->add_client(producer);
    EXPECT_TRUE(cluster_->violations().empty());
    return *cluster_;
  }
  void produce(size_t records) {
    for (size_t i = 0; i < records; ++i) client_->produce({"t", 0}, 1, kRecordBytes);
  }
  bool all_acknowledged() {
    bool done = cluster_->wait_for(kWaitMs, [&] { return client_->open_sends() == 0; });
    const auto& sent = cluster_->history().sent;
    return done && std::all_of(sent.begin(), sent.end(), [](const Sent& one) {
             return one.outcome == Sent::Outcome::kAcked;
           });
  }

  std::optional<SimCluster> cluster_;
  SimClient* client_ = nullptr;
};

// What was gathered while no broker was there comes as one item.
TEST_F(Bounds, AnItemIsTakenThatIsLongerThanWhatMayWaitForAMajority) {
  broker::BrokerConfig config;
  config.uncommitted_bytes_group = kBound;
  SimCluster& cluster = live(config);
  for (auto& broker : cluster.brokers()) broker->kill();
  produce(kRecords);
  cluster.run_ms(1'000);
  for (auto& broker : cluster.brokers()) ASSERT_TRUE(broker->start());
  EXPECT_TRUE(all_acknowledged());
}

TEST_F(Bounds, ARequestIsTakenThatIsLongerThanWhatMayWaitForTheJournal) {
  broker::BrokerConfig config;
  config.max_deferred_bytes = kBound;
  SimCluster& cluster = live(config);
  for (auto& broker : cluster.brokers()) broker->kill();
  produce(kRecords);
  cluster.run_ms(1'000);
  for (auto& broker : cluster.brokers()) ASSERT_TRUE(broker->start());
  EXPECT_TRUE(all_acknowledged());
}

// It is sent as much at a time as an append may hold.
TEST_F(Bounds, AFollowerCatchesUpWithMoreThanMayWaitForTheJournal) {
  broker::BrokerConfig config;
  config.max_deferred_bytes = kBound;
  SimCluster& cluster = live(config);
  cluster.broker(3).kill();
  for (size_t i = 0; i < kRecords; ++i) {
    produce(1);
    cluster.run_ms(20);
  }
  ASSERT_TRUE(all_acknowledged());
  ASSERT_TRUE(cluster.broker(3).start());
  cluster.run_ms(1'000);
  cluster.broker(2).kill();
  produce(1);
  EXPECT_TRUE(all_acknowledged()) << "brokers 1 and 3 are a majority";
}

TEST_F(Bounds, AReadIsTakenThatAsksForMoreThanMayWaitForTheDisk) {
  broker::BrokerConfig config;
  config.max_fetch_bytes = 1;
  config.store.tail_cache_bytes = 0;
  SimCluster& cluster = live(config);
  produce(kRecords);
  ASSERT_TRUE(all_acknowledged());
  client_->consume({{"t", 0}});
  EXPECT_TRUE(cluster.wait_for(kWaitMs, [&] {
    return cluster.history().runs.at({"t", 0}).back().seen.size() == kRecords;
  }));
}

// Clients that wait for records of a quiet partition answer each other's place.
TEST_F(Bounds, FewFetchesThatMayWaitAreSharedByAllClients) {
  broker::BrokerConfig config;
  config.max_pending_fetches = 2;
  SimCluster& cluster = live(config);
  for (int i = 0; i < 5; ++i) cluster.add_client({}).consume({{"t", 0}});
  cluster.run_ms(1'000);
  produce(kRecords);
  EXPECT_TRUE(all_acknowledged());
  auto all_read = [&] {
    const auto& runs = cluster.history().runs.at({"t", 0});
    return std::all_of(runs.begin(), runs.end(),
                       [](const sim::Run& run) { return run.seen.size() == kRecords; });
  };
  EXPECT_TRUE(cluster.wait_for(kWaitMs, all_read));
}

// Round trips are long, so that one entry in each is not enough.
TEST_F(Bounds, AFollowerCatchesUpByWholeAppendsThroughAWindowOfOneByte) {
  broker::BrokerConfig config;
  config.replication_window_bytes = 1;
  SimCluster& cluster = live(config);
  cluster.broker(3).kill();
  for (size_t i = 0; i < 4 * kRecords; ++i) {
    produce(1);
    cluster.run_ms(20);
  }
  ASSERT_TRUE(all_acknowledged());
  cluster.network().weather().extra_latency_us = kWaitMs * 1000 / kRecords / 2;
  ASSERT_TRUE(cluster.broker(3).start());
  cluster.run_ms(5'000);
  cluster.broker(2).kill();
  produce(1);
  EXPECT_TRUE(all_acknowledged()) << "brokers 1 and 3 are a majority";
}

}  // namespace
}  // namespace strandlog::sim
