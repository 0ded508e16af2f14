// Describe: messages and decisions of the core as short lines, for traces and expectations.
#pragma once

#include <string>
#include <vector>

#include "raft/group.h"

namespace strandlog::raft {

std::string describe(const Membership& membership);
std::string describe(const Message& message);
/// One line per decision, in the order of the fields. The commit index is left out.
std::vector<std::string> describe(const Output& output);

}  // namespace strandlog::raft
