// Router: finding leaders, and which topics there are.
#include "client/router.h"

#include <gtest/gtest.h>

#include "tests/client/fake_world.h"

namespace strandlog::client {
namespace {

std::string look_up(FakeWorld& world, const std::string& topic, int64_t ms, size_t partitions = 1) {
  std::string out = "pending";
  auto tell = [&](Result<TopicRoute> r) {
    out = r.ok() ? std::to_string(r->partitions.size()) : r.error().text;
    if (!r.ok()) out = std::string(code_name(r.error().code)) + ": " + out;
  };
  world.core.router().lookup(world.now, topic, partitions, world.now.plus_ms(ms), tell);
  world.pass_ms(ms);
  return out;
}

TEST(Router, LearnsATopicAndItsLeader) {
  FakeWorld world(2);
  world.lead(1, 3, 1);
  EXPECT_EQ(look_up(world, "t", 1), "2");
  EXPECT_EQ(world.core.router().leader_of("t", 0), address_of(1));
  EXPECT_EQ(world.core.router().leader_of("t", 1), address_of(3));
  EXPECT_EQ(world.core.router().leader_of("t", 2), "");
}

TEST(Router, AsksNoMoreThanNeeded) {
  FakeWorld world;
  look_up(world, "t", 1);
  look_up(world, "t", 10'000);
  EXPECT_EQ(world.metadata_requests, 1);
}

TEST(Router, AsksForNoMoreTopicsThanARequestMayNameAndForAllOfThemInTurns) {
  FakeWorld world;
  world.why_missing = {strandlog::Code::kStale, "of this name nothing is known yet", {}, {}};
  for (size_t n = 0; n < 2 * wire::kMaxTopicsAsked; ++n) {
    world.core.router().want("a" + std::to_string(n));
  }
  EXPECT_EQ(look_up(world, "t", 100), "1") << "it comes behind those that stay unknown";
  EXPECT_LE(world.most_topics_asked, wire::kMaxTopicsAsked);
}

TEST(Router, FollowsTheHintOfANotLeaderAnswer) {
  FakeWorld world;
  look_up(world, "t", 1);
  world.core.router().learn("t", 0, {strandlog::Code::kNotLeader, "", BrokerId{8}, "elsewhere:1"});
  EXPECT_EQ(world.core.router().leader_of("t", 0), "elsewhere:1");
}

// The answer was under way, or made by a broker that has not heard of it.
TEST(Router, KeepsAHintOverAnAnswerOfTheTermBefore) {
  FakeWorld world(1);
  world.lead(0, 1, 5);
  look_up(world, "t", 1);
  world.core.router().learn("t", 0, {strandlog::Code::kNotLeader, "", BrokerId{2}, address_of(2)});
  world.core.router().want("t");
  world.pass_ms(25);
  EXPECT_EQ(world.metadata_requests, 2);
  EXPECT_EQ(world.core.router().leader_of("t", 0), address_of(2));
}

// A hint may be the older word: of a broker that was asked long ago, or lags.
TEST(Router, BelievesTheSecondAnswerAgainstAHint) {
  FakeWorld world(1);
  world.lead(0, 1, 5);
  look_up(world, "t", 1);
  world.core.router().learn("t", 0, {strandlog::Code::kNotLeader, "", BrokerId{2}, address_of(2)});
  for (int i = 0; i < 2; ++i) {
    world.core.router().want("t");
    world.pass_ms(25);
  }
  EXPECT_EQ(world.core.router().leader_of("t", 0), address_of(1));
}

TEST(Router, BelievesANewerTermAgainstAHint) {
  FakeWorld world(1);
  look_up(world, "t", 1);
  world.core.router().learn("t", 0, {strandlog::Code::kNotLeader, "", BrokerId{2}, address_of(2)});
  world.lead(0, 3, 2);
  world.core.router().want("t");
  world.pass_ms(25);
  EXPECT_EQ(world.core.router().leader_of("t", 0), address_of(3));
}

TEST(Router, KeepsTheLeaderOfTheHigherTerm) {
  FakeWorld world;
  world.lead(0, 2, 5);
  look_up(world, "t", 1);
  world.lead(0, 1, 4);
  world.core.router().want("t");
  world.pass_ms(100);
  EXPECT_EQ(world.core.router().leader_of("t", 0), address_of(2));
}

// While its topic is being made it may begin anew elsewhere.
TEST(Router, TakesAPartitionThatBeganAnewInAnotherGroupWithItsLowerTerm) {
  FakeWorld world;
  world.lead(0, 2, 5);
  look_up(world, "t", 1);
  world.lead(0, 1, 1);
  world.metadata.topics[0].partitions[0].group = group_of(9);
  world.core.router().want("t");
  world.pass_ms(25);
  EXPECT_EQ(world.core.router().topic("t")->partitions[0].group, group_of(9));
  EXPECT_EQ(world.core.router().leader_of("t", 0), address_of(1));
}

TEST(Router, KeepsTheTopicThatWasMadeAnewOverTheOneALaggingBrokerKnows) {
  FakeWorld world(2);
  world.metadata.catalog_index = 7;
  look_up(world, "t", 1);
  world.metadata.catalog_index = 6;
  world.metadata.topics[0].id = uuid_of<TopicId>(1);
  world.metadata.topics[0].partitions.resize(1);
  world.core.router().want("t");
  world.pass_ms(100);
  EXPECT_EQ(world.core.router().topic("t")->id, kTopic);
  EXPECT_EQ(world.core.router().topic("t")->partitions.size(), 2u);
  EXPECT_GE(world.metadata_from.size(), 2u) << "another broker may know better";
}

// One of two topics asked about at once: news of the other is no reason to stay.
TEST(Router, TurnsToAnotherBrokerWhenOneLagsBehindATopicThatWasMadeAnew) {
  FakeWorld world;
  world.metadata.topics.push_back(world.metadata.topics[0]);
  world.metadata.topics[1].name = "u";
  world.metadata.catalog_index = 7;
  look_up(world, "t", 1);
  look_up(world, "u", 100);
  world.metadata.catalog_index = 6;
  world.metadata.topics[0].id = uuid_of<TopicId>(1);
  world.metadata.topics[1].partitions[0].term = Term{2};
  world.core.router().want("t");
  world.core.router().want("u");
  world.settle();
  ASSERT_EQ(world.metadata_from.size(), 1u);
  world.pass_ms(25);
  EXPECT_EQ(world.metadata_from.size(), 2u);
}

TEST(Router, TakesNoDeletedTopicBackFromABrokerThatLags) {
  FakeWorld world;
  wire::MetadataAnswer lagging = world.metadata;
  lagging.catalog_index = 6;
  world.metadata.topics.clear();
  world.metadata.catalog_index = 7;
  ASSERT_NE(look_up(world, "t", 1).find("not-found"), std::string::npos);
  world.metadata = lagging;
  world.core.router().want("t");
  world.pass_ms(100);
  EXPECT_TRUE(world.core.router().why_gone({"t", 0}));
  EXPECT_EQ(world.core.router().topic("t"), nullptr);
  EXPECT_EQ(look_up(world, "t", 100).substr(0, 7), "timeout") << "nobody knows it is not there";
  world.metadata.topics[0].id = uuid_of<TopicId>(8);
  world.metadata.catalog_index = 8;
  world.pass_ms(1000);
  ASSERT_NE(world.core.router().topic("t"), nullptr);
  EXPECT_EQ(world.core.router().topic("t")->id, uuid_of<TopicId>(8));
}

struct CrowdedWorld : FakeWorld {
  static std::string name(size_t n) { return "job-" + std::to_string(n); }
  void want(size_t from, size_t to) {
    for (size_t n = from; n < to; ++n) core.router().want(name(n));
    pass_ms(1000);
  }
  size_t count(size_t topics, const std::function<bool(const std::string&)>& is) {
    size_t n = 0;
    for (size_t i = 0; i < topics; ++i) n += is(name(i)) ? 1 : 0;
    return n;
  }
};

TEST(Router, ForgetsTheOldestOfManyTopicsThatAreGone) {
  CrowdedWorld world;
  world.metadata.catalog_index = 7;
  for (size_t n = 0; n < 12'000; n += 1000) world.want(n, n + 1000);
  auto denies = [&](const std::string& name) {
    return world.core.router().why_gone({name, 0}).has_value();
  };
  EXPECT_LE(world.count(12'000, denies), 4096u);
  EXPECT_TRUE(denies(CrowdedWorld::name(11'000)));

  world.metadata.catalog_index = 6;
  world.metadata.topics[0].name = CrowdedWorld::name(0);
  world.core.router().want(CrowdedWorld::name(0));
  world.pass_ms(1000);
  EXPECT_EQ(world.core.router().topic(CrowdedWorld::name(0)), nullptr)
      << "what is forgotten must not come back from a broker that lags";
  world.metadata.catalog_index = 8;
  world.pass_ms(1000);
  EXPECT_NE(world.core.router().topic(CrowdedWorld::name(0)), nullptr);
}

TEST(Router, ForgetsTheOldestOfManyTopicsThatNobodyUsesAnyMore) {
  CrowdedWorld world;
  wire::MetadataAnswer::Topic topic = world.metadata.topics[0];
  world.metadata.topics.clear();
  for (size_t n = 0; n < 12'000; ++n) {
    topic.name = CrowdedWorld::name(n);
    world.metadata.topics.push_back(topic);
  }
  world.want(0, 6'000);
  auto knows = [&](const std::string& name) { return world.core.router().topic(name) != nullptr; };
  EXPECT_EQ(world.count(6'000, knows), 6'000u) << "all are in use";
  for (int s = 0; s < 120; s += 30) {
    world.pass_ms(30'000);
    EXPECT_EQ(world.core.router().leader_of(CrowdedWorld::name(0), 0), address_of(1));
  }
  world.want(6'000, 12'000);
  EXPECT_LE(world.count(6'000, knows), 4096u);
  EXPECT_TRUE(knows(CrowdedWorld::name(0)));
  EXPECT_TRUE(knows(CrowdedWorld::name(6'000)));
}

// It answers in between: what it says of the topic that is there now is right, but it knows no
// more.
TEST(Router, KnowsHowNewItsNewestAnswerWas) {
  FakeWorld world;
  world.metadata.catalog_index = 7;
  look_up(world, "t", 1);
  world.metadata.catalog_index = 5;
  world.core.router().want("t");
  world.pass_ms(100);
  world.metadata.catalog_index = 6;
  world.metadata.topics[0].id = uuid_of<TopicId>(1);
  world.core.router().want("t");
  world.pass_ms(100);
  EXPECT_EQ(world.core.router().topic("t")->id, kTopic);
}

TEST(Router, SaysNotFoundOnTheCatalogLeadersWord) {
  FakeWorld world;  // whose word a broker passes on only after a majority's
  EXPECT_EQ(look_up(world, "none", 1), "not-found: topic \"none\" does not exist");
}

TEST(Router, AsksTheCatalogsLeaderForATopicThatABrokerDoesNotKnow) {
  FakeWorld world;
  world.why_missing = {strandlog::Code::kNotLeader, "", BrokerId{3}, address_of(3)};
  std::string out = "pending";
  world.core.router().lookup(world.now, "none", 1, world.now.plus_ms(5000),
                             [&](Result<TopicRoute>) { out = "answered"; });
  world.pass_ms(100);
  EXPECT_EQ(world.metadata_from, (std::set<std::string>{address_of(1), address_of(3)}));
  EXPECT_EQ(out, "pending") << "but nobody said that the topic does not exist";
}

TEST(Router, TurnsToAnotherBrokerForATopicThatOneDoesNotKnow) {
  FakeWorld world;
  world.why_missing.code = strandlog::Code::kStale;
  world.core.router().want("none");
  world.pass_ms(100);
  EXPECT_GE(world.metadata_from.size(), 2u);
}

TEST(Router, TurnsToBrokersThatWereNotConfigured) {
  FakeWorld world(1, {address_of(2)});
  world.why_missing.code = strandlog::Code::kStale;
  world.net.absent = {address_of(1)};
  world.core.router().want("none");
  world.pass_ms(2000);
  EXPECT_TRUE(world.metadata_from.contains(address_of(3))) << "one of them is not there";
}

TEST(Router, TurnsToAnotherBrokerForALeaderThatOneDoesNotKnow) {
  FakeWorld world;
  world.lead(0, 0, 1);
  for (int i = 0; i < 2; ++i) {
    world.core.router().want("t");
    world.pass_ms(100);
  }
  EXPECT_EQ(world.metadata_from.size(), 2u);
}

// One that is cut off from the others goes on naming the leader it knew (simulator, a dead leader
// and a majority that is not heard by the broker that answers).
TEST(Router, TurnsToAnotherBrokerWhenOneSaysNothingNew) {
  FakeWorld world;
  world.lead(0, 1, 3);
  for (int i = 0; i < 3; ++i) {
    world.core.router().want("t");
    world.pass_ms(100);
  }
  EXPECT_EQ(world.metadata_from.size(), 2u);
}

// Made anew with more of them, say.
TEST(Router, AsksBeforeItDeniesAPartition) {
  FakeWorld world(2);
  look_up(world, "t", 1);
  auto denies = [&](int32_t partition) {
    return world.core.router().why_gone({"t", partition}).has_value();
  };
  EXPECT_TRUE(denies(2)) << "this was told just now";
  world.pass_ms(5'000);
  world.metadata.topics[0].partitions.resize(3, world.metadata.topics[0].partitions[1]);
  world.metadata.topics[0].partitions[2].partition = 2;
  EXPECT_FALSE(denies(2));
  EXPECT_FALSE(denies(3));
  world.pass_ms(100);
  EXPECT_FALSE(denies(2));
  EXPECT_TRUE(denies(3));
}

TEST(Router, AsksForAPartitionThatItDoesNotKnowAndTellsWhatItHears) {
  FakeWorld world(2);
  look_up(world, "t", 1);
  EXPECT_EQ(look_up(world, "t", 100, 3), "2");
  EXPECT_EQ(world.metadata_requests, 2);
  world.metadata.topics[0].id = uuid_of<TopicId>(8);
  world.metadata.topics[0].partitions.push_back({2, group_of(2), true, BrokerId{1}, Term{1}, {}});
  EXPECT_EQ(look_up(world, "t", 100, 3), "3");
}

// The answer under way was made before the topic was made anew, perhaps.
TEST(Router, DeniesAPartitionOnlyByAnAnswerThatWasAskedForSince) {
  FakeWorld world(2);
  look_up(world, "t", 1);
  world.pass_ms(100);
  world.mute_metadata = true;
  world.core.router().want("t");
  world.settle();
  ASSERT_EQ(world.muted.size(), 1u);
  std::string out = "pending";
  world.pass_ms(1);
  world.core.router().lookup(world.now, "t", 3, world.now.plus_ms(5000), [&](Result<TopicRoute> r) {
    out = std::to_string(r->partitions.size());
  });
  world.answer(world.muted[0], world.metadata);
  world.mute_metadata = false;
  world.settle();
  EXPECT_EQ(out, "pending");
  world.metadata.topics[0].partitions.push_back({2, group_of(2), true, BrokerId{1}, Term{1}, {}});
  world.pass_ms(100);
  EXPECT_EQ(out, "3");
}

TEST(Router, DoesNotDenyAPartitionWhenNobodyAnswers) {
  FakeWorld world;
  look_up(world, "t", 1);
  world.mute_metadata = true;
  EXPECT_EQ(look_up(world, "t", 100, 2).substr(0, 7), "timeout");
}

TEST(Router, WaitsForABrokerThatDoesNotKnowYetWhichTopicsThereAre) {
  FakeWorld world;
  wire::MetadataAnswer complete = world.metadata;
  world.metadata.topics.clear();
  world.why_missing.code = strandlog::Code::kStale;
  std::string out = "pending";
  world.core.router().lookup(world.now, "t", 1, world.now.plus_ms(5000),
                             [&](Result<TopicRoute> r) { out = r.ok() ? "found" : "failed"; });
  world.pass_ms(1000);
  EXPECT_EQ(out, "pending");
  EXPECT_FALSE(world.core.router().why_gone({"t", 0}));
  world.metadata = complete;
  world.pass_ms(1000);
  EXPECT_EQ(out, "found");
}

struct IgnorantWorld : FakeWorld {
  IgnorantWorld() {
    complete = metadata;
    metadata.topics.clear();
    why_missing.code = strandlog::Code::kStale;
    core.router().want("t");
  }
  int requests_in_ms(int64_t ms) {
    metadata_requests = 0;
    pass_ms(ms);
    return metadata_requests;
  }
  wire::MetadataAnswer complete;
};

TEST(Router, AsksLessAndLessOftenWhileNobodyKnows) {
  IgnorantWorld world;
  EXPECT_GE(world.requests_in_ms(150), 4) << "the first brokers in a row";
  world.pass_ms(1000);
  int requests = world.requests_in_ms(10'000);
  EXPECT_GE(requests, 19);
  EXPECT_LE(requests, 20);
}

TEST(Router, AsksOftenAgainAfterAnAnswer) {
  IgnorantWorld world;
  world.pass_ms(5000);
  std::swap(world.metadata, world.complete);
  world.pass_ms(1000);
  ASSERT_EQ(world.core.router().leader_of("t", 0), address_of(1));
  std::swap(world.metadata, world.complete);
  world.core.router().want("t");
  EXPECT_GE(world.requests_in_ms(150), 4);
}

TEST(Router, AsksAtOnceWhatIsWantedWhileItBacksOff) {
  IgnorantWorld world;
  world.pass_ms(5000);
  std::swap(world.metadata, world.complete);
  world.core.router().want("t");
  world.pass_ms(20);
  EXPECT_EQ(world.core.router().leader_of("t", 0), address_of(1));
}

TEST(Router, NamesTheAddressesWhenNobodyAnswers) {
  FakeWorld world;
  world.net.absent = {address_of(1), address_of(2)};
  std::string out = look_up(world, "t", 5000);
  EXPECT_EQ(out.substr(0, 11), "unreachable");
  EXPECT_NE(out.find("b1:1, b2:1"), std::string::npos) << out;
}

TEST(Router, AsksAnotherBrokerWhenOneIsSilent) {
  FakeWorld world;
  world.mute_metadata = true;
  std::string out = "pending";
  world.core.router().lookup(world.now, "t", 1, world.now.plus_ms(5000),
                             [&](Result<TopicRoute> r) { out = r.ok() ? "found" : "failed"; });
  world.pass_ms(500);
  EXPECT_EQ(world.metadata_requests, 1);
  world.mute_metadata = false;
  world.pass_ms(600);
  EXPECT_EQ(out, "found");
}

}  // namespace
}  // namespace strandlog::client
