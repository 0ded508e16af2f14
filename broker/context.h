// Context: what every request handler of a shard works with, and how it answers.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/metrics.h"
#include "broker/catalog.h"
#include "broker/config.h"
#include "broker/replicas.h"
#include "store/store.h"
#include "wire/codec.h"
#include "wire/messages.h"

namespace strandlog::broker {

/// On whose behalf a request runs. Only "anonymous" until authentication exists.
struct Principal {
  std::string name = "anonymous";
};

/// Where an answer goes.
struct ReplyTo {
  LinkId link;
  uint64_t request = 0;
  Principal principal;
};

/// Who leads which group, as far as heard; the higher term wins.
class Leaders {
 public:
  /// True when it changed something.
  bool learn(const wire::LeaderNotice& notice) {
    wire::LeaderNotice& known = known_[notice.group];
    bool news = notice.term > known.term ||
                (notice.term == known.term && known.leader == Uid{} && notice.leader != Uid{});
    // The leader itself saying that it stepped down ends its own term's claim.
    bool ended = notice.term == known.term && notice.leader == Uid{} &&
                 notice.broker == known.broker && known.leader != Uid{};
    if (!news && !ended) return false;
    known = notice;
    return true;
  }
  void forget(const GroupId& group) { known_.erase(group); }
  const wire::LeaderNotice* find(const GroupId& group) const {
    auto found = known_.find(group);
    return found == known_.end() || found->second.leader == Uid{} ? nullptr : &found->second;
  }
  const std::map<GroupId, wire::LeaderNotice>& all() const { return known_; }

 private:
  std::map<GroupId, wire::LeaderNotice> known_;
};

struct Context {
  const BrokerConfig& config;
  const Self& self;
  store::Store& store;
  Transport& transport;
  Random& random;
  Replicas& replicas;
  Catalog& catalog;
  Leaders& leaders;
  Metrics& metrics;
  Time now;  ///< of this turn
  int64_t wall_ms = 0;
  wire::FoundingState founding = wire::FoundingState::kBlank;
  ClusterId cluster;
  /// Replicas that other brokers, each for itself, last reported out of service.
  std::map<BrokerId, std::set<Uid>> faulty_elsewhere;

  void answer(const ReplyTo& to, wire::AnswerBody body, std::vector<Bytes> frames = {});
  void fail(const ReplyTo& to, wire::WireError error);
  void fail(const ReplyTo& to, Code code, std::string text) {
    fail(to, wire::WireError{code, std::move(text), {}, {}});
  }

  /// The leader of a group if it is known and heard from (or is this broker).
  const wire::LeaderNotice* leader_of(const GroupId& group) const {
    const wire::LeaderNotice* notice = leaders.find(group);
    bool here = notice && notice->broker == self.address.broker;
    return notice && (here || replicas.alive(notice->broker)) ? notice : nullptr;
  }
  /// The local leading replica of a partition, or the typed reason with a hint where to go.
  struct Located {
    Replica* replica = nullptr;
    wire::WireError error;
  };
  Located leading(const wire::TopicPartition& where);
  /// kNotLeader with the leader's address when one is known, kNoLeader otherwise.
  wire::WireError not_leader(const GroupId& group, const std::string& what) const;
};

}  // namespace strandlog::broker
