// Resources: what a broker says it uses, beside what its configuration allows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/config.h"
#include "tests/store/fake_disk.h"
#include "wire/messages.h"

namespace strandlog::sim {

/// I23: each figure that is beyond its bound, or that the broker does not tell; none when all is
/// well. What is begun below a bound may go beyond it by one unit, which came in one message:
/// `longest_message` is as long as any that was sent to it. What the broker does not tell yet is
/// what it has deferred. `journal` is on its disk.
std::vector<std::string> beyond_bounds(const wire::StatusAnswer& status,
                                       const broker::BrokerConfig& config, uint64_t longest_message,
                                       const store::FakeDisk::Folder& journal);

/// I23: whether a journal is as long as its store says, but for one file that is being made, grows,
/// or goes.
bool is_as_told(uint64_t told, const store::FakeDisk::Folder& journal,
                const broker::BrokerConfig& config);

}  // namespace strandlog::sim
