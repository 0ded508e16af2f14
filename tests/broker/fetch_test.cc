// Fetch: what happens to one while it waits or reads.
#include "broker/fetch.h"

#include <gtest/gtest.h>

#include "base/record_batch.h"
#include "tests/broker/broker_one.h"

namespace strandlog::broker {
namespace {

// What is long enough leaves the memory.
store::StoreOptions small_segments() {
  store::StoreOptions options;
  options.segment_bytes = 16u << 10;
  options.tail_cache_bytes = 0;
  return options;
}

class FetchTest : public BrokerOne {
 protected:
  static constexpr Uid kNext{10};

  FetchTest() : BrokerOne(small_segments()) {
    config_.max_pending_fetches = 2;
    create_topic({spec_.group});
    elect();
    BatchBuilder builder;
    CHECK(builder.add({.value = view_of(std::string(4096, 'x'))}).ok());
    auto batch = *builder.build(Codec::kNone);
    for (int i = 0; i < 10; ++i) {
      CHECK(replicas_.propose(replica(), EntryKind::kData, 1, batch, 0).ok());
      follow();
    }
    for (int i = 0; i < 10; ++i) poll();
    end_ = replica().high_watermark.value;
  }
  void ask(uint64_t request, uint64_t from, uint32_t wait_ms = 1000) {
    wire::FetchRequest fetch;
    fetch.max_wait_ms = wait_ms;
    fetch.items.push_back({partition(0), Offset{from}});
    fetch_.handle(client(request), fetch, 60'000);
  }
  void read() {
    for (int i = 0; i < 10 && reads_.empty(); ++i) poll();
    for (const auto& done : std::exchange(reads_, {})) fetch_.on_read(done);
  }
  /// Of the only item of the only answer.
  std::optional<Code> refusal() {
    auto all = answers();
    EXPECT_EQ(all.size(), 1u);
    if (all.empty()) return Code::kInternal;
    const auto* answer = std::get_if<wire::FetchAnswer>(&all[0].body);
    EXPECT_TRUE(answer && answer->items.size() == 1);
    if (!answer || !answer->items[0].error) return std::nullopt;
    return answer->items[0].error->code;
  }

  uint64_t end_ = 0;
  Fetch fetch_{context_};
};

TEST_F(FetchTest, OfATopicThatIsDeletedWhileItIsReadIsNotFound) {
  ask(1, 0);
  ASSERT_TRUE(answers().empty()) << "a disk read is under way";
  replicas_.close(kShared);
  catalog_ = {};
  read();

  EXPECT_EQ(refusal(), Code::kNotFound);
}

TEST_F(FetchTest, OfAReplicaThatIsReplacedWhileItIsReadIsToldToRetry) {
  ask(1, 0);
  auto next = make(kNext, {1});
  for (int i = 0; i < 100 && !replicas_.find(kNext)->leads(); ++i) tick();
  replicas_.close(kShared);
  create_topic({next.group});
  read();

  EXPECT_EQ(refusal(), Code::kStale);
}

TEST_F(FetchTest, TheOneThatWouldBeAnsweredNextMakesRoomForOneMore) {
  ask(1, end_, 2000);
  ask(2, end_, 1000);
  ask(3, end_, 3000);

  auto all = answers();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].id, 2u);
  ASSERT_TRUE(all[0].error);
  EXPECT_EQ(all[0].error->code, Code::kBusy);
}

TEST_F(FetchTest, OneThatIsReadMakesNoRoom) {
  ask(1, 0, 1000);
  ask(2, end_, 2000);
  ask(3, end_, 3000);

  auto all = answers();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].id, 2u);
}

TEST_F(FetchTest, WhenAllAreReadOneMoreIsBusy) {
  ask(1, 0);
  ask(2, 0);
  ask(3, end_);

  auto all = answers();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].id, 3u);
  EXPECT_EQ(all[0].error->code, Code::kBusy);
}

TEST_F(FetchTest, OneThatIsReadIsAnsweredAfterItsDeadlineToo) {
  ask(1, 0, 1000);
  context_.now = Time{1}.plus_ms(1000);
  fetch_.expire();
  ASSERT_TRUE(answers().empty());
  read();

  EXPECT_EQ(refusal(), std::nullopt);
  EXPECT_EQ(fetch_.waiting(), 0u);
}

}  // namespace
}  // namespace strandlog::broker
