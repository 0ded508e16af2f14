// The partitioner's hash.
#include <gtest/gtest.h>

#include <string_view>

#include "strandlog/producer.h"

namespace strandlog::client {
namespace {

TEST(Partitioner, HashesAsKafkaDoes) {
  struct Vector {
    std::string_view key;
    int32_t hash;
  };
  for (const Vector& one :
       {Vector{"21", -973932308}, Vector{"foobar", -790332482},
        Vector{"a-little-bit-long-string", -985981536},
        Vector{"a-little-bit-longer-string", -1486304829}, Vector{"abc", 479470107}}) {
    EXPECT_EQ(murmur2(one.key.data(), one.key.size()), one.hash) << one.key;
  }
}

}  // namespace
}  // namespace strandlog::client
