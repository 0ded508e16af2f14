// Story: a small cluster with a topic of two partitions, for tests that direct what happens to it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/mutant.h"
#include "tests/sim/cluster.h"

namespace strandlog::sim {

/// What does not come out as told is a violation, so that the same story can show that a mutant is
/// noticed. Segments and journal files are small and nothing is cached: what was sent a while ago
/// is read from segments. One thread.
class Story {
 public:
  explicit Story(size_t brokers = 3, const broker::BrokerConfig& config = small_files());
  static broker::BrokerConfig small_files();

  SimCluster cluster;
  SimClient& client;

  // ---- what happens
  /// Sends records of about 1 KiB to a partition, each as an entry of its own, without waiting.
  void begin_send(int partition, int records);
  /// The same; all must be acknowledged within 30 s.
  void send(int partition, int records);
  /// Reads both partitions from their starts; everything sent must come within 30 s, and nothing
  /// else.
  void read();
  void wait_ms(int64_t ms) { cluster.run_ms(ms); }
  void kill(size_t broker);
  void start(size_t broker);
  /// Kills leaders until this broker leads the partition; all run afterwards.
  void make_leader(size_t broker, int partition);

  // ---- who and where
  /// 0 while there is none, or none that answers.
  size_t leader_now(int partition);
  /// Waits for one up to 15 s.
  size_t leader(int partition);
  std::pair<size_t, size_t> followers(int partition);
  /// Of the replica on a broker that is up.
  Uid uid(size_t broker, int partition);
  const store::ReplicaState& replica(size_t broker, int partition);
  /// An ended segment file of it from the beginning of the log.
  std::string segment(size_t broker, int partition);
  store::FakeDisk& disk(size_t broker) { return cluster.broker(broker).disk(); }
  /// How many messages of peers this broker has refused.
  uint64_t refusals(size_t broker);

  // ---- what must hold
  void expect(bool condition, const std::string& otherwise);
  /// Waits for it up to 30 s.
  void expect_soon(const std::function<bool()>& condition, const std::string& otherwise);
  /// (broker, partition) of the replicas that brokers which are up have put out of service.
  using Replicas = std::set<std::pair<size_t, int>>;
  Replicas out_of_service();
  void expect_out_of_service(const Replicas& expected);
  /// Soon the broker has another replica of the partition than `was`, in service.
  void expect_replaced(size_t broker, int partition, Uid was);
  /// Ends all faults, reads everything, looks at the brokers, and judges what clients saw. Compares
  /// the replicas, too, unless some are out of service or `whole` is false: a store was lost.
  std::vector<std::string> end(bool whole = true);

 private:
  void check_values(int partition);
  bool all_answered() { return client.open_sends() == 0; }
};

/// Expects that a story ends well; in a build with mutants also that it notices this one.
void tell(const std::function<std::vector<std::string>()>& story, Mutant noticed = Mutant::kNone);

}  // namespace strandlog::sim
