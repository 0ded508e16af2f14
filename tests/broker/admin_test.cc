// Admin: what the catalog's leader says of topics that it does not know.
#include "broker/admin.h"

#include <gtest/gtest.h>

#include "store/memory_state_store.h"
#include "tests/broker/broker_one.h"

namespace strandlog::broker {
namespace {

class AdminTest : public BrokerOne {
 protected:
  AdminTest() {
    wire::FoundingDocument document;
    document.catalog_group = spec_.group;
    keeper_.begin(document, kShared);
    elect();
    follow();
    keeper_.advanced();
  }
  void ask(uint64_t request, std::vector<std::string> names, bool complete = false) {
    wire::MetadataRequest metadata;
    metadata.topics = std::move(names);
    metadata.complete = complete;
    admin_.handle(client(request), metadata, 1000);
  }
  /// All topics, and this one that it does not know.
  void ask_for_all_and(uint64_t request, const std::string& name) {
    wire::MetadataRequest metadata;
    metadata.topics = {name};
    metadata.all = true;
    admin_.handle(client(request), metadata, 1000);
  }
  void register_here() {
    CatalogState state;
    state.brokers[BrokerId{1}] = {self_.address, self_.boot_epoch};
    state.applied = replica().commit;
    catalog_ = *Catalog::from(std::move(state));
  }
  void confirm() {
    events_.clear();
    follow();
    for (const auto& event : events_) {
      if (event.kind == ReplicaEvent::Kind::kReadReady) keeper_.on_read_index(event.read);
    }
  }
  /// The error of the only answer, or of the only topic in it.
  wire::WireError error() {
    auto all = answers();
    EXPECT_EQ(all.size(), 1u);
    if (all.empty()) return {};
    if (all[0].error) return *all[0].error;
    const auto* metadata = std::get_if<wire::MetadataAnswer>(&all[0].body);
    EXPECT_TRUE(metadata && metadata->topics.size() == 1 && metadata->topics[0].error);
    return metadata ? metadata->topics[0].error.value_or(wire::WireError{}) : wire::WireError{};
  }

  store::MemoryStateStore state_;
  CatalogKeeper keeper_{context_, state_};
  Admin admin_{context_, keeper_};
};

TEST_F(AdminTest, ATopicDoesNotExistOnceAMajorityHasSaidThatThisBrokerLeads) {
  ask(1, {"none"});
  ASSERT_TRUE(answers().empty());
  confirm();

  EXPECT_EQ(error().code, Code::kNotFound);
}

TEST_F(AdminTest, ATopicNamedBesideAllOthersIsDeniedByNobodyWhoOnlyFollows) {
  register_here();
  replicas_.step_down_all();
  settle();
  ask_for_all_and(1, "none");

  EXPECT_EQ(error().code, Code::kNoLeader);
}

TEST_F(AdminTest, ATopicNamedBesideAllOthersDoesNotExistOnceAMajorityHasSaidWhoLeads) {
  register_here();
  ask_for_all_and(1, "none");
  ASSERT_TRUE(answers().empty());
  confirm();

  EXPECT_EQ(error().code, Code::kNotFound);
}

TEST_F(AdminTest, ATopicIsUnknownForTheReasonThatNobodyConfirmedIt) {
  ask(1, {"none"});
  context_.now = Time{}.plus_ms(1000);
  keeper_.tick(peers_);

  EXPECT_EQ(error().code, Code::kTimeout);
}

TEST_F(AdminTest, ATopicIsUnknownForTheReasonThatTooManyWait) {
  for (uint64_t request = 0; request < 1000; ++request) ask(request, {"none"});
  ASSERT_TRUE(answers().empty());
  ask(1000, {"none"});

  EXPECT_EQ(error().code, Code::kBusy);
}

TEST_F(AdminTest, ARequestNamesABoundedNumberOfTopics) {
  ask(1, std::vector<std::string>(wire::kMaxTopicsAsked, "none"));
  EXPECT_TRUE(answers().empty()) << "it waits";
  ask(2, std::vector<std::string>(wire::kMaxTopicsAsked + 1, "none"));

  wire::WireError refused = error();
  EXPECT_EQ(refused.code, Code::kTooLarge);
  EXPECT_EQ(refused.text, "a metadata request names at most 1000 topics, this one 1001");
}

TEST_F(AdminTest, TheNamesInARequestHaveABoundedLength) {
  ask(1, std::vector<std::string>(wire::kMaxTopicsAsked, std::string(kMaxTopicName + 1, 'x')));

  EXPECT_EQ(error().code, Code::kTooLarge);
}

}  // namespace
}  // namespace strandlog::broker
