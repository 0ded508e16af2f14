// Logs that begin later: trims that were committed, and followers that need what is gone.
#include <gtest/gtest.h>

#include "tests/broker/broker_one.h"

namespace strandlog::broker {
namespace {

using Kind = wire::RaftMessage::Kind;

class LogStartTest : public BrokerOne {
 protected:
  const store::ReplicaState& state() { return store_->replicas().at(kShared); }
  EntryHeader append(EntryKind kind, ByteView body, uint32_t records) {
    auto header = replicas_.propose(replica(), kind, records, body, 1);
    CHECK(header.ok());
    return *header;
  }
  // Entries 2 to 4 hold a record each; the start is where entry 3 ends.
  store::LogStart lead_with_three_records() {
    elect();
    append(EntryKind::kData, view_of("one"), 1);
    EntryHeader second = append(EntryKind::kData, view_of("two"), 1);
    append(EntryKind::kData, view_of("three"), 1);
    follow();
    return {second.index, second.term, second.next_offset(), second.chain};
  }
  void trim(const store::LogStart& start) {
    append(EntryKind::kTrim, store::encode_log_start(start), 0);
    follow();
    settle();
    write();
  }
  // Follower 3 never answers: what it was sent last is gone since.
  std::vector<wire::RaftMessage> offers_within(uint32_t ticks) {
    std::vector<wire::RaftMessage> offers;
    for (uint32_t i = 0; i < ticks && offers.empty(); ++i) {
      tick();
      offers = sent();
      answer_for_2(offers);
      settle();
      std::erase_if(offers, [](const auto& m) { return m.kind != Kind::kSnapshotOffer; });
    }
    return offers;
  }
  // Of broker 2, which leads in term 5; its log begins behind entry 40.
  wire::RaftMessage offer() {
    wire::RaftMessage offer;
    offer.kind = Kind::kSnapshotOffer;
    offer.term = Term{5};
    offer.last = kStart.index;
    offer.last_term = kStart.term;
    offer.prev = Index{31};
    return offer;
  }
  std::vector<Bytes> content(const store::LogStart& start = kStart) {
    wire::Configuration members;
    for (uint64_t n : {1, 2, 3}) members.voters.push_back({Uid{n}, BrokerId{n}, store_of(n)});
    return {Bytes::copy(store::encode_log_start(start)), wire::encode(members)};
  }
  static constexpr store::LogStart kStart{Index{40}, Term{4}, Offset{700}, 99};
};

TEST_F(LogStartTest, ATrimWaitsForItsCommit) {
  store::LogStart start = lead_with_three_records();
  append(EntryKind::kTrim, store::encode_log_start(start), 0);
  write();
  settle();
  EXPECT_EQ(state().start, store::LogStart{});

  follow();
  settle();

  EXPECT_EQ(state().start, start);
  EXPECT_EQ(replica().group->status().start, start.index);
  EXPECT_TRUE(state().trims.empty());
}

TEST_F(LogStartTest, ATrimThatIsCommittedWaitsForABaseImage) {
  store::LogStart start = lead_with_three_records();
  disk_.hold(DiskOp::Lane::kBackground);  // images need segments
  for (uint64_t n = 0; store_->may_trim() && n < 100'000; ++n) {
    append(EntryKind::kData, std::vector<uint8_t>(1u << 20), 1);
    follow();
  }
  ASSERT_FALSE(store_->may_trim());
  trim(start);
  EXPECT_EQ(state().start, store::LogStart{});
  EXPECT_EQ(replicas_.log_start(replica()), start.offset) << "readers are told so already";

  disk_.release(DiskOp::Lane::kBackground);
  for (int i = 0; i < 1000 && !store_->may_trim(); ++i) {
    poll();
    write();
  }
  settle();

  EXPECT_EQ(state().start, start);
}

TEST_F(LogStartTest, WhoNeedsWhatIsGoneIsOfferedTheStart) {
  store::LogStart start = lead_with_three_records();
  trim(start);

  std::vector<wire::RaftMessage> offered = offers_within(2 * config_.election_ticks);

  ASSERT_EQ(offered.size(), 1u);
  EXPECT_EQ(offered[0].to, Uid{3});
  EXPECT_EQ(offered[0].last, start.index);
  EXPECT_EQ(offered[0].last_term, start.term);
  EXPECT_EQ(offered[0].prev, Index{0}) << "the configuration it was made with";
  EXPECT_EQ(offered[0].frames, 2u);
}

TEST_F(LogStartTest, AnOfferWithoutAnAnswerIsMadeAgain) {
  trim(lead_with_three_records());
  ASSERT_EQ(offers_within(2 * config_.election_ticks).size(), 1u);
  EXPECT_TRUE(offers_within(config_.election_ticks / 2).empty()) << "it may be on its way";
  EXPECT_EQ(offers_within(2 * config_.election_ticks).size(), 1u);
}

TEST_F(LogStartTest, AnOfferReplacesTheLogAndIsAnsweredOnceItIsDurable) {
  disk_.hold();
  receive(offer(), 2, content());
  settle();
  EXPECT_TRUE(sent().empty()) << "nothing of it is durable";

  disk_.release();
  write();
  settle();

  EXPECT_EQ(state().start, kStart);
  EXPECT_EQ(state().last, kStart.index);
  EXPECT_EQ(replica().high_watermark, kStart.offset);
  EXPECT_EQ(replica().group->membership().index, Index{31});
  std::vector<wire::RaftMessage> answers = sent();
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers.back().kind, Kind::kAppendAnswer);
  EXPECT_TRUE(answers.back().accepted);
  EXPECT_EQ(answers.back().match, kStart.index);
}

TEST_F(LogStartTest, AnOfferThatContradictsItselfIsDropped) {
  store::LogStart other = kStart;
  other.index = Index{41};
  receive(offer(), 2, content(other));
  receive(offer(), 2, {content()[0]});
  receive(offer(), 2, {content()[1], content()[0]});
  wire::RaftMessage from_the_future = offer();
  from_the_future.prev = Index{50};
  receive(from_the_future, 2, content());
  settle();
  EXPECT_EQ(state().start, store::LogStart{});
  EXPECT_FALSE(state().fault);
}

}  // namespace
}  // namespace strandlog::broker
