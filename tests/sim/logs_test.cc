// Logs: what it says of entries that should not be there.
#include "tests/sim/logs.h"

#include <gtest/gtest.h>

namespace strandlog::sim {
namespace {

struct Replica {
  Logs& logs;
  store::ReplicaSpec spec;
  Replica(Logs& all, uint64_t uid) : logs(all) { spec.uid = Uid{uid}; }
  void holds(uint64_t index, int64_t ms, const std::string& bytes = "same") {
    EntryView entry;
    entry.header.index = Index{index};
    entry.header.append_time_ms = ms;
    entry.whole = view_of(bytes);
    logs.saw("broker" + std::to_string(spec.uid.value), {spec, entry});
  }
};

TEST(Logs, SeesAnotherEntryAtTheSameIndex) {
  Logs logs;
  Replica one(logs, 1), two(logs, 2);
  one.holds(1, 0, "a");
  one.holds(2, 0, "b");
  two.holds(1, 0, "a");
  EXPECT_TRUE(logs.violations().empty());
  two.holds(2, 0, "c");
  ASSERT_EQ(logs.violations().size(), 1u);
  EXPECT_TRUE(logs.violations()[0].starts_with("I15"));
}

TEST(Logs, CountsWhatItWasShownAndWhatItCompared) {
  Logs logs;
  Replica one(logs, 1), two(logs, 2);
  for (uint64_t index : {1, 2, 3}) one.holds(index, 0);
  EXPECT_EQ(logs.compared(), 0u);
  for (uint64_t index : {2, 3, 4}) two.holds(index, 0);
  EXPECT_EQ(logs.compared(), 2u);
  EXPECT_EQ(logs.entries_of(Uid{1}), 3u);
  EXPECT_EQ(logs.entries_of(Uid{2}), 3u);
  EXPECT_EQ(logs.entries_of(Uid{3}), 0u);
}

TEST(Logs, SeesTimesThatDecreaseAlongALog) {
  Logs logs;
  Replica one(logs, 1), two(logs, 2);
  one.holds(1, 50);
  one.holds(2, 50);
  one.holds(3, 60);
  two.holds(1, 50);  // another log begins
  EXPECT_TRUE(logs.violations().empty());
  two.holds(2, 49);
  ASSERT_EQ(logs.violations().size(), 1u);
  EXPECT_TRUE(logs.violations()[0].starts_with("I21"));
}

}  // namespace
}  // namespace strandlog::sim
