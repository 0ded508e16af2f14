// ConsumerCore: one outstanding fetch per leader, for all partitions assigned to it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "client/request_table.h"
#include "client/router.h"
#include "client/run_reader.h"
#include "strandlog/consumer.h"

namespace strandlog::client {

/// An error that retrying does not mend; nothing more comes until the partition is sought.
struct FetchTrouble {
  TopicPartition where;
  uint64_t generation = 0;
  int64_t offset = 0;
  Error error;
};

/// Where fetched runs go. In a program: a queue behind a lock.
class FetchSink {
 public:
  virtual ~FetchSink() = default;
  virtual void deliver(FetchedRun run) = 0;
  virtual void trouble(FetchTrouble trouble) = 0;
};

struct StartAt {
  int64_t offset = 0;
  uint64_t generation = 0;  ///< comes back with what is fetched for this
};

/// Fetches ahead of the application: at most 2 × fetch.max.bytes are on their way or delivered and
/// not released, shared evenly among the leaders.
class ConsumerCore {
 public:
  ConsumerCore(RequestTable& requests, Router& router, FetchSink& sink,
               const ConsumerConfig& config, int64_t request_timeout_ms);
  ~ConsumerCore();
  ConsumerCore(const ConsumerCore&) = delete;
  ConsumerCore& operator=(const ConsumerCore&) = delete;

  /// Replaces the assignment.
  void assign(const std::map<TopicPartition, StartAt>& positions);
  /// For an assigned partition.
  void seek(const TopicPartition& where, StartAt position);
  /// The application is done with that many bytes of a run of that generation.
  void release(const TopicPartition& where, uint64_t generation, uint64_t bytes);
  void turn(Time now);
  Time next_deadline() const;

 private:
  struct Partition {
    int64_t next = 0;
    uint64_t generation = 0;
    uint64_t buffered = 0;
    bool paused = false;  ///< after trouble
    Time retry_at;
    Time refresh_at;
    Backoff backoff;
    Backoff refresh_backoff;
  };
  struct Asked {
    TopicPartition where;
    wire::TopicPartition wire_where;
    GroupId group;
    uint64_t generation = 0;
    int64_t from = 0;
  };
  struct Fetch {
    uint64_t request = 0;
    std::vector<Asked> asked;
  };

  std::map<std::string, std::vector<TopicPartition>> by_leader(Time now);
  void fetch(Time now, const std::string& address, const std::vector<TopicPartition>& partitions,
             uint64_t share);
  void on_reply(const std::string& address, Reply reply);
  void on_item(const Asked& asked, const wire::FetchAnswer::Item& item, std::vector<Bytes> frames,
               const std::string& address);
  void on_error(const Asked& asked, const wire::WireError& error, const std::string& address);
  void retry(Partition& partition, const std::string& topic, bool at_once);
  void stop(const Asked& asked, Partition& partition, Error error);
  void interrupt(const TopicPartition& where);
  Partition* current(const Asked& asked);

  RequestTable& requests_;
  Router& router_;
  FetchSink& sink_;
  ConsumerConfig config_;
  int64_t request_timeout_ms_;
  Time now_;
  std::map<TopicPartition, Partition> partitions_;
  std::map<std::string, Fetch> fetches_;  ///< by leader address
  TopicPartition rotation_;               ///< the next fetch begins behind it
};

}  // namespace strandlog::client
