// Killing mutants.
#include "tools/sim/mutant_table.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "tests/sim/mutants.h"

namespace strandlog::sim {
namespace {

// The violation by which it is found as it must be.
std::optional<std::string> expected_in(const MutantRow& row, const Finding& finding) {
  for (const std::string& by : row.found_by) {
    for (const std::string& violation : finding.violations) {
      if (violation.starts_with(by)) return violation;
    }
  }
  return std::nullopt;
}

bool breaks_without_mutant(RunOptions options, uint64_t seed) {
  options.mutant = Mutant::kNone;
  options.first = options.last = seed;
  return find_one(options).has_value();
}

// The seed that finds it.
std::optional<uint64_t> kill(const MutantRow& row, RunOptions options) {
  options.mutant = row.mutant;
  std::string others;
  for (;;) {
    std::optional<Finding> found = find_one(options);
    if (!found) break;
    auto expected = expected_in(row, *found);
    if (expected && !breaks_without_mutant(options, found->seed)) {
      std::printf("%-4s %-48s killed at seed %" PRIu64 ": %s%s\n", row.number, row.what,
                  found->seed, expected->c_str(), others.c_str());
      return found->seed;
    }
    if (others.empty()) {
      others = " (seed " + std::to_string(found->seed) + ": " + found->violations.front() + ")";
    }
    options.first = found->seed + 1;
    if (options.first > options.last) break;
  }
  std::printf("%-4s %-48s SURVIVED%s\n", row.number, row.what, others.c_str());
  return std::nullopt;
}

}  // namespace

bool run_mutants(const RunOptions& options, const std::string& only) {
  bool all = true;
  std::vector<uint64_t> seeds;
  for (const MutantRow& row : all_mutants()) {
    if (!only.empty() && only != row.number) continue;
    if (row.found_by.empty()) {
      std::printf("%-4s %-48s by a test: %s\n", row.number, row.what, row.test);
      continue;
    }
    auto seed = kill(row, options);
    all &= seed.has_value();
    if (seed) seeds.push_back(*seed);
    std::fflush(stdout);
  }
  std::sort(seeds.begin(), seeds.end());
  if (!seeds.empty()) std::printf("median of the seeds: %" PRIu64 "\n", seeds[seeds.size() / 2]);
  return all;
}

}  // namespace strandlog::sim
