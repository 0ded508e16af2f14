// strandlog-sim: runs whole clusters in one thread, seed by seed; not installed.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/option_print.h"
#include "base/options.h"
#include "tests/sim/simulation.h"
#include "tools/sim/runs.h"

namespace strandlog::sim {
namespace {

constexpr int kOk = 0, kFound = 1, kUsage = 2;
constexpr size_t kHelpWidth = 100;

const char* kHelp =
    "usage: strandlog-sim run [options]   many seeds; a line for each broken promise\n"
    "       strandlog-sim replay SEED     one seed, with what was done to it and the logs\n\n";

OptionTable options() {
  return {
      {.name = "seeds", .fallback = "1..20", .help = "FIRST..LAST"},
      {.name = "from",
       .type = OptionType::kInteger,
       .fallback = "0",
       .min = 0,
       .help = "leave out the seeds below this one"},
      {.name = "jobs",
       .type = OptionType::kInteger,
       .fallback = "1",
       .min = 1,
       .max = 64,
       .help = "processes"},
      {.name = "minutes",
       .type = OptionType::kInteger,
       .fallback = "0",
       .min = 0,
       .help = "begin no seed later; 0: run all of them"},
      {.name = "json",
       .type = OptionType::kBool,
       .fallback = "false",
       .help = "a line of JSON for each seed and one for all"},
  };
}

std::optional<uint64_t> number(const std::string& text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  uint64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

int replay(uint64_t seed) {
  set_log_level(LogLevel::kInfo);
  Simulation simulation(seed);
  simulation.set_trace(true);
  Outcome outcome = simulation.run();
  for (const std::string& violation : outcome.violations) {
    std::printf("seed %" PRIu64 ": %s\n", seed, violation.c_str());
  }
  std::printf("seed %" PRIu64 ": %" PRIu64 " sent, %" PRIu64 " acknowledged, %" PRIu64
              " failed, %.1f virtual seconds, fingerprint %016" PRIx64 "\n",
              seed, outcome.sent, outcome.acked, outcome.failed,
              static_cast<double>(outcome.virtual_ms) / 1000, outcome.fingerprint);
  return outcome.violations.empty() ? kOk : kFound;
}

int wrong_usage(const std::string& why) {
  std::fprintf(stderr, "strandlog-sim: %s\n%s%s", why.c_str(), kHelp,
               option_help(options(), kHelpWidth).c_str());
  return kUsage;
}

Result<RunOptions> run_options(const OptionValues& values) {
  const std::string& seeds = values.text("seeds");
  size_t dots = seeds.find("..");
  auto first = number(seeds.substr(0, dots));
  auto last = dots == std::string::npos ? first : number(seeds.substr(dots + 2));
  if (!first || !last || *first > *last) {
    return Error{Code::kInvalidArgument, "--seeds takes FIRST..LAST, not \"" + seeds + "\""};
  }
  if (values.integer("from") > static_cast<int64_t>(*last)) {
    return Error{Code::kInvalidArgument, "no seed is left: --from is above " + seeds};
  }
  RunOptions out;
  out.first = std::max(*first, static_cast<uint64_t>(values.integer("from")));
  out.last = *last;
  out.jobs = static_cast<unsigned>(values.integer("jobs"));
  out.minutes = values.integer("minutes");
  out.json = values.flag("json");
  return out;
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
  auto run = run_options(*values);
  if (!run.ok()) return wrong_usage(run.error().text);
  set_log_level(LogLevel::kError);
  return run_seeds(*run) ? kOk : kFound;
}

}  // namespace
}  // namespace strandlog::sim

int main(int argc, char** argv) { return strandlog::sim::main_with({argv + 1, argv + argc}); }
