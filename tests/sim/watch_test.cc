// Watch: what it calls a broken promise.
#include "tests/sim/watch.h"

#include <gtest/gtest.h>

#include "wire/codec.h"

namespace strandlog::sim {
namespace {

using Kind = wire::RaftMessage::Kind;
const std::string kHost = "broker1";

wire::RaftMessage raft_message(Kind kind, uint64_t from, uint64_t to, uint64_t term) {
  wire::RaftMessage message;
  message.kind = kind;
  message.from = Uid{from};
  message.to = Uid{to};
  message.term = Term{term};
  message.granted = true;
  return message;
}

void show(Watch& watch, wire::RaftMessage raft) {
  wire::PeerMessage peer;
  peer.raft.push_back(std::move(raft));
  watch.saw({1, ListenerKind::kPeer, true, kHost, Message{wire::encode(peer), {}}});
}

TEST(Watch, SeesTwoLeadersOfOneTerm) {
  Watch watch;
  show(watch, raft_message(Kind::kAppend, 1, 2, 5));
  show(watch, raft_message(Kind::kAppend, 1, 3, 5));
  show(watch, raft_message(Kind::kAppend, 2, 3, 6));
  EXPECT_TRUE(watch.violations().empty());
  show(watch, raft_message(Kind::kAppend, 2, 1, 5));
  EXPECT_EQ(watch.violations().size(), 1u);
}

TEST(Watch, SeesAReplicaThatVotesTwice) {
  Watch watch;
  show(watch, raft_message(Kind::kVoteAnswer, 1, 2, 5));
  show(watch, raft_message(Kind::kVoteAnswer, 1, 2, 5));
  show(watch, raft_message(Kind::kVoteAnswer, 1, 3, 6));
  wire::RaftMessage pre = raft_message(Kind::kVoteAnswer, 1, 3, 5);
  pre.pre = true;
  show(watch, pre);
  EXPECT_TRUE(watch.violations().empty());
  show(watch, raft_message(Kind::kVoteAnswer, 1, 3, 5));
  EXPECT_EQ(watch.violations().size(), 1u);
  show(watch, raft_message(Kind::kVoteRequest, 1, 3, 6));
  EXPECT_EQ(watch.violations().size(), 2u) << "a candidate votes for itself";
}

TEST(Watch, SamplesOneVoteOfACandidateForItselfAndOneForAnother) {
  Watch watch;
  std::vector<std::pair<Uid, Uid>> seen;
  auto look = [&](const VoteSeen& vote) { seen.emplace_back(vote.voter, vote.candidate); };
  watch.sample_votes(look);
  watch.sample_votes(look);
  wire::RaftMessage pre = raft_message(Kind::kVoteRequest, 1, 2, 5);
  pre.pre = true;
  show(watch, pre);
  EXPECT_TRUE(seen.empty());
  for (uint64_t term : {5, 6}) {
    show(watch, raft_message(Kind::kVoteRequest, 1, 2, term));
    show(watch, raft_message(Kind::kVoteAnswer, 2, 1, term));
  }
  EXPECT_EQ(seen, (std::vector<std::pair<Uid, Uid>>{{Uid{1}, Uid{1}}, {Uid{2}, Uid{1}}}));
}

TEST(Watch, TellsOfALeadersFirstAppendAndOfWhoSentEntriesLast) {
  Watch watch;
  std::vector<Term> begun;
  std::function<void(const LeaderSeen&)> again = [&](const LeaderSeen& seen) {
    begun.push_back(seen.term);
    watch.await_leader(again);
  };
  show(watch, raft_message(Kind::kAppend, 1, 2, 5));
  watch.await_leader(again);
  show(watch, raft_message(Kind::kAppend, 1, 3, 5));
  show(watch, raft_message(Kind::kAppend, 2, 3, 6));
  show(watch, raft_message(Kind::kVoteRequest, 2, 3, 7));
  show(watch, raft_message(Kind::kAppend, 2, 3, 8));
  EXPECT_EQ(begun, (std::vector<Term>{Term{6}, Term{8}}));
  EXPECT_FALSE(watch.busy_leader());
  wire::RaftMessage entries = raft_message(Kind::kAppend, 2, 3, 8);
  entries.frames = 1;
  show(watch, entries);
  EXPECT_EQ(watch.busy_leader(), kHost);
}

struct Conversation {
  Watch watch;
  std::vector<uint64_t> offsets;
  Conversation() {
    watch.sample_promise([this](const Promise& one) { offsets.push_back(one.offset.value); });
  }
  void ask(uint64_t id, uint8_t acks) {
    wire::Request request;
    request.id = id;
    request.body = wire::ProduceRequest{acks, {{}}};
    watch.saw({7, ListenerKind::kClient, true, kHost, Message{wire::encode(request), {}}});
  }
  void answer(uint64_t id, uint64_t offset, std::optional<wire::WireError> error = {}) {
    wire::ProduceAnswer::Item item;
    item.base_offset = Offset{offset};
    item.error = std::move(error);
    wire::Answer answer;
    answer.id = id;
    answer.body = wire::ProduceAnswer{{item}};
    watch.saw({7, ListenerKind::kClient, false, kHost, Message{wire::encode(answer), {}}});
  }
};

TEST(Watch, CountsQuestionsButNoRoutine) {
  Watch watch;
  auto ask = [&](wire::RequestBody body) {
    wire::Request request;
    request.body = std::move(body);
    watch.saw({7, ListenerKind::kClient, true, kHost, Message{wire::encode(request), {}}});
  };
  ask(wire::MetadataRequest{});
  ask(wire::FetchRequest{});
  ask(wire::ProduceRequest{});
  EXPECT_EQ(watch.questions(), 0u);
  ask(wire::ListOffsetsRequest{});
  EXPECT_EQ(watch.questions(), 1u);
}

TEST(Watch, SamplesThePromiseOfOneAnswer) {
  Conversation talk;
  talk.answer(1, 10);  // of a request it did not see
  talk.ask(2, 0);
  talk.answer(2, 20);  // promises nothing
  talk.ask(3, 2);
  talk.answer(3, 30, wire::WireError{Code::kBusy, "", {}, ""});
  talk.ask(4, 2);
  talk.answer(4, 40);
  talk.ask(5, 2);
  talk.answer(5, 50);  // one is enough
  EXPECT_EQ(talk.offsets, std::vector<uint64_t>{40});
}

}  // namespace
}  // namespace strandlog::sim
