// Least loaded first, leaders rotating; see placement.h.
#include "broker/placement.h"

#include <algorithm>

namespace strandlog::broker {

Result<std::vector<std::vector<BrokerId>>> place(std::map<BrokerId, uint64_t> load,
                                                 uint32_t partitions, uint32_t replication) {
  if (replication == 0 || replication > load.size()) {
    return Error{Code::kInvalidArgument,
                 "replication " + std::to_string(replication) + " needs that many live brokers; " +
                     std::to_string(load.size()) + " are alive (start more, or ask for fewer)"};
  }
  std::vector<std::vector<BrokerId>> result;
  std::map<BrokerId, uint64_t> preferred;
  for (uint32_t p = 0; p < partitions; ++p) {
    std::vector<BrokerId> order;
    for (const auto& [broker, count] : load) order.push_back(broker);
    std::stable_sort(order.begin(), order.end(),
                     [&](BrokerId a, BrokerId b) { return load[a] < load[b]; });
    order.resize(replication);
    auto first = std::min_element(order.begin(), order.end(), [&](BrokerId a, BrokerId b) {
      return preferred[a] < preferred[b];
    });
    std::iter_swap(order.begin(), first);
    ++preferred[order.front()];
    for (BrokerId broker : order) ++load[broker];
    result.push_back(std::move(order));
  }
  return result;
}

}  // namespace strandlog::broker
