// Core: the client without threads: messages and time in, messages and completions out.
#pragma once

#include <string>
#include <vector>

#include "base/env.h"
#include "client/any_broker.h"
#include "client/consumer_core.h"
#include "client/producer_core.h"
#include "client/request_table.h"
#include "client/router.h"

namespace strandlog::client {

struct CoreConfig {
  std::vector<std::string> servers;
  std::string client_id;
  int64_t connect_timeout_ms = 5000;
};

/// One thread calls it: handle() for each event, then turn(), again at the latest by
/// next_deadline(). Producers and consumers are added after they are made from its parts and
/// removed before they end.
class Core {
 public:
  Core(Transport& transport, const CoreConfig& config);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  RequestTable& requests() { return requests_; }
  AnyBroker& any() { return any_; }
  Router& router() { return router_; }

  void add(ProducerCore& producer) { producers_.push_back(&producer); }
  void remove(ProducerCore& producer) { std::erase(producers_, &producer); }
  void add(ConsumerCore& consumer) { consumers_.push_back(&consumer); }
  void remove(ConsumerCore& consumer) { std::erase(consumers_, &consumer); }

  void handle(Time now, NetEvent event) { requests_.handle(now, std::move(event)); }
  void turn(Time now);
  Time next_deadline() const;

 private:
  RequestTable requests_;
  AnyBroker any_;
  Router router_;
  std::vector<ProducerCore*> producers_;
  std::vector<ConsumerCore*> consumers_;
};

}  // namespace strandlog::client
