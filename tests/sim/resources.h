// Resources: what a broker says it uses, beside what its configuration allows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/config.h"
#include "tests/store/fake_disk.h"
#include "wire/messages.h"

namespace strandlog::sim {

struct OnDisk {
  store::FakeDisk::Folder journal;
  size_t most_names = 0;  ///< files and directories, at a time
};

/// I23: each figure that is beyond its bound, or that the broker does not tell; none when all is
/// well. What is begun below a bound may go beyond it by one unit, which came in one message:
/// `longest_message` is as long as any that was sent to it. What the broker does not tell yet is
/// what it has deferred. `disk` is what lies on its disk.
std::vector<std::string> beyond_bounds(const wire::StatusAnswer& status,
                                       const broker::BrokerConfig& config, uint64_t longest_message,
                                       const OnDisk& disk);

/// I23: whether a process leaves files open that it is done with; what it holds too much, if so.
/// One handle for each file of the journal, for the segment that each replica fills, and for each
/// operation that the disk owes it.
std::optional<std::string> too_many_open(const store::FakeDisk& disk, size_t replicas);

/// I23: whether a journal is as long as its store says, but for one file that is being made, grows,
/// or goes.
bool is_as_told(uint64_t told, const store::FakeDisk::Folder& journal,
                const broker::BrokerConfig& config);

}  // namespace strandlog::sim
