// Creates a topic unless it exists, and says who leads it: 05_create_topic HOST:PORT TOPIC
#include <cstdio>
#include <string>

#include "strandlog/admin.h"
#include "strandlog/client.h"

using namespace strandlog::client;

namespace {

int fail(const Error& error) {
  std::fprintf(stderr, "%s: %s\n", code_name(error.code), error.text.c_str());
  return error.retry == Retry::kSafe ? 4 : 1;  // safe: the same call may succeed later
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s HOST:PORT TOPIC\n", argv[0]);
    return 2;
  }
  ClientConfig config;
  config.servers = {argv[1]};
  Result<Client> client = Client::connect(config);
  if (!client.ok()) return fail(client.error());
  Admin admin = client->admin();

  TopicSpec spec;
  spec.name = argv[2];
  spec.partitions = 3;  // replication 0: three replicas, or all brokers if fewer
  Result<TopicDescription> topic = admin.create_topic(spec);
  if (!topic.ok() && topic.error().code == Code::kConflict) {
    topic = admin.describe_topic(spec.name);
  }
  if (!topic.ok()) return fail(topic.error());

  for (const PartitionDescription& partition : topic->partitions) {
    std::printf("%s/%d: leader %d, offsets %lld to %lld\n", topic->name.c_str(),
                partition.partition, partition.leader.value_or(0),
                static_cast<long long>(partition.start), static_cast<long long>(partition.end));
  }
  return 0;
}
