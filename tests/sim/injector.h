// Injector: does to a cluster what a plan's strikes say.
#pragma once

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
  void strike(const Strike& strike);
  void kill_next_voter(Dice& dice);
  void sleepwalk(SimBroker& broker, Dice& dice);
  void reset(SimBroker& broker, Dice& dice);
  void fail_disk(SimBroker& broker, Dice& dice);
  void lose_power(SimBroker& broker, store::FakeDisk::Harm harm, Dice& dice);
  void cut(SimBroker& broker, bool one_way, Dice& dice);
  void change_weather(Fault fault, Dice& dice);
  void down_for_a_while(SimBroker& broker, Dice& dice);
  void later(int64_t us, std::function<void()> what);
  SimBroker& any_broker(Dice& dice);

  SimCluster& cluster_;
  std::shared_ptr<bool> active_ = std::make_shared<bool>(false);
  std::map<Fault, uint64_t> counts_;
};

}  // namespace strandlog::sim
