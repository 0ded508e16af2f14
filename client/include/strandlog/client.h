// Client: one connection to a cluster; makes producers, consumers and an admin.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "strandlog/result.h"

namespace strandlog::client {

using std::chrono::milliseconds;

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  auto operator<=>(const TopicPartition&) const = default;
};

struct ClientConfig {
  std::vector<std::string> servers = {"127.0.0.1:7400"};  ///< any brokers of the cluster
  std::string client_id = "strandlog";
  milliseconds request_timeout{5000};  ///< one request to one broker
  milliseconds connect_timeout{5000};  ///< reaching any broker at all
};

class Producer;
class Consumer;
class Admin;
struct ProducerConfig;
struct ConsumerConfig;

/// Owns the library's thread and its sockets. Any thread may call it. It must outlive what it
/// made. Not usable across fork().
class Client {
 public:
  /// Starts the thread; connects lazily, so an absent cluster is reported by the first request.
  /// kInvalidArgument for an address that is not HOST:PORT.
  static Result<Client> connect(ClientConfig config);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  Result<Producer> producer(ProducerConfig config);
  Result<Consumer> consumer(ConsumerConfig config);
  Admin admin();
  /// For a program that wants to end: every call that waits, now or later, of this client and of
  /// what it made, answers kInterrupted at once instead of waiting on. poll() answers what it has.
  /// Records on their way stay on their way: Producer::close() still waits as long as it is told.
  void interrupt() noexcept;

 private:
  friend class Producer;
  friend class Consumer;
  friend class Admin;
  class Impl;
  explicit Client(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace strandlog::client
