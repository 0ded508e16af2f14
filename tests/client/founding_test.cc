// Founding: two phases, resumed or refused.
#include "client/founding.h"

#include <gtest/gtest.h>

#include "tests/client/fake_port.h"
#include "tests/client/fake_world.h"

namespace strandlog::client {
namespace {

using wire::FoundingState;
using Step = wire::FoundRequest::Step;

struct Cluster {
  explicit Cluster(uint64_t count) {
    for (uint64_t i = 1; i <= count; ++i) {
      addresses.push_back("127.0.0.1:" + std::to_string(i));
      brokers[i].address = {BrokerId{i}, uuid_of<StoreId>(static_cast<uint8_t>(i)),
                            addresses.back(), ""};
      port.brokers[addresses.back()] = [this, i](const wire::RequestBody& body) {
        return answer(i, body);
      };
    }
  }
  wire::AnswerBody answer(uint64_t broker, const wire::RequestBody& body) {
    wire::FoundAnswer& mine = brokers[broker];
    if (const auto* found = std::get_if<wire::FoundRequest>(&body)) {
      steps += std::to_string(broker) + "ipc"[static_cast<size_t>(found->step)] + " ";
      if (broker == dies_at && found->step == Step::kCommit) {
        port.error = wire::WireError{strandlog::Code::kTimeout, "died", {}, ""};
        return std::monostate{};
      }
      if (found->step != Step::kInspect) {
        mine.state = found->step == Step::kPrepare && mine.state == FoundingState::kBlank
                         ? FoundingState::kPrepared
                         : mine.state;
        if (found->step == Step::kCommit) mine.state = FoundingState::kFounded;
        mine.document = found->document;
      }
      return mine;
    }
    wire::MetadataAnswer metadata;
    metadata.catalog_leader = BrokerId{port.time >= leader_at ? 1u : 0u};
    for (const auto& [id, one] : brokers) metadata.brokers.push_back({one.address, true});
    return metadata;
  }
  Result<ClusterDescription> found() { return found_cluster(port, {1000, 1000}, addresses); }

  FakePort port;
  std::vector<std::string> addresses;
  std::map<uint64_t, wire::FoundAnswer> brokers;
  std::string steps;
  uint64_t dies_at = 0;
  Time leader_at{0};
};

TEST(Founding, PreparesAllBeforeItCommitsAny) {
  Cluster cluster(3);
  std::swap(cluster.addresses[0], cluster.addresses[2]);
  auto done = cluster.found();
  ASSERT_TRUE(done.ok()) << done.error().text;
  EXPECT_EQ(cluster.steps, "3i 2i 1i 1p 2p 3p 1c 2c 3c ");
  EXPECT_EQ(done->brokers.size(), 3u);
  const auto& document = *cluster.brokers[3].document;
  EXPECT_EQ(document.founders[2].address.broker, BrokerId{3});
  EXPECT_EQ(document.founders[2].catalog_uid, Uid{3});
  EXPECT_EQ(document.group_partitions, 16u);
  EXPECT_EQ(document.created_ms, 1234);
  EXPECT_FALSE(document.cluster.is_nil());
}

TEST(Founding, WaitsUntilEveryBrokerKnowsACatalogLeader) {
  Cluster cluster(1);
  cluster.leader_at = cluster.port.time.plus_ms(500);
  ASSERT_TRUE(cluster.found().ok());
  EXPECT_GE(cluster.port.time, cluster.leader_at);
}

TEST(Founding, ResumesWithTheDocumentOfTheFirstAttempt) {
  Cluster cluster(3);
  cluster.dies_at = 2;
  auto interrupted = cluster.found();
  ASSERT_FALSE(interrupted.ok());
  EXPECT_EQ(cluster.brokers[1].state, FoundingState::kFounded);
  EXPECT_EQ(cluster.brokers[2].state, FoundingState::kPrepared);
  wire::FoundingDocument first = *cluster.brokers[1].document;

  cluster.dies_at = 0;
  auto done = cluster.found();

  ASSERT_TRUE(done.ok()) << done.error().text;
  EXPECT_EQ(*cluster.brokers[2].document, first);
  EXPECT_EQ(*cluster.brokers[3].document, first);
}

TEST(Founding, RefusesABrokerOfAnotherCluster) {
  Cluster other(1);
  ASSERT_TRUE(other.found().ok());
  Cluster cluster(3);
  cluster.brokers[1].state = FoundingState::kFounded;
  cluster.brokers[1].document = other.brokers[1].document;
  auto refused = cluster.found();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_NE(refused.error().text.find("broker 1"), std::string::npos);
  EXPECT_EQ(cluster.steps.find('p'), std::string::npos) << "nothing may be half done";
}

TEST(Founding, RefusesWhenABrokerIsAbsent) {
  Cluster cluster(3);
  cluster.port.brokers.erase(cluster.addresses[1]);
  auto refused = cluster.found();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kUnreachable);
  EXPECT_EQ(cluster.steps.find('p'), std::string::npos);
}

TEST(Founding, RefusesTwoBrokersWithOneStore) {
  Cluster cluster(2);
  cluster.brokers[2].address.store = cluster.brokers[1].address.store;
  auto refused = cluster.found();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kConflict);
}

TEST(Founding, TakesOneToFiveBrokers) {
  Cluster none(0);
  EXPECT_EQ(none.found().error().code, Code::kInvalidArgument);
  Cluster many(6);
  EXPECT_EQ(many.found().error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace strandlog::client
