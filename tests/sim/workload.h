// Workload: what the clients of a simulated cluster do while it is alive.
#pragma once

#include <memory>
#include <vector>

#include "tests/sim/cluster.h"
#include "tests/sim/plan.h"

namespace strandlog::sim {

/// A seed in which clients did less says little.
constexpr uint64_t kFewestOperations = 2000;

/// What left the clients so far: records, and questions but polls. Linear in the history.
uint64_t operations_of(SimCluster& cluster);

/// Makes the plan's clients. Each draws from dice of its own. One thread; lives as long as the
/// cluster.
class Workload {
 public:
  static constexpr const char* kTopic = "t";  ///< is there all the time

  Workload(SimCluster& cluster, const Plan& plan);
  /// Runs the world for the plan's time, with clients and an administrator at work in it; up to
  /// twice as long until they did kFewestOperations.
  void run();

 private:
  void schedule(size_t client);
  void act(size_t client);
  void administrate(Dice& dice);
  void create(const std::string& name, Dice& dice);
  void look(Dice& dice);
  Place any_place(Dice& dice) const;
  std::vector<Place> all_places() const;

  SimCluster& cluster_;
  const Plan plan_;
  Dice dice_;
  std::vector<Dice> client_dice_;
  int64_t pause_us_ = 0;  ///< between two bursts of a client
  std::shared_ptr<bool> active_ = std::make_shared<bool>(false);
};

}  // namespace strandlog::sim
