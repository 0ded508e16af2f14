// Founding: the two phases of making a cluster, from the outside.
#pragma once

#include <string>
#include <vector>

#include "client/admin_core.h"
#include "client/port.h"

namespace strandlog::client {

/// See Admin::found(). Safe to repeat after any interruption.
Result<ClusterDescription> found_cluster(Port& port, AdminCore::Timeouts timeouts,
                                         const std::vector<std::string>& addresses);

}  // namespace strandlog::client
