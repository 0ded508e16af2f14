// What brokers say of topics while they do not know what has happened to the catalog.
#include <gtest/gtest.h>

#include "tests/sim/story.h"

namespace strandlog::sim {
namespace {

using Violations = std::vector<std::string>;

void isolate(Story& story, size_t broker) {
  for (auto& other : story.cluster.brokers()) {
    story.cluster.network().cut(story.cluster.broker(broker).host(), other->host());
    story.cluster.network().cut(other->host(), story.cluster.broker(broker).host());
  }
}

// Sleeps until another leads, wakes up, and believes for some ticks that no time has passed.
Violations a_leader_of_the_catalog_sleeps() {
  Story story;
  SimCluster& cluster = story.cluster;
  auto before = cluster.admin().describe_cluster();
  story.expect(before.ok() && before->catalog_leader != 0, "the catalog has no leader");
  auto sleeper = static_cast<size_t>(before->catalog_leader);
  cluster.broker(sleeper).pause();
  isolate(story, sleeper);
  story.wait_ms(3'000);
  story.expect(cluster.admin().describe_cluster().ok(), "nobody but the sleeper is asked");
  cluster.create_topic("late", {1, 2});
  cluster.broker(sleeper).resume();
  SimPort port(cluster.schedule(), story.client);
  wire::MetadataRequest about_late;
  about_late.topics = {"late"};
  auto reply = port.call(cluster.broker(sleeper).config().listen, about_late, 5'000);
  const auto* answer = std::get_if<wire::MetadataAnswer>(&reply.answer.body);
  bool denied = answer && answer->topics[0].error &&
                answer->topics[0].error->code == strandlog::Code::kNotFound;
  story.expect(!denied, "it denies a topic that was made while it slept");
  return story.end();
}

TEST(CatalogWord, ALeaderThatSleptDeniesNoTopicThatWasMadeMeanwhile) {
  tell(a_leader_of_the_catalog_sleeps);
}

TEST(CatalogWord, ALeaderThatAMajorityConfirmsDeniesWhatDoesNotExist) {
  Story story;
  auto missing = story.cluster.admin().describe_topic("none");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, client::Code::kNotFound) << missing.error().text;
  auto removed = story.cluster.admin().delete_topic("none");
  ASSERT_FALSE(removed.ok());
  EXPECT_EQ(removed.error().code, client::Code::kNotFound) << removed.error().text;
  auto again = story.cluster.admin().create_topic({"t", 2, 3, {}});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, client::Code::kConflict) << again.error().text;
}

}  // namespace
}  // namespace strandlog::sim
