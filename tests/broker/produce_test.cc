// Produce: what becomes of items, and of those behind them, when a leadership ends.
#include "broker/produce.h"

#include <gtest/gtest.h>

#include "base/record_batch.h"
#include "tests/broker/broker_one.h"

namespace strandlog::broker {
namespace {

Bytes batch() {
  BatchBuilder builder;
  CHECK(builder.add({.value = view_of("x")}).ok());
  return Bytes::copy(*builder.build(Codec::kNone, {.id = 7, .epoch = 0, .base_sequence = 0}));
}

class ProduceTest : public BrokerOne {
 protected:
  static constexpr Uid kAlone{10};

  ProduceTest() {
    auto alone = make(kAlone, {1});
    create_topic({spec_.group, alone.group});
    for (int i = 0; i < 100 && !replicas_.find(kAlone)->leads(); ++i) tick();
    elect();
    act();
  }
  /// One batch for each partition, of a producer's attempt 0.
  void send(uint64_t request, const std::vector<uint32_t>& partitions) {
    wire::ProduceRequest produce;
    produce.acks = 1;
    std::vector<Bytes> frames;
    for (uint32_t number : partitions) {
      produce.items.push_back({partition(number), 1, 0});
      frames.push_back(batch());
    }
    produce_.handle(client(request), produce, Time{1'000'000'000}, frames);
  }
  /// Tells Produce of what happened, but nothing of a partition whose round is still under way.
  void act(Uid silent = {}) {
    for (const ReplicaEvent& event : std::exchange(events_, {})) {
      if (event.uid == silent) continue;
      if (event.kind == ReplicaEvent::Kind::kLostLeadership) produce_.lost_leadership(event.uid);
      if (event.kind == ReplicaEvent::Kind::kDurable ||
          event.kind == ReplicaEvent::Kind::kCommitted) {
        produce_.advanced(*replicas_.find(event.uid));
      }
    }
  }
  void lose_and_regain() {
    replicas_.step_down_all();
    settle();
    act();
    ASSERT_FALSE(replica().leads());
    elect();
    act();
  }
  /// Of the only item of the only answer; none: it is taken.
  std::optional<Code> refusal() {
    auto all = answers();
    EXPECT_LE(all.size(), 1u);
    if (all.empty()) return std::nullopt;
    const auto& answer = std::get<wire::ProduceAnswer>(all[0].body);
    EXPECT_EQ(answer.items.size(), 1u);
    return answer.items[0].error ? std::optional(answer.items[0].error->code) : std::nullopt;
  }

  Produce produce_{context_};
};

TEST_F(ProduceTest, NothingIsTakenBehindWhatWasDurableHereOnlyWhenTheLeadershipWasLost) {
  send(1, {0, 1});
  write();
  settle();
  act(kAlone);
  ASSERT_TRUE(answers().empty()) << "the other item is not durable yet";

  lose_and_regain();
  answers();
  send(2, {0});

  EXPECT_EQ(refusal(), Code::kBusy);
}

TEST_F(ProduceTest, NothingIsTakenBehindWhatWasAnsweredAndLostWithTheLeadership) {
  send(1, {0});
  write();
  settle();
  act();
  ASSERT_EQ(answers().size(), 1u);

  lose_and_regain();
  send(2, {0});

  EXPECT_EQ(refusal(), Code::kBusy);
}

TEST_F(ProduceTest, WhatWasCommittedFencesNobodyWhenTheLeadershipIsLost) {
  send(1, {0});
  follow();
  act();
  ASSERT_EQ(answers().size(), 1u);

  lose_and_regain();
  send(2, {0});
  write();
  settle();
  act();

  EXPECT_EQ(refusal(), std::nullopt);
}

}  // namespace
}  // namespace strandlog::broker
