// AdminCore and the offset lookup: sequences of requests.
#include "client/admin_core.h"

#include <gtest/gtest.h>

#include "client/offset_lookup.h"
#include "tests/client/fake_port.h"
#include "tests/client/fake_world.h"

namespace strandlog::client {
namespace {

struct AdminTester {
  AdminTester() {
    for (uint64_t i = 1; i <= 2; ++i) {
      metadata.brokers.push_back(
          {{BrokerId{i}, uuid_of<StoreId>(static_cast<uint8_t>(i)), address_of(i), ""}, i == 1});
      port.brokers[address_of(i)] = [this, i](const wire::RequestBody& body) {
        return answer(i, body);
      };
    }
    wire::MetadataAnswer::Topic topic;
    topic.name = "t";
    topic.id = kTopic;
    topic.partitions.push_back({0, group_of(0), true, BrokerId{1}, Term{4}, {}});
    topic.partitions[0].replicas = {
        {BrokerId{1}, Uid{11}, false}, {BrokerId{2}, Uid{12}, false}, {BrokerId{3}, Uid{13}, true}};
    metadata.topics.push_back(topic);
  }
  wire::AnswerBody answer(uint64_t broker, const wire::RequestBody& body) {
    if (const auto* request = std::get_if<wire::MetadataRequest>(&body)) {
      ++asked_metadata;
      asked_complete = request->complete;
      wire::MetadataAnswer out = metadata;
      if (port.time < created_at) out.topics[0].partitions[0].leader = {};
      return out;
    }
    if (std::holds_alternative<wire::CreateTopicRequest>(body)) {
      port.error = create_error;
      return wire::CreateTopicAnswer{kTopic, 42, 3};
    }
    if (std::holds_alternative<wire::ListOffsetsRequest>(body)) {
      bool leads = metadata.topics[0].partitions[0].leader == BrokerId{broker};
      if (not_leader_answers > 0) {
        leads = --not_leader_answers < 0;
      }
      wire::ListOffsetsAnswer out;
      out.items.push_back({{kTopic, 0}, std::nullopt, Offset{5}, Offset{9}});
      if (!leads) out.items[0].error = wire::WireError{strandlog::Code::kNotLeader, "", {}, ""};
      return out;
    }
    wire::DescribePartitionsAnswer out;
    using Condition = wire::ReplicaCondition;
    out.items.push_back({{kTopic, 0},
                         std::nullopt,
                         Term{5},
                         {{BrokerId{1}, Uid{11}, Condition::kInSync, Index{8}},
                          {BrokerId{2}, Uid{12}, Condition::kBehind, Index{3}},
                          {BrokerId{3}, Uid{13}, Condition::kOffline, Index{}}},
                         Offset{1},
                         Offset{7},
                         Offset{8},
                         900});
    return out;
  }
  AdminCore admin() { return AdminCore(port, {1000, 1000}); }

