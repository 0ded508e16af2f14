// AdminCore: topics and cluster, as sequences of requests.
#pragma once

#include <string>
#include <vector>

#include "client/port.h"
#include "strandlog/admin.h"

namespace strandlog::client {

/// What Admin promises; see strandlog/admin.h.
class AdminCore {
 public:
  struct Timeouts {
    int64_t request_ms = 5000;
    int64_t connect_ms = 5000;
  };
  AdminCore(Port& port, Timeouts timeouts) : port_(port), timeouts_(timeouts) {}

  Result<TopicDescription> create_topic(const TopicSpec& spec);
  Result<void> delete_topic(const std::string& name);
  Result<std::vector<TopicSummary>> list_topics();
  Result<TopicSummary> find_topic(const std::string& name);
  Result<TopicDescription> describe_topic(const std::string& name);
  Result<ClusterDescription> describe_cluster();
  Result<BrokerStatus> broker_status(const std::string& address);

 private:
  Result<wire::MetadataAnswer> metadata(wire::MetadataRequest request);
  Result<wire::MetadataAnswer::Topic> await_leaders(const std::string& name);

  Port& port_;
  Timeouts timeouts_;
};

ClusterDescription cluster_of(const wire::MetadataAnswer& metadata);

}  // namespace strandlog::client
