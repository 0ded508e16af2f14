// Follows a partition until Enter is pressed: 04_follow HOST:PORT TOPIC [OFFSET | -SECONDS]
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "strandlog/client.h"
#include "strandlog/consumer.h"

using namespace strandlog::client;

namespace {

int fail(const Error& error) {
  std::fprintf(stderr, "%s: %s\n", code_name(error.code), error.text.c_str());
  return 1;
}

/// An offset, so many seconds ago, or the end.
Position position_of(const char* text) {
  if (text == nullptr) return Position::end();
  const long long number = std::atoll(text);
  if (number >= 0) return Position::at(number);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return Position::at_time(std::chrono::duration_cast<milliseconds>(now).count() + number * 1000);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s HOST:PORT TOPIC [OFFSET | -SECONDS]\n", argv[0]);
    return 2;
  }
  ClientConfig config;
  config.servers = {argv[1]};
  Result<Client> client = Client::connect(config);
  if (!client.ok()) return fail(client.error());
  Result<Consumer> consumer = client->consumer(ConsumerConfig{});
  if (!consumer.ok()) return fail(consumer.error());
  const TopicPartition where{argv[2], 0};
  Result<void> assigned = consumer->assign({{where, position_of(argc > 3 ? argv[3] : nullptr)}});
  if (!assigned.ok()) return fail(assigned.error());

  // A consumer belongs to one thread; another may only wake it.
  std::atomic<bool> stop{false};
  std::thread keyboard([&] {
    std::getchar();
    stop = true;
    consumer->wake();
  });
  int result = 0;
  while (!stop) {
    Result<Polled> polled = consumer->poll(500, milliseconds(60000));
    if (!polled.ok()) {
      result = fail(polled.error());
      break;
    }
    for (const ConsumedRecord& record : polled->records) {
      std::printf("%lld %s\n", static_cast<long long>(record.offset),
                  record.value.value_or("").c_str());
    }
    for (const ConsumerEvent& event : polled->events) {
      fail(event.error);
      // Trimmed away, or never written: go on where there is something.
      if (event.error.code == Code::kOutOfRange)
        (void)consumer->seek(where, Position::start()).ok();
    }
    std::fflush(stdout);
  }
  Result<int64_t> next = consumer->position(where);
  if (next.ok()) std::printf("next time: %lld\n", static_cast<long long>(*next));
  keyboard.join();
  return result;
}
