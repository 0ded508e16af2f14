// Sends, waits for one record, then for all: 03_send_and_wait HOST:PORT TOPIC
#include <cstdio>
#include <string>

#include "strandlog/client.h"
#include "strandlog/producer.h"

using namespace strandlog::client;

namespace {

int fail(const Error& error) {
  // `written` tells whether a failed record may be in the log all the same.
  std::fprintf(stderr, "%s: %s%s\n", code_name(error.code), error.text.c_str(),
               error.written == Written::kMaybe ? " (may be written)" : "");
  return 1;
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
  ProducerConfig producing;
  producing.delivery_timeout = milliseconds(10000);
  Result<Producer> producer = client->producer(producing);
  if (!producer.ok()) return fail(producer.error());

  Record record;
  record.topic = argv[2];
  record.value = "the first";
  Result<Ack> ack = producer->send_sync(record);  // flushed on a majority when it returns
  if (!ack.ok()) return fail(ack.error());
  std::printf("partition %d, offset %lld\n", ack->partition, static_cast<long long>(ack->offset));

  // Many at once are faster: send without waiting, then wait for all of them.
  for (int i = 0; i < 1000; ++i) {
    record.value = "number " + std::to_string(i);
    if (Result<void> sent = producer->send(record); !sent.ok()) return fail(sent.error());
  }
  if (Result<void> flushed = producer->flush(milliseconds(10000)); !flushed.ok()) {
    return fail(flushed.error());
  }
  // A flush says that all is completed; the totals say how.
  const Producer::Totals totals = producer->totals();
  std::printf("%llu acknowledged, %llu failed\n", static_cast<unsigned long long>(totals.acked),
              static_cast<unsigned long long>(totals.failed));
  return totals.failed == 0 ? 0 : 7;
}
