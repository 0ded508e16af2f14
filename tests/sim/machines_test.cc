// Machines: which tables it calls different.
#include "tests/sim/machines.h"

#include <gtest/gtest.h>

#include "store/memory_state_store.h"

namespace strandlog::sim {
namespace {

using Row = std::pair<std::string, std::string>;

store::MemoryStateStore tables(uint64_t applied, const std::vector<Row>& rows,
                               const std::string& machine = "catalog") {
  store::MemoryStateStore state;
  store::StateBatch batch;
  for (const auto& [key, value] : rows) batch.put(key, Bytes::copy(std::string_view(value)));
  EXPECT_TRUE(state.apply(machine, Index{applied}, batch).ok());
  return state;
}

TEST(Machines, SeesTablesThatDifferAtOneIndex) {
  Machines machines("catalog");
  machines.saw("broker1", tables(5, {{"a", "1"}, {"b", "2"}}));
  machines.saw("broker2", tables(5, {{"b", "2"}, {"a", "1"}}));
  machines.saw("broker3", tables(6, {{"a", "3"}}));
  EXPECT_TRUE(machines.violations().empty());
  machines.saw("broker3", tables(5, {{"a", "1"}, {"b", "3"}}));
  machines.saw("broker3", tables(5, {{"a", "1"}}));
  machines.saw("broker3", tables(5, {{"a", "1b"}, {"2", ""}}));
  EXPECT_EQ(machines.violations().size(), 3u);
}

TEST(Machines, ComparesNothingThatHasAppliedNothing) {
  Machines machines("catalog");
  machines.saw("broker1", store::MemoryStateStore());
  machines.saw("broker2", tables(5, {{"a", "1"}}, "another"));
  EXPECT_EQ(machines.compared(), 0u);
}

TEST(Machines, ABrokerAloneIsComparedWithNobody) {
  Machines machines("catalog");
  machines.saw("broker1", tables(5, {{"a", "1"}}));
  machines.saw("broker1", tables(5, {{"a", "1"}}));
  machines.saw("broker2", tables(6, {{"a", "1"}}));
  EXPECT_EQ(machines.compared(), 0u);
  machines.saw("broker2", tables(5, {{"a", "1"}}));
  EXPECT_EQ(machines.compared(), 1u);
}

}  // namespace
}  // namespace strandlog::sim
