// Check: the simulator's judgement of what clients of real brokers wrote down.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace strandlog::sim {

/// Prints the violations, then one line of figures; with `json` both as one object. False when a
/// promise is broken or there is nothing to judge; kIo and kCorruption when a file cannot be read.
Result<bool> check_files(const std::vector<std::string>& paths, bool json);

}  // namespace strandlog::sim
