// strandlog-sim: runs whole clusters in one thread, seed by seed; not installed.
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/options.h"
#include "tests/sim/simulation.h"

namespace strandlog::sim {
namespace {

constexpr int kOk = 0, kFound = 1, kUsage = 2;

const char* kHelp =
    "usage: strandlog-sim run --seeds FIRST..LAST   every seed; a line for each broken promise\n"
    "       strandlog-sim replay SEED               one seed, with what was done to it and the "
    "logs\n";

OptionTable options() { return {{.name = "seeds", .fallback = "1..20", .help = "FIRST..LAST"}}; }

std::optional<uint64_t> number(const std::string& text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  uint64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

void print(uint64_t seed, const Outcome& outcome) {
  for (const std::string& violation : outcome.violations) {
    std::printf("seed %" PRIu64 ": %s\n", seed, violation.c_str());
  }
}

struct Totals {
  uint64_t seeds = 0, bad = 0, acked = 0, failed = 0, faults = 0;
  uint64_t promises_checked = 0, replicas_compared = 0;
  int64_t virtual_ms = 0;
  std::map<Fault, uint64_t> by_kind;
};

void add(Totals& totals, const Outcome& outcome) {
  ++totals.seeds;
  totals.bad += outcome.violations.empty() ? 0 : 1;
  totals.acked += outcome.acked;
  totals.failed += outcome.failed;
  totals.promises_checked += outcome.promises_checked;
  totals.replicas_compared += outcome.replicas_compared;
  totals.virtual_ms += outcome.virtual_ms;
  for (const auto& [fault, count] : outcome.faults) {
    totals.by_kind[fault] += count;
    totals.faults += count;
  }
}

int run(uint64_t first, uint64_t last) {
  set_log_level(LogLevel::kError);
  auto began = std::chrono::steady_clock::now();
  Totals totals;
  for (uint64_t seed = first; seed <= last; ++seed) {
    Outcome outcome = Simulation(seed).run();
    add(totals, outcome);
    print(seed, outcome);
    std::fflush(stdout);
  }
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf("%" PRIu64 " seeds, %" PRIu64 " broke a promise; %" PRIu64
              " records acknowledged, %" PRIu64 " failed, %" PRIu64 " faults\n",
              totals.seeds, totals.bad, totals.acked, totals.failed, totals.faults);
  std::printf("%" PRIu64 " acknowledgements looked up on the disks, %" PRIu64
              " replicas compared\n",
              totals.promises_checked, totals.replicas_compared);
  for (Fault fault : all_faults()) {
    std::printf("  %-12s %" PRIu64 "\n", name_of(fault), totals.by_kind[fault]);
  }
  std::printf("%.0f seeds a minute, %.0f virtual seconds a second\n",
              static_cast<double>(totals.seeds) * 60 / seconds,
              static_cast<double>(totals.virtual_ms) / 1000 / seconds);
  return totals.bad == 0 ? kOk : kFound;
}

int replay(uint64_t seed) {
  set_log_level(LogLevel::kInfo);
  Simulation simulation(seed);
  simulation.set_trace(true);
  Outcome outcome = simulation.run();
  print(seed, outcome);
  std::printf("seed %" PRIu64 ": %" PRIu64 " sent, %" PRIu64 " acknowledged, %" PRIu64
              " failed, %.1f virtual seconds, fingerprint %016" PRIx64 "\n",
              seed, outcome.sent, outcome.acked, outcome.failed,
              static_cast<double>(outcome.virtual_ms) / 1000, outcome.fingerprint);
  return outcome.violations.empty() ? kOk : kFound;
}

int wrong_usage(const std::string& why) {
  std::fprintf(stderr, "strandlog-sim: %s\n%s", why.c_str(), kHelp);
  return kUsage;
}

int main_with(const std::vector<std::string>& arguments) {
  auto values = parse_options(options(), {.arguments = arguments});
  if (!values.ok()) return wrong_usage(values.error().text);
  const std::vector<std::string>& words = values->positionals();
  if (words.size() == 2 && words[0] == "replay") {
    if (auto seed = number(words[1])) return replay(*seed);
    return wrong_usage("a seed is a number, not \"" + words[1] + "\"");
  }
  if (words.size() != 1 || words[0] != "run") return wrong_usage("say run or replay");
  const std::string& seeds = values->text("seeds");
  size_t dots = seeds.find("..");
  auto first = number(seeds.substr(0, dots));
  auto last = dots == std::string::npos ? first : number(seeds.substr(dots + 2));
  if (first && last && *first <= *last) return run(*first, *last);
  return wrong_usage("--seeds takes FIRST..LAST, not \"" + seeds + "\"");
}

}  // namespace
}  // namespace strandlog::sim

int main(int argc, char** argv) { return strandlog::sim::main_with({argv + 1, argv + argc}); }
