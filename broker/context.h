// Context: what every request handler of a shard works with, and how it answers.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/metrics.h"
#include "broker/catalog.h"
#include "broker/config.h"
#include "broker/leaders.h"
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

  /// What a peer says of a leader. It may say so before this broker's catalog has the group, and
  /// after it has lost it: what is of no group here is dropped once there is much of it.
  void hear_of_leader(const wire::LeaderNotice& notice);
  /// The leader of a group if it is known and heard from (or is this broker).
  const wire::LeaderNotice* leader_of(const GroupId& group) const {
    const wire::LeaderNotice* notice = leaders.find(group);
    bool here = notice && notice->broker == self.address.broker;
    return notice && (here || replicas.alive(notice->broker)) ? notice : nullptr;
  }
  /// Out of service, as its own broker says.
  bool is_faulty(const wire::CatalogReplica& replica) const;
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
