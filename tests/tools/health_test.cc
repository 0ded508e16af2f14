// The verdict on a cluster, from what it says about itself.
#include "tools/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strandlog::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Three living brokers and six whole partitions.
HealthFindings well() {
  HealthFindings findings;
  findings.cluster.cluster = "c";
  findings.cluster.catalog_leader = 1;
  for (int32_t broker : {1, 2, 3}) {
    findings.cluster.brokers.push_back(
        {broker, "b" + std::to_string(broker) + ":1", "", true, 0, 0});
    client::BrokerStatus status;
    status.broker = broker;
    status.counters = {{"disk_free_bytes", 1u << 30}, {"replicas_faulty", 0}};
    findings.statuses.emplace(broker, status);
  }
  findings.partitions.total = 6;
  return findings;
}

client::BrokerStatus& status(HealthFindings& findings, int32_t broker) {
  return findings.statuses.at(broker).value();
}

TEST(Health, IsHealthyWithoutAReason) {
  const Health health = judge(well());
  EXPECT_EQ(health.exit, Exit::kDone);
  EXPECT_EQ(health.state(), "healthy");
  EXPECT_THAT(health.reasons, IsEmpty());
  EXPECT_EQ(health.document["disk_full"], Json::array());
}

TEST(Health, IsDegradedByABrokerThatRefusesWrites) {
  auto findings = well();
  status(findings, 2).counters["disk_full"] = 1;
  const Health health = judge(findings);
  EXPECT_EQ(health.exit, Exit::kDegraded);
  EXPECT_THAT(health.reasons,
              ElementsAre("broker 2 at b2:1 refuses writes: its disk is full (1.0 GiB free)"));
  EXPECT_EQ(health.document["disk_full"], Json::array({2}));
  status(findings, 2).counters["disk_full"] = 0;
  EXPECT_EQ(judge(findings).exit, Exit::kDone);
}

TEST(Health, IsDegradedByABrokerWithHardlyAnySpace) {
  auto findings = well();
  status(findings, 3).counters["disk_free_bytes"] = 1u << 20;
  EXPECT_THAT(judge(findings).reasons,
              ElementsAre("broker 3 at b3:1 has hardly any disk space left (1.0 MiB free)"));
}

TEST(Health, IsDegradedByDamageAndByAbsence) {
  auto findings = well();
  status(findings, 1).counters["replicas_faulty"] = 2;
  findings.cluster.brokers[1].alive = false;
  findings.statuses.erase(2);
  findings.statuses.erase(3);
  findings.statuses.emplace(3, client::Error{client::Code::kTimeout, {}, {}, "no answer"});
  findings.partitions.under_replicated = 4;
  const Health health = judge(findings);
  EXPECT_EQ(health.exit, Exit::kDegraded);
  EXPECT_THAT(
      health.reasons,
      ElementsAre(HasSubstr("2 replicas out of service"), "broker 2 at b2:1 is silent",
                  HasSubstr("does not answer: no answer"), "4 of 6 partitions lack a replica"));
  EXPECT_EQ(health.document["brokers_alive"], 2);
}

TEST(Health, IsUnavailableWithoutLeadersWhateverElseIsWrong) {
  auto findings = well();
  findings.partitions.leaderless = 1;
  findings.cluster.brokers[0].alive = false;
  EXPECT_EQ(judge(findings).exit, Exit::kUnavailable);
  findings = well();
  findings.cluster.catalog_leader = 0;
  EXPECT_EQ(judge(findings).state(), "unavailable");
  EXPECT_EQ(unavailable("why").document["reasons"], Json::array({"why"}));
}

}  // namespace
}  // namespace strandlog::tools
