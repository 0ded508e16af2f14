// FakePort: blocking requests answered by a function of the test; pauses move time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "client/error.h"
#include "client/port.h"

namespace strandlog::client {

class CountingRandom : public Random {
 public:
  uint64_t next() override { return ++last_; }

 private:
  uint64_t last_ = 0;
};

class FakePort : public Port {
 public:
  using Broker = std::function<wire::AnswerBody(const wire::RequestBody&)>;

  Time now() override { return time; }
  int64_t wall_ms() override { return 1234; }
  Random& random() override { return random_; }
  void pause(int64_t ms) override { time = time.plus_ms(ms); }
  Reply call(const std::string& address, wire::RequestBody body, int64_t timeout_ms) override {
    Reply reply;
    auto broker = brokers.find(address);
    if (broker == brokers.end()) {
      time = time.plus_ms(timeout_ms);
      reply.failure = public_error(strandlog::Code::kUnreachable, address + ": cannot connect");
      return reply;
    }
    error.reset();
    blobs.clear();
    reply.answer.body = broker->second(body);
    reply.answer.error = error;
    reply.blobs = blobs;
    return reply;
  }
  AnyReply ask_any(wire::RequestBody body, int64_t, int64_t) override {
    error.reset();
    AnyReply reply;
    reply.repeated = repeated;
    reply.answer.body = brokers.begin()->second(body);
    if (error) reply.failure = public_error(*error, "");
    return reply;
  }
  void require_catalog(uint64_t index) override { required = index; }

  Time time{1};
  std::map<std::string, Broker> brokers;
  std::optional<wire::WireError> error;  ///< set by a Broker to refuse
  std::vector<Bytes> blobs;              ///< set by a Broker beside its answer
  bool repeated = false;
  uint64_t required = 0;

 private:
  CountingRandom random_;
};

}  // namespace strandlog::client
