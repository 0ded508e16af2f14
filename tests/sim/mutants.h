// The list of mutants: what each does, and which checker has to find it.
#pragma once

#include <string>
#include <vector>

#include "base/mutant.h"

namespace strandlog::sim {

struct MutantRow {
  Mutant mutant;
  const char* number;  ///< in the list it comes from
  const char* what;
  /// Beginnings of what finds it; a process that a CHECK ends counts as "CHECK file:line". None:
  /// `test` does.
  std::vector<std::string> found_by;
  const char* test = "";
};
const std::vector<MutantRow>& all_mutants();

}  // namespace strandlog::sim
