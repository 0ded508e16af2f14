// Simulation: one seed, one cluster: drawn, run through faults, healed, read to the end and judged.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/client.h"
#include "tests/sim/watch.h"

namespace strandlog::sim {

/// What a seed may do to a cluster. Each seed draws a subset; some draw none.
enum class Fault {
  kKill,       ///< SIGKILL of a broker, started again later
  kPowerLoss,  ///< of one broker; sometimes of all at once
  kPause,      ///< SIGSTOP for up to 10 s
  kCleanStop,
  kCut,        ///< nothing passes between some brokers, in one direction or both
  kReset,      ///< connections break
  kReplay,     ///< an old message arrives once more
  kLatency,    ///< everything takes longer for a while
  kDiskStall,  ///< a disk does not answer for up to 5 s
  kDiskError,  ///< a write or flush fails; the process must stop
  kClock,      ///< clocks run up to 2 % fast or slow, wall clocks jump
};
const char* name_of(Fault fault);
const std::vector<Fault>& all_faults();

struct Outcome {
  std::vector<std::string> violations;
  uint64_t promises_checked = 0;  ///< acknowledgements whose durable images were looked at
  uint64_t replicas_compared = 0;
  uint64_t votes_seen = 0;  ///< between brokers
  uint64_t ends_seen = 0;
  uint64_t sent = 0, acked = 0, failed = 0;
  std::map<Fault, uint64_t> faults;  ///< drawn kinds, with how often each came
  int64_t virtual_ms = 0;
  uint64_t fingerprint = 0;  ///< of everything that clients saw and the number of events
};

/// The same seed gives the same outcome, on every machine. One thread.
class Simulation {
 public:
  static constexpr const char* kTopic = "t";

  explicit Simulation(uint64_t seed);
  ~Simulation();
  Outcome run();
  /// One line for each thing done to the cluster, on stderr.
  void set_trace(bool on) { trace_ = on; }

 private:
  void draw();
  void begin();
  void come_to_life();
  void use_and_abuse();
  void heal();
  void read_everything();
  void judge();

  void schedule_client(size_t client);
  void schedule_look_at_disks();
  void check_durable(const Promise& promise);
  void compare_replicas();
  void schedule_fault();
  void strike(Fault fault);
  void cut_some();
  void down_for_a_while(SimBroker& broker);
  void note(const std::string& what);
  void violated(const std::string& what) { outcome_.violations.push_back(what); }
  SimBroker& any_broker() { return *brokers_[dice_.below(brokers_.size())]; }
  bool wait_for(int64_t most_ms, const std::function<bool()>& condition);
  std::vector<std::string> client_addresses() const;
  uint64_t fingerprint() const;

  Dice dice_;
  Schedule schedule_;
  Network network_;
  Watch watch_;
  History history_;
  Outcome outcome_;
  bool trace_ = false;

  // What the seed drew.
  size_t broker_count_ = 3;
  size_t client_count_ = 2;
  uint32_t partitions_ = 1;
  uint32_t replication_ = 3;
  int64_t busy_ms_ = 0;
  int64_t fault_every_ms_ = 0;
  size_t record_bytes_ = 0;
  std::vector<Fault> drawn_;
  broker::BrokerConfig config_;

  std::vector<std::unique_ptr<SimBroker>> brokers_;
  std::unique_ptr<SimClient> operator_;  ///< creates, asks, and reads in the end
  std::vector<std::unique_ptr<SimClient>> clients_;
  bool abusing_ = false;
};

}  // namespace strandlog::sim
