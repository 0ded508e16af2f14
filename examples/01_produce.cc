// Produces ten records and prints where each one went: 01_produce HOST:PORT TOPIC
#include <cstdio>
#include <string>

#include "strandlog/client.h"
#include "strandlog/producer.h"

using namespace strandlog::client;

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s HOST:PORT TOPIC\n", argv[0]);
    return 2;
  }
  ClientConfig config;
  config.servers = {argv[1]};
  Result<Client> client = Client::connect(config);
  if (!client.ok()) {
    std::fprintf(stderr, "%s\n", client.error().text.c_str());
    return 2;
  }
  Result<Producer> producer = client->producer(ProducerConfig{});
  if (!producer.ok()) {
    std::fprintf(stderr, "%s\n", producer.error().text.c_str());
    return 1;
  }

  for (int i = 0; i < 10; ++i) {
    Record record;
    record.topic = argv[2];
    record.key = "key-" + std::to_string(i % 3);  // one key, one partition, one order
    record.value = "hello " + std::to_string(i);
    // Runs on the library's thread, once, whatever happens.
    auto done = [i](Result<Ack> ack) {
      if (ack.ok()) {
        std::printf("record %d: partition %d, offset %lld\n", i, ack->partition,
                    static_cast<long long>(ack->offset));
      } else {
        std::printf("record %d: %s\n", i, ack.error().text.c_str());
      }
    };
    if (Result<void> sent = producer->send(record, done); !sent.ok()) {
      std::fprintf(stderr, "%s: %s\n", code_name(sent.error().code), sent.error().text.c_str());
      return 1;
    }
  }

  Result<Producer::Totals> totals = producer->close(milliseconds(30000));
  if (!totals.ok()) return 1;
  std::printf("%llu acknowledged, %llu failed\n", static_cast<unsigned long long>(totals->acked),
              static_cast<unsigned long long>(totals->failed));
  return totals->failed == 0 ? 0 : 7;
}
