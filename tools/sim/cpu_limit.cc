// The system counts.
#include "tools/sim/cpu_limit.h"

#include <sys/resource.h>

#include <algorithm>
#include <ctime>

#include "base/check.h"

namespace strandlog::sim {

void limit_cpu(std::chrono::seconds more) {
  rlimit limit{};
  CHECK(getrlimit(RLIMIT_CPU, &limit) == 0);
  auto so_far = static_cast<rlim_t>(std::clock() / CLOCKS_PER_SEC) + 1;
  limit.rlim_cur = std::min(so_far + static_cast<rlim_t>(more.count()), limit.rlim_max);
  CHECK(setrlimit(RLIMIT_CPU, &limit) == 0);
}

}  // namespace strandlog::sim
