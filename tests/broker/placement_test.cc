// Placement: distinct brokers, balanced replicas, rotating first choices.
#include "broker/placement.h"

#include <gtest/gtest.h>

#include <set>

namespace strandlog::broker {
namespace {

TEST(Placement, NeverPutsTwoReplicasOfAPartitionOnOneBroker) {
  auto places = place({{BrokerId{1}, 0}, {BrokerId{2}, 5}, {BrokerId{3}, 1}}, 20, 3);

  ASSERT_TRUE(places.ok());
  for (const auto& partition : *places) {
    EXPECT_EQ(std::set<BrokerId>(partition.begin(), partition.end()).size(), 3u);
  }
}

TEST(Placement, EvensOutWhatIsThereAlready) {
  auto places = place({{BrokerId{1}, 4}, {BrokerId{2}, 0}, {BrokerId{3}, 0}}, 6, 1);

  ASSERT_TRUE(places.ok());
  std::map<BrokerId, int> added;
  for (const auto& partition : *places) ++added[partition[0]];
  EXPECT_EQ(added[BrokerId{1}], 0);
  EXPECT_EQ(added[BrokerId{2}], 3);
  EXPECT_EQ(added[BrokerId{3}], 3);
}

TEST(Placement, SpreadsTheFirstChoices) {
  auto places = place({{BrokerId{1}, 0}, {BrokerId{2}, 0}, {BrokerId{3}, 0}}, 6, 3);

  ASSERT_TRUE(places.ok());
  std::map<BrokerId, int> first;
  for (const auto& partition : *places) ++first[partition[0]];
  for (uint64_t b = 1; b <= 3; ++b) EXPECT_EQ(first[BrokerId{b}], 2) << b;
}

TEST(Placement, NamesBothNumbersWhenThereAreTooFewBrokers) {
  auto places = place({{BrokerId{1}, 0}, {BrokerId{2}, 0}}, 1, 3);

  ASSERT_FALSE(places.ok());
  EXPECT_EQ(places.error().code, Code::kInvalidArgument);
  EXPECT_NE(places.error().text.find("replication 3"), std::string::npos);
  EXPECT_NE(places.error().text.find("2 are alive"), std::string::npos);
}

}  // namespace
}  // namespace strandlog::broker
