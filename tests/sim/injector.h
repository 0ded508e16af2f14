// Injector: does to a cluster what a plan's strikes say.
#pragma once

#include <optional>

#include "tests/sim/cluster.h"
#include "tests/sim/plan.h"

namespace strandlog::sim {

/// One thread; lives as long as the cluster.
class Injector {
 public:
  explicit Injector(SimCluster& cluster) : cluster_(cluster) {}
  /// Strikes from now on as planned, until end().
  void begin(const std::vector<Strike>& strikes);
  /// Nothing is struck any more and nothing is started again; what was done stays as it is.
  void end() { *active_ = false; }
  const std::map<Fault, uint64_t>& counts() const { return counts_; }

 private:
  /// Of some leaders of a group, one after the other.
  struct Fall {
    SimBroker* last = nullptr;  ///< who fell before, if anybody
    std::optional<GroupId> group;
    uint64_t left = 0;       ///< leaders still to fall
    int64_t longest_us = 0;  ///< back then, if nobody else leads before
    Dice dice;
  };

  void strike(const Strike& strike);
  void kill_next_voter(Dice& dice);
  void sleepwalk(SimBroker& broker, Dice& dice);
  /// Between it and all other brokers nothing passes. Clients are not touched.
  void isolate(SimBroker& broker);
  void rejoin(SimBroker& broker);
  void fell_leaders(Dice& dice);
  void await_fall(const Fall& fall);
  void begin_fall(Fall fall, const LeaderSeen& seen);
  void set_adrift(Dice& dice);
  void reset(SimBroker& broker, Dice& dice);
  void fail_disk(SimBroker& broker, Dice& dice);
  void lose_power(SimBroker& broker, store::FakeDisk::Harm harm, Dice& dice);
  void cut(SimBroker& broker, bool one_way, Dice& dice);
  void change_weather(Fault fault, Dice& dice);
  void down_for_a_while(SimBroker& broker, Dice& dice);
  void later(int64_t us, std::function<void()> what);
  SimBroker& any_broker(Dice& dice);
  /// Of the group that was seen at work last.
  SimBroker& busy_leader();
  SimBroker& broker_on(const std::string& host);

  SimCluster& cluster_;
  std::shared_ptr<bool> active_ = std::make_shared<bool>(false);
  std::map<Fault, uint64_t> counts_;
};

}  // namespace strandlog::sim
