// Leader plan: which broker to ask about which partitions, from fresh metadata.
#pragma once

#include <map>
#include <set>
#include <string>

#include "client/port.h"
#include "strandlog/client.h"

namespace strandlog::client {

struct LedPartition {
  TopicPartition where;
  GroupId group;
};

struct LeaderPlan {
  std::map<std::string, std::map<wire::TopicPartition, LedPartition>> by_address;
  std::optional<Error> leaderless;  ///< kNoLeader: about one that nobody leads now
};

/// One round of metadata, of as many topics as there are. kNotFound for an unknown topic or
/// partition.
Result<LeaderPlan> plan_by_leader(Port& port, const std::set<TopicPartition>& partitions,
                                  int64_t timeout_ms);

/// Errors of one partition that an election or a catalog that catches up may end. A faulty replica
/// gives its leadership away.
bool may_pass_elsewhere(strandlog::Code code);

}  // namespace strandlog::client
