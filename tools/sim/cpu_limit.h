// CPU limit: how long a process may compute, however long others keep it from that.
#pragma once

#include <chrono>

namespace strandlog::sim {

/// This process is ended by SIGXCPU once it has computed for so much longer. A process that it
/// starts inherits the sum as a limit of its own.
void limit_cpu(std::chrono::seconds more);

}  // namespace strandlog::sim
