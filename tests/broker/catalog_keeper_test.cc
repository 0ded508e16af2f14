// CatalogKeeper: requests on topics when the catalog's leadership ends under them.
#include "broker/catalog_keeper.h"

#include <gtest/gtest.h>

#include "store/memory_state_store.h"
#include "tests/broker/broker_one.h"

namespace strandlog::broker {
namespace {

class CatalogKeeperTest : public BrokerOne {
 protected:
  /// The catalog's log has one entry more than is applied.
  CatalogKeeperTest() {
    wire::FoundingDocument document;
    document.catalog_group = spec_.group;
    keeper_.begin(document, kShared);
    elect();
    follow();
    create_topic({});
    CHECK(replicas_.propose(replica(), EntryKind::kNoop, 0, {}, 0).ok());
    follow();
    CHECK(catalog_.applied() < replica().commit);
  }
  /// A majority confirms this leader, which loses its leadership before it applies what it must.
  void lose_before_applying() {
    events_.clear();
    follow();
    for (const auto& event : std::exchange(events_, {})) {
      if (event.kind == ReplicaEvent::Kind::kReadReady) keeper_.on_read_index(event.read);
    }
    ASSERT_TRUE(answers().empty()) << "it waits for the entry";
    replicas_.step_down_all();
    settle();
    keeper_.lost_leadership();
    keeper_.advanced();
  }
  Code failure() {
    auto all = answers();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() || !all[0].error ? Code::kInternal : all[0].error->code;
  }

  store::MemoryStateStore state_;
  CatalogKeeper keeper_{context_, state_};
};

TEST_F(CatalogKeeperTest, DoesNotDenyATopicToWhoDeletesItWhenItLeadsNoMore) {
  keeper_.handle(client(1), wire::DeleteTopicRequest{"none"}, 1000);
  lose_before_applying();

  EXPECT_EQ(failure(), Code::kNoLeader);
}

// Another leader may have deleted that topic and made one of its name since.
TEST_F(CatalogKeeperTest, DeletesNoTopicBeforeItKnowsWhatWasCommitted) {
  Index last = replica().group->last();

  keeper_.handle(client(1), wire::DeleteTopicRequest{"t"}, 1000);

  EXPECT_EQ(replica().group->last(), last);
}

TEST_F(CatalogKeeperTest, LetsNoNameWaitThatNoTopicCanHave) {
  keeper_.handle(client(1), wire::DeleteTopicRequest{std::string(4u << 20, 'x')}, 1000);

  EXPECT_EQ(failure(), Code::kNotFound);
}

TEST_F(CatalogKeeperTest, DoesNotSayThatATopicExistsWhenItLeadsNoMore) {
  wire::CreateTopicRequest again;
  again.name = "t";
  keeper_.handle(client(1), again, 1000);
  lose_before_applying();

  EXPECT_EQ(failure(), Code::kNoLeader);
}

TEST_F(CatalogKeeperTest, LetsRequestsExpireInTheTurnOfTheirDeadline) {
  keeper_.handle(client(1), wire::DeleteTopicRequest{"none"}, 1000);
  for (int64_t ms : {998, 999}) {  // its other duties are done, and due again in 0.1 s
    context_.now = Time{}.plus_ms(ms);
    keeper_.tick(peers_);
  }
  ASSERT_TRUE(answers().empty());
  context_.now = Time{}.plus_ms(1000);
  keeper_.tick(peers_);

  EXPECT_EQ(failure(), Code::kTimeout);
}

// It was made, given up for another, and its topic deleted while this broker was away.
TEST_F(CatalogKeeperTest, GivesUpAReplicaThatWasMadeForATopicThatIsNoMore) {
  const Uid gone{50}, to_come{60};
  for (Uid uid : {gone, to_come}) {
    store::ReplicaSpec spec = spec_;
    spec.uid = uid;
    spec.topic.bytes[0] = spec.group.bytes[0] = static_cast<uint8_t>(uid.value);
    store_->make(spec, {});
  }
  CatalogState state;
  state.next_uid = to_come;
  state.applied = Index{1};
  catalog_ = *Catalog::from(std::move(state));
  keeper_.tick(peers_);

  EXPECT_EQ(store_->replicas().at(gone).life, store::Life::kDead);
  EXPECT_EQ(store_->replicas().at(to_come).life, store::Life::kMade);
}

}  // namespace
}  // namespace strandlog::broker
