// Runs: many seeds, over several processes, judged and counted together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/mutant.h"
#include "tests/sim/plan.h"

namespace strandlog::sim {

struct RunOptions {
  uint64_t first = 1, last = 1;
  unsigned jobs = 1;
  int64_t minutes = 0;        ///< no seed begins later than this; 0: all of them run
  bool json = false;          ///< a line for each seed and one for all, on standard output
  bool judges_marks = false;  ///< each must be reached or excused, see marks.h
  Mutant mutant = Mutant::kNone;
  Cuts cuts;  ///< left out of each plan
};

struct Finding {
  uint64_t seed = 0;
  std::vector<std::string> violations;  ///< at least one, the first of them first
};
/// Runs seeds, quietly, until one breaks a promise: the lowest that does, with any number of jobs.
/// None: all of them keep theirs. With a mutant each runs to its end and is judged whole.
std::optional<Finding> find_one(const RunOptions& options);

/// False when a seed broke a promise, ended its process or computed for more than five minutes (the
/// seeds behind it go on in a new process), when a checker had nothing to look at, or when marks
/// are judged and one is wrong.
bool run_seeds(const RunOptions& options);

}  // namespace strandlog::sim
