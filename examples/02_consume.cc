// Prints a partition from its start to its present end: 02_consume HOST:PORT TOPIC [PARTITION]
#include <cstdio>
#include <cstdlib>
#include <string>

#include "strandlog/client.h"
#include "strandlog/consumer.h"

using namespace strandlog::client;

namespace {

int fail(const Error& error) {
  std::fprintf(stderr, "%s: %s\n", code_name(error.code), error.text.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s HOST:PORT TOPIC [PARTITION]\n", argv[0]);
    return 2;
  }
  ClientConfig config;
  config.servers = {argv[1]};
  Result<Client> client = Client::connect(config);
  if (!client.ok()) return fail(client.error());
  Result<Consumer> consumer = client->consumer(ConsumerConfig{});
  if (!consumer.ok()) return fail(consumer.error());

  TopicPartition where{argv[2], argc > 3 ? std::atoi(argv[3]) : 0};
  auto ends = consumer->ends({where});
  if (!ends.ok()) return fail(ends.error());
  int64_t end = ends->at(where).end;  // confirmed by a quorum; what comes later is not read
  if (Result<void> done = consumer->assign({{where, Position::start()}}); !done.ok()) {
    return fail(done.error());
  }

  while (*consumer->position(where) < end) {
    Result<Polled> polled = consumer->poll();
    if (!polled.ok()) return fail(polled.error());
    for (const ConsumerEvent& event : polled->events) {
      fail(event.error);
      if (event.kind == ConsumerEvent::Kind::kError) return 1;
    }
    for (const ConsumedRecord& record : polled->records) {
      if (record.offset >= end) break;
      std::printf("%lld %s\n", static_cast<long long>(record.offset),
                  record.value.value_or("").c_str());
    }
  }
  return 0;
}
