// Killing mutants.
#include "tools/sim/mutant_table.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "tests/sim/mutants.h"

namespace strandlog::sim {
namespace {

bool is_found_as_it_must(const MutantRow& row, const Finding& finding) {
  return std::any_of(row.found_by.begin(), row.found_by.end(),
                     [&](const std::string& by) { return finding.violation.starts_with(by); });
}

bool breaks_without_mutant(RunOptions options, uint64_t seed) {
  options.mutant = Mutant::kNone;
  options.first = options.last = seed;
  return find_one(options).has_value();
}

bool kill(const MutantRow& row, RunOptions options) {
  options.mutant = row.mutant;
  std::string others;
  for (;;) {
    std::optional<Finding> found = find_one(options);
    if (!found) break;
    bool expected = is_found_as_it_must(row, *found);
    if (expected && !breaks_without_mutant(options, found->seed)) {
      std::printf("%-4s %-48s killed at seed %" PRIu64 ": %s%s\n", row.number, row.what,
                  found->seed, found->violation.c_str(), others.c_str());
      return true;
    }
    if (others.empty()) {
      others = " (seed " + std::to_string(found->seed) + ": " + found->violation + ")";
    }
    options.first = found->seed + 1;
    if (options.first > options.last) break;
  }
  std::printf("%-4s %-48s SURVIVED%s\n", row.number, row.what, others.c_str());
  return false;
}

}  // namespace

bool run_mutants(const RunOptions& options, const std::string& only) {
  bool all = true;
  for (const MutantRow& row : all_mutants()) {
    if (!only.empty() && only != row.number) continue;
    if (row.found_by.empty()) {
      std::printf("%-4s %-48s by a test: %s\n", row.number, row.what, row.test);
      continue;
    }
    all &= kill(row, options);
    std::fflush(stdout);
  }
  return all;
}

}  // namespace strandlog::sim