  FakePort port;
  wire::MetadataAnswer metadata;
  Time created_at{0};
  std::optional<wire::WireError> create_error;
  int asked_metadata = 0;
  bool asked_complete = false;
  int not_leader_answers = 0;
};

TEST(AdminCore, DescribesReplicasFromLeaderAndMetadata) {
  AdminTester tester;
  auto topic = tester.admin().describe_topic("t");
  ASSERT_TRUE(topic.ok());
  const PartitionDescription& partition = topic->partitions.at(0);
  EXPECT_EQ(partition.leader, 1);
  EXPECT_EQ(partition.term, 5u);
  EXPECT_EQ(partition.high_watermark, 7);
  EXPECT_EQ(partition.end, 8);
  EXPECT_EQ(partition.bytes, 900u);
  EXPECT_EQ(partition.replicas.at(0).state, "in_sync");
  EXPECT_EQ(partition.replicas.at(1).state, "offline") << "metadata says it is not alive";
  EXPECT_EQ(partition.replicas.at(2).state, "lost");
}

TEST(AdminCore, LeavesFieldsEmptyWithoutALeader) {
  AdminTester tester;
  tester.metadata.topics[0].partitions[0].leader = {};
  auto topic = tester.admin().describe_topic("t");
  ASSERT_TRUE(topic.ok());
  EXPECT_EQ(topic->partitions.at(0).leader, std::nullopt);
  EXPECT_EQ(topic->partitions.at(0).replicas.at(0).state, "offline");
}

TEST(AdminCore, AcceptsNoListFromABrokerThatMayNotKnowEveryTopic) {
  AdminTester tester;
  EXPECT_TRUE(tester.admin().list_topics().ok());
  EXPECT_TRUE(tester.asked_complete);
  EXPECT_TRUE(tester.admin().describe_topic("t").ok());
  EXPECT_TRUE(tester.asked_complete);
  EXPECT_TRUE(look_up_ends(tester.port, {{"t", 0}}, 5000).ok());
  EXPECT_TRUE(tester.asked_complete);
  EXPECT_TRUE(tester.admin().describe_cluster().ok());
  EXPECT_FALSE(tester.asked_complete) << "brokers are shown also while the catalog has no leader";
}

TEST(AdminCore, WaitsForTheLeadersOfANewTopic) {
  AdminTester tester;
  tester.created_at = tester.port.time.plus_ms(500);
  auto topic = tester.admin().create_topic({"t", 1, 3, {}});
  ASSERT_TRUE(topic.ok()) << topic.error().text;
  EXPECT_GE(tester.port.time, tester.created_at);
  EXPECT_EQ(tester.port.required, 42u);
}

TEST(AdminCore, SaysHowManyLeadersAreMissing) {
  AdminTester tester;
  tester.created_at = tester.port.time.plus_ms(1'000'000);
  auto topic = tester.admin().create_topic({"t", 1, 3, {}});
  ASSERT_FALSE(topic.ok());
  EXPECT_EQ(topic.error().code, Code::kTimeout);
  EXPECT_EQ(topic.error().written, Written::kYes);
}

TEST(AdminCore, TakesItsOwnEarlierAttemptForSuccess) {
  AdminTester tester;
  tester.create_error = wire::WireError{strandlog::Code::kConflict, "exists", {}, ""};
  EXPECT_EQ(tester.admin().create_topic({"t", 1, 3, {}}).error().code, Code::kConflict);
  tester.port.repeated = true;
  EXPECT_TRUE(tester.admin().create_topic({"t", 1, 3, {}}).ok());
  EXPECT_EQ(tester.admin().create_topic({"t", 2, 3, {}}).error().code, Code::kConflict);
  EXPECT_EQ(tester.admin().create_topic({"t", 1, 1, {}}).error().code, Code::kConflict);
}

TEST(OffsetLookup, AsksAgainAfterAnElection) {
  AdminTester tester;
  tester.not_leader_answers = 2;
  auto ends = look_up_ends(tester.port, {{"t", 0}}, 5000);
  ASSERT_TRUE(ends.ok()) << ends.error().text;
  EXPECT_EQ(ends->at({"t", 0}).start, 5);
  EXPECT_EQ(ends->at({"t", 0}).end, 9);
}

TEST(OffsetLookup, KnowsWhatDoesNotExist) {
  AdminTester tester;
  EXPECT_EQ(look_up_ends(tester.port, {{"none", 0}}, 5000).error().code, Code::kNotFound);
  EXPECT_EQ(look_up_ends(tester.port, {{"t", 1}}, 5000).error().code, Code::kNotFound);
}

TEST(OffsetLookup, GivesUpAtItsDeadline) {
  AdminTester tester;
  tester.metadata.topics[0].partitions[0].leader = {};
  auto ends = look_up_ends(tester.port, {{"t", 0}}, 700);
  ASSERT_FALSE(ends.ok());
  EXPECT_EQ(ends.error().code, Code::kNoLeader);
}

}  // namespace
}  // namespace strandlog::client
