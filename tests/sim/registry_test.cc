// Registry: which two are one too many.
#include "tests/sim/registry.h"

#include <gtest/gtest.h>

namespace strandlog::sim {
namespace {

StoreId store(uint8_t number) {
  StoreId id;
  id.bytes[0] = number;
  return id;
}

void speak(Registry& registry, const std::string& host, uint64_t process, uint64_t boot) {
  wire::PeerMessage message;
  message.store = store(1);
  message.boot_id = BootId{boot};
  registry.speaks({1, ListenerKind::kPeer, true, host, Message{}, process}, message);
}

wire::RememberedStore remembered(uint64_t epoch, uint64_t boot) {
  return {store(1), BootEpoch{epoch}, BootId{boot}, {}};
}

TEST(Registry, SeesTwoProcessesThatSpeakAsOne) {
  Registry registry;
  speak(registry, "broker1", 1, 100);
  speak(registry, "broker1", 2, 200);  // started anew
  speak(registry, "clone", 3, 300);    // speaks for itself
  speak(registry, "broker1", 1, 100);
  EXPECT_TRUE(registry.violations().empty());
  speak(registry, "clone", 4, 100);
  EXPECT_EQ(registry.violations().size(), 1u);
  speak(registry, "broker1", 5, 200);
  EXPECT_EQ(registry.violations().size(), 2u) << "after a start it is another one";
}

/// A boot of epoch 2 asks for votes, or answers one that did.
void vote(Registry& registry, uint64_t boot, wire::RaftMessage::Kind kind, uint64_t from,
          uint64_t to, uint64_t term) {
  wire::PeerMessage message;
  message.store = store(static_cast<uint8_t>(from));
  message.boot_epoch = BootEpoch{2};
  message.boot_id = BootId{boot};
  wire::RaftMessage& raft = message.raft.emplace_back();
  raft.kind = kind;
  raft.from = Uid{from};
  raft.to = Uid{to};
  raft.term = Term{term};
  registry.speaks({1, ListenerKind::kPeer, true, "host", Message{}, boot}, message);
}

TEST(Registry, SeesByAnAnswerThatASecondBootOfOneEpochIsAdmitted) {
  using Kind = wire::RaftMessage::Kind;
  Registry registry;
  vote(registry, 100, Kind::kVoteRequest, 1, 3, 5);
  vote(registry, 300, Kind::kVoteAnswer, 3, 1, 5);
  vote(registry, 200, Kind::kVoteRequest, 1, 3, 5);  // a copy asks the same
  vote(registry, 300, Kind::kVoteAnswer, 3, 1, 5);   // whom it answers is not known
  vote(registry, 200, Kind::kVoteRequest, 1, 3, 6);  // refused: no answer
  EXPECT_TRUE(registry.violations().empty());
  vote(registry, 300, Kind::kVoteAnswer, 3, 1, 6);
  EXPECT_EQ(registry.violations().size(), 1u);
}

TEST(Registry, SeesTwoBootsOfOneEpochAdmitted) {
  Registry registry;
  registry.admits("broker2#1", {remembered(1, 100)});
  registry.admits("broker3#1", {remembered(2, 200)});
  registry.admits("broker2#1", {remembered(2, 200)});
  EXPECT_TRUE(registry.violations().empty());
  registry.admits("broker4#1", {remembered(2, 300)});
  EXPECT_EQ(registry.violations().size(), 1u);
}

TEST(Registry, SeesAnEpochThatIsAdmittedAfterALaterOne) {
  Registry registry;
  registry.admits("broker2#1", {remembered(2, 200)});
  registry.admits("broker3#1", {remembered(1, 100)});
  registry.admits("broker2#2", {remembered(1, 100)});  // lost what was not durable
  EXPECT_TRUE(registry.violations().empty());
  registry.admits("broker2#1", {remembered(1, 100)});
  EXPECT_EQ(registry.violations().size(), 1u);
}

}  // namespace
}  // namespace strandlog::sim
