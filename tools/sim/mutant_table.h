// The table of mutants: which checker finds each, at which seed.
#pragma once

#include <string>

#include "tools/sim/runs.h"

namespace strandlog::sim {

/// Runs each mutant, or the one of number `only`, over the seeds of `options` until the checker
/// that must find it does, at a seed where the code without it keeps its promises. Prints a line
/// for each; false when one is not killed so. Only in a build with mutants.
bool run_mutants(const RunOptions& options, const std::string& only);

}  // namespace strandlog::sim
