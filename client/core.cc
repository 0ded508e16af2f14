// Core: the order of a turn.
#include "client/core.h"

#include <algorithm>

namespace strandlog::client {

Core::Core(Transport& transport, const CoreConfig& config)
    : requests_(transport, config.client_id),
      any_(requests_, config.servers, {config.connect_timeout_ms, 1000}),
      router_(any_, requests_) {}

void Core::turn(Time now) {
  requests_.turn(now);
  any_.turn(now);
  router_.turn(now);
  for (ProducerCore* producer : producers_) producer->turn(now);
  for (ConsumerCore* consumer : consumers_) consumer->turn(now);
  router_.turn(now);  // what the others just asked for
}

Time Core::next_deadline() const {
  Time next = std::min({requests_.next_deadline(), any_.next_deadline(), router_.next_deadline()});
  for (const ProducerCore* producer : producers_) next = std::min(next, producer->next_deadline());
  for (const ConsumerCore* consumer : consumers_) next = std::min(next, consumer->next_deadline());
  return next;
}

}  // namespace strandlog::client
