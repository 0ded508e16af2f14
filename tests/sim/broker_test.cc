// What a simulated machine keeps over the starts of its broker.
#include "tests/sim/broker.h"

#include <gtest/gtest.h>

#include "tests/sim/cluster.h"

namespace strandlog::sim {
namespace {

TEST(SimBroker, AStartDoesNotSetItsWallClockBack) {
  SimCluster cluster(1, {});
  SimBroker& broker = cluster.broker(1);
  broker.start();
  broker.set_wall_offset(-5'000);
  cluster.run_ms(60'000);
  int64_t before = broker.clock().wall_ms();
  broker.kill();
  cluster.run_ms(1'000);
  broker.start();
  EXPECT_EQ(broker.clock().wall_ms(), before + 1'000);
}

}  // namespace
}  // namespace strandlog::sim
