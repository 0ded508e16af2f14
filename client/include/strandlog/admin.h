// Admin: what the command line does, as calls.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "strandlog/client.h"

namespace strandlog::client {

struct TopicSpec {
  std::string name;
  uint32_t partitions = 1;
  uint32_t replication = 0;  ///< 0: min(3, brokers)
  std::map<std::string, std::string> settings;
};

struct TopicSummary {
  std::string name;
  std::string id;
  uint32_t partitions = 0;
  uint32_t replication = 0;
  uint32_t leaderless = 0;
};

struct ReplicaDescription {
  int32_t broker = 0;
  uint64_t uid = 0;
  std::string state;  ///< in_sync, behind, lost, faulty, offline
  uint64_t match = 0;
};

struct PartitionDescription {
  int32_t partition = 0;
  std::optional<int32_t> leader;
  uint64_t term = 0;
  std::vector<ReplicaDescription> replicas;
  int64_t start = 0;
  int64_t high_watermark = 0;
  int64_t end = 0;
  uint64_t bytes = 0;
};

struct TopicDescription {
  std::string name;
  std::string id;
  std::map<std::string, std::string> settings;
  std::vector<PartitionDescription> partitions;
};

struct BrokerDescription {
  int32_t broker = 0;
  std::string address;
  std::string store;
  bool alive = false;
  uint32_t leaders = 0;
  uint32_t replicas = 0;
};

struct ClusterDescription {
  std::string cluster;
  int32_t catalog_leader = 0;  ///< 0: none known
  std::vector<BrokerDescription> brokers;
};

struct Histogram {
  uint64_t count = 0, sum = 0, p50 = 0, p99 = 0, p999 = 0, max = 0;
};

struct BrokerStatus {
  int32_t broker = 0;
  std::string address, store, cluster, version, state, founding;
  uint64_t boot_epoch = 0;
  std::map<std::string, uint64_t> counters;
  std::map<std::string, Histogram> histograms;
};

/// Any thread; each call blocks until its outcome or the client's timeouts.
class Admin {
 public:
  /// Creates and waits until every partition has a leader.
  Result<TopicDescription> create_topic(const TopicSpec& spec);
  /// Returns when the deletion is committed.
  Result<void> delete_topic(const std::string& name);
  Result<std::vector<TopicSummary>> list_topics();
  /// kNotFound when there is none of this name.
  Result<TopicSummary> find_topic(const std::string& name);
  /// Asks each partition's leader; without a leader its fields are empty and replicas offline.
  Result<TopicDescription> describe_topic(const std::string& name);
  Result<ClusterDescription> describe_cluster();
  Result<BrokerStatus> broker_status(const std::string& address);
  /// Founds a cluster of exactly these brokers; two phases, resumes after an interruption.
  /// kConflict when one is not blank or holds another document, kUnreachable when one is absent.
  Result<ClusterDescription> found(const std::vector<std::string>& addresses);

 private:
  friend class Client;
  explicit Admin(std::shared_ptr<Client::Impl> impl);
  std::shared_ptr<Client::Impl> impl_;
};

}  // namespace strandlog::client
