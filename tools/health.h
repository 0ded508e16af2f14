// Health: from what a cluster says about itself to a verdict with reasons.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "strandlog/admin.h"
#include "tools/exit.h"
#include "tools/output.h"

namespace strandlog::tools {

struct PartitionCounts {
  uint64_t total = 0;
  uint64_t leaderless = 0;
  uint64_t under_replicated = 0;  ///< a replica is lost, faulty or offline

  void add(const client::TopicDescription& topic);
};

struct HealthFindings {
  client::ClusterDescription cluster;
  PartitionCounts partitions;
  std::string unlisted;  ///< why the topics could not be looked at; empty: they were
  std::map<int32_t, client::Result<client::BrokerStatus>> statuses;  ///< of the living brokers
};

struct Health {
  Exit exit = Exit::kDone;  ///< kDone, kDegraded or kUnavailable
  std::vector<std::string> reasons;
  Json document;

  std::string state() const;
};

/// Unavailable: a partition or the catalog has no leader, or nobody can tell. Degraded: a broker is
/// silent or does not answer, refuses writes because its disk is full, or a replica is missing.
Health judge(const HealthFindings& findings);

/// Unavailable, because brokers answer but not about the cluster.
Health unavailable(const std::string& reason);

}  // namespace strandlog::tools
