// Runtime: the thread that drives the core, and what other threads need to talk to it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "client/core.h"
#include "client/port.h"
#include "strandlog/client.h"

namespace strandlog::client {

/// A lock and its condition.
class Gate {
 public:
  Gate();
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// Runs `body` under the lock.
  template <class Body>
  auto with(Body&& body) {
    Locked locked(*this);
    return body();
  }
  /// Waits until `ready`, asked under the lock, or until the time is over (then false).
  bool wait_ms(int64_t ms, const std::function<bool()>& ready);
  void wait(const std::function<bool()>& ready);
  void notify();

 private:
  struct Locked {
    explicit Locked(Gate& held) : gate(held) { gate.lock(); }
    ~Locked() { gate.unlock(); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    Gate& gate;
  };
  void lock();
  void unlock();

  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Any thread may call it; commands run on its own thread, in order. Calls that wait for an answer
/// fail with kInterrupted after interrupt(), and with kInvalidArgument on its own thread, which is
/// the one that would bring the answer.
class Runtime : public Port {
 public:
  explicit Runtime(const ClientConfig& config);
  /// Ends the thread. Nobody may be inside a call.
  ~Runtime() override;

  using Command = std::function<void(Core&, Time)>;
  void post(Command command);
  /// Posts and waits until it has run.
  void run(Command command);
  /// Lets the core look at its sources soon. Cheap when it is about to anyway.
  void nudge();
  bool on_own_thread() const;

  /// From now on nobody waits in here, and whoever waits at a watched gate is told to look again.
  void interrupt();
  bool interrupted() const;
  void watch(Gate& gate);
  void unwatch(Gate& gate);

  Time now() override;
  int64_t wall_ms() override;
  Random& random() override;
  void pause(int64_t ms) override;
  Reply call(const std::string& address, wire::RequestBody body, int64_t timeout_ms) override;
  AnyReply ask_any(wire::RequestBody body, int64_t timeout_ms, int64_t attempt_ms) override;
  void require_catalog(uint64_t index) override;

  /// A topic's partitions as known, else, or when so many are not known, asked for.
  Result<TopicRoute> lookup(const std::string& topic, size_t partitions, int64_t timeout_ms);
  /// The same for one partition: kNotFound unless the topic has it.
  Result<TopicRoute> lookup(const TopicPartition& where, int64_t timeout_ms);

 private:
  struct Loop;
  template <class T>
  class Slip;
  std::optional<Error> why_not_wait() const;

  std::unique_ptr<Loop> loop_;
};

Error interrupted_error(Written written);

/// What a Client is made of.
class Client::Impl {
 public:
  explicit Impl(ClientConfig given) : config(std::move(given)), runtime(config) {}
  ClientConfig config;
  Runtime runtime;
};

}  // namespace strandlog::client
