// Marks of a run: which of them its seeds must reach, and which none can reach yet.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace strandlog::sim {

using MarkHits = std::map<std::string, uint64_t>;  ///< by the name of each mark of the build

/// A line for each mark that was not reached and is neither excused nor known to need luck, and for
/// each excused one that was reached: it needs no excuse any more.
std::vector<std::string> wrong_marks(const MarkHits& hits);

/// Prints how many were reached, and why the others were not; nothing in a build without marks.
void print_marks(const MarkHits& hits);

}  // namespace strandlog::sim
