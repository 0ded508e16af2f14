// GroupTester: one Group whose peers, disk and sessions are the test's own words.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "raft/group.h"
#include "tests/raft/describe.h"

namespace strandlog::raft {

inline GroupId test_group() {
  GroupId id;
  id.bytes[0] = 7;
  return id;
}

/// Replica `uid` lives on the broker of the same number.
inline Member member(uint64_t uid) { return Member{Uid{uid}, BrokerId{uid}, StoreId{}}; }

inline Membership members_of(const std::vector<uint64_t>& voters,
                             const std::vector<uint64_t>& learners = {},
                             const std::vector<uint64_t>& outgoing = {}) {
  Membership members;
  for (uint64_t uid : voters) members.voters.push_back(member(uid));
  for (uint64_t uid : outgoing) members.outgoing.push_back(member(uid));
  for (uint64_t uid : learners) members.learners.push_back(member(uid));
  return members;
}

/// The runs of a log whose entries after `start` have these terms.
inline std::vector<TermRun> runs_of(uint64_t start, const std::vector<uint64_t>& terms) {
  std::vector<TermRun> runs;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (i == 0 || terms[i] != terms[i - 1]) runs.push_back({Index{start + 1 + i}, Term{terms[i]}});
  }
  return runs;
}

class FakeLiveness : public Liveness {
 public:
  bool alive(BrokerId broker) const override { return !dead.contains(broker.value); }
  std::set<uint64_t> dead;
};

struct Given {
  uint64_t self = 1;
  std::vector<uint64_t> voters = {1, 2, 3};
  std::vector<uint64_t> learners = {};
  std::vector<uint64_t> log = {};  ///< terms of the entries after `start`
  uint64_t start = 0;
  uint64_t start_term = 0;
  uint64_t term = 0;
  uint64_t vote = 0;
  uint64_t commit = 0;
  uint64_t seed = 1;
};

using Lines = std::vector<std::string>;

class GroupTester {
 public:
  explicit GroupTester(const Given& given) : GroupTester(given, restored(given)) {}
  GroupTester(const Given& given, const Restored& from_disk)
      : self(given.self), group(config(given), from_disk, given.seed) {}

  static GroupConfig config(const Given& given) {
    return {.group = test_group(),
            .self = Uid{given.self},
            .election_ticks = 10,
            .heartbeat_ticks = 2,
            .window_bytes = 1000,
            .max_append_bytes = 400};
  }
  static Restored restored(const Given& given) {
    uint64_t newest = given.log.empty() ? given.start_term : given.log.back();
    return {.hard = {Term{std::max(given.term, newest)}, Uid{given.vote}},
            .start = Index{given.start},
            .start_term = Term{given.start_term},
            .terms = runs_of(given.start, given.log),
            .last = Index{given.start + given.log.size()},
            .memberships = {members_of(given.voters, given.learners)},
            .commit = Index{given.commit}};
  }

  /// Everything decided by the call before, as lines; the Output itself stays in `out`.
  Lines take() {
    EXPECT_THAT(group.broken_invariants(), testing::IsEmpty());
    out = group.take();
    EXPECT_THAT(group.broken_invariants(), testing::IsEmpty());
    EXPECT_TRUE(out.after_write.empty() || out.hard_state);
    if (out.hard_state) hard = *out.hard_state;
    return describe(out);
  }
  Lines receive(uint64_t from, uint64_t term, Body body) {
    group.step(Message{test_group(), Uid{from}, Uid{self}, Term{term}, std::move(body)});
    return take();
  }
  /// Everything decided so far is durable now.
  Lines persist() { return persist(group.last().value); }
  Lines persist(uint64_t last) {
    if (hard == HardState{}) hard = {group.term(), Uid{}};
    group.persisted(Index{last}, group.term_at(Index{last}).value_or(Term{}), hard);
    return take();
  }
  Lines tick(int count = 1) {
    Lines all;
    for (int i = 0; i < count; ++i) {
      group.tick(liveness);
      for (std::string& line : take()) all.push_back(std::move(line));
    }
    return all;
  }
  /// Ticks until it campaigns; the lines of that last tick.
  Lines tick_until_campaign() {
    for (int i = 0; i < 100; ++i) {
      Lines lines = tick();
      if (group.role() == Role::kPreCandidate || group.role() == Role::kCandidate) return lines;
    }
    ADD_FAILURE() << "never campaigned";
    return {};
  }
  /// Wins an election with everybody's votes and has the no-op durable; replica 2 and 3 have not
  /// answered any append.
  void elect() {
    tick_until_campaign();
    const uint64_t next = group.term().value + 1;
    for (uint64_t voter : {2, 3}) receive(voter, next, VoteAnswer{.pre = true, .granted = true});
    persist();
    for (uint64_t voter : {2, 3}) {
      receive(voter, next, VoteAnswer{.pre = false, .granted = true});
      answer_sends();
    }
    EXPECT_EQ(group.role(), Role::kLeader);
    persist();
  }
  /// Answers every Send by 10 bytes per entry, until nothing more is asked.
  Lines answer_sends() {
    Lines all;
    while (!out.sends.empty()) {
      for (const Send& send : std::vector<Send>(out.sends)) {
        group.sent(send.to, send.last, 10 * (send.last.value - send.prev.value));
      }
      for (std::string& line : take()) all.push_back(std::move(line));
    }
    return all;
  }
  Lines accept(uint64_t from, uint64_t match, uint64_t commit = 0, uint64_t round = 0) {
    return receive(from, group.term().value,
                   AppendAnswer{.accepted = true,
                                .match = Index{match},
                                .prev = {},
                                .hint = {},
                                .hint_term = {},
                                .commit = Index{commit},
                                .read_round = round});
  }
  Lines refuse(uint64_t from, uint64_t prev, uint64_t hint, uint64_t hint_term) {
    return receive(from, group.term().value,
                   AppendAnswer{.accepted = false,
                                .match = {},
                                .prev = Index{prev},
                                .hint = Index{hint},
                                .hint_term = Term{hint_term},
                                .commit = {}});
  }
  Status::Peer peer(uint64_t uid) const {
    for (const Status::Peer& peer : group.status().peers) {
      if (peer.member.uid == Uid{uid}) return peer;
    }
    ADD_FAILURE() << "no peer " << uid;
    return {};
  }

  uint64_t self;
  Group group;
  FakeLiveness liveness;
  HardState hard;
  Output out;
};

/// An append of entries with these terms after (prev, prev_term).
inline Append append_of(uint64_t prev, uint64_t prev_term, const std::vector<uint64_t>& terms,
                        uint64_t commit = 0, uint64_t round = 0, bool quiet = false) {
  return {.prev = Index{prev},
          .prev_term = Term{prev_term},
          .last = Index{prev + terms.size()},
          .runs = runs_of(prev, terms),
          .commit = Index{commit},
          .read_round = round,
          .quiet = quiet};
}

inline VoteRequest vote_request(uint64_t last, uint64_t last_term, bool pre = false,
                                bool transfer = false) {
  return {.pre = pre, .transfer = transfer, .last = Index{last}, .last_term = Term{last_term}};
}

}  // namespace strandlog::raft
