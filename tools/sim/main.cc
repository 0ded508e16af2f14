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
#include "tests/sim/mutants.h"
#include "tests/sim/simulation.h"
#include "tools/sim/check.h"
#include "tools/sim/mutant_table.h"
#include "tools/sim/runs.h"
#include "tools/sim/shrink.h"

namespace strandlog::sim {
namespace {

constexpr int kOk = 0, kFound = 1, kUsage = 2;
constexpr size_t kHelpWidth = 100;

const char* kHelp =
    "usage: strandlog-sim run [options]   many seeds; a line for each broken promise\n"
    "       strandlog-sim replay SEED     one seed, with what was done to it and the logs\n"
    "       strandlog-sim shrink SEED     what can be left out of one that breaks a promise\n"
    "       strandlog-sim mutants         seeds until each mutant is found (see make mutants)\n"
    "       strandlog-sim check FILE...   what clients of real brokers wrote down (see "
    "tools/chaos)\n\n";

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
      {.name = "only", .help = "the number of one mutant, for mutants and replay"},
      {.name = "json",
       .type = OptionType::kBool,
       .fallback = "false",
       .help = "a line of JSON for each seed and one for all; one for what is checked"},
      {.name = "marks",
       .type = OptionType::kBool,
       .fallback = "false",
       .help = "run fails when a mark is not reached by any seed and not excused"},
      {.name = "help", .type = OptionType::kBool, .fallback = "false", .help = "this text"},
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

int replay(const Plan& plan) {
  set_log_level(LogLevel::kInfo);
  Outcome outcome = simulate(plan, {.trace = true});
  for (const std::string& violation : outcome.violations) {
    std::printf("seed %" PRIu64 ": %s\n", plan.seed, violation.c_str());
  }
  std::printf("seed %" PRIu64 ": %" PRIu64 " sent, %" PRIu64 " acknowledged, %" PRIu64
              " failed, %.1f virtual seconds, fingerprint %016" PRIx64 "\n",
              plan.seed, outcome.sent, outcome.acked, outcome.failed,
              static_cast<double>(outcome.virtual_ms) / 1000, outcome.fingerprint);
  return outcome.violations.empty() ? kOk : kFound;
}

void print_help(std::FILE* into) {
  std::fprintf(into, "%s%s", kHelp, option_help(options(), kHelpWidth).c_str());
}

int wrong_usage(const std::string& why) {
  std::fprintf(stderr, "strandlog-sim: %s\n", why.c_str());
  print_help(stderr);
  return kUsage;
}

int mutants(const RunOptions& options, const std::string& only) {
#ifndef STRANDLOG_MUTANTS
  return wrong_usage("this build has no mutants: make mutants");
#endif
  set_log_level(LogLevel::kError);
  return run_mutants(options, only) ? kOk : kFound;
}

const MutantRow* find_mutant(const std::string& number) {
  const auto& all = all_mutants();
  auto found = std::find_if(all.begin(), all.end(),
                            [&](const MutantRow& row) { return number == row.number; });
  return found == all.end() ? nullptr : &*found;
}

// Empty when the mutant of this number can be switched on for `verb`.
std::string why_not_only(const std::string& verb, const std::string& number) {
  if (verb != "replay" && verb != "mutants") return "--only is for mutants and replay";
#ifndef STRANDLOG_MUTANTS
  return "this build has no mutants: make mutants";
#endif
  const MutantRow* row = find_mutant(number);
  if (!row) return "no mutant has the number \"" + number + "\"";
  if (verb == "replay" || !row->found_by.empty()) return {};
  return "no seed finds mutant " + number + ", but a test: " + row->test;
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
  out.judges_marks = values.flag("marks");
  return out;
}

// For run, which compares it with its own.
int fingerprint(const Plan& plan) {
  set_log_level(LogLevel::kError);
  std::printf("%016" PRIx64 "\n", simulate(plan).fingerprint);
  return kOk;
}

int of_one_seed(const std::vector<std::string>& words, [[maybe_unused]] const std::string& only) {
  auto seed = number(words[1]);
  if (!seed) return wrong_usage("a seed is a number, not \"" + words[1] + "\"");
  if (words[0] == "shrink") {
    set_log_level(LogLevel::kError);
    if (words.size() > 2) return wrong_usage("shrink takes one seed");
    if (shrink(*seed)) return kFound;
    std::printf("seed %s breaks no promise\n", words[1].c_str());
    return kOk;
  }
  Plan plan = draw_plan(*seed);
  auto cuts = parse_cuts({words.begin() + 2, words.end()}, plan);
  if (!cuts.ok()) return wrong_usage(cuts.error().text);
  plan = cut_down(std::move(plan), *cuts);
  if (words[0] == "fingerprint") return fingerprint(plan);
#ifdef STRANDLOG_MUTANTS
  if (!only.empty()) active_mutant = find_mutant(only)->mutant;
#endif
  return replay(plan);
}

int main_with(const std::vector<std::string>& arguments) {
  auto values = parse_options(options(), {.arguments = arguments});
  if (!values.ok()) return wrong_usage(values.error().text);
  const std::vector<std::string>& words = values->positionals();
  std::string verb = words.empty() ? "" : words[0];
  if (values->flag("help")) return print_help(stdout), kOk;
  std::string only = values->has("only") ? values->text("only") : "";
  if (values->has("only")) {
    if (auto why = why_not_only(verb, only); !why.empty()) return wrong_usage(why);
  }
  if (words.size() >= 2 && (verb == "replay" || verb == "shrink" || verb == "fingerprint")) {
    return of_one_seed(words, only);
  }
  if (words.size() >= 2 && verb == "check") {
    auto held = check_files({words.begin() + 1, words.end()}, values->flag("json"));
    if (!held.ok()) return wrong_usage(held.error().text);
    return *held ? kOk : kFound;
  }
  if (words.size() != 1 || (verb != "run" && verb != "mutants")) {
    return wrong_usage("say run, replay SEED, shrink SEED, mutants or check FILE...");
  }
  auto run = run_options(*values);
  if (!run.ok()) return wrong_usage(run.error().text);
#ifndef STRANDLOG_MUTANTS
  if (run->judges_marks) return wrong_usage("this build has no marks: make marks");
#endif
  if (verb == "mutants") return mutants(*run, only);
  set_log_level(LogLevel::kError);
  return run_seeds(*run) ? kOk : kFound;
}

}  // namespace
}  // namespace strandlog::sim

int main(int argc, char** argv) { return strandlog::sim::main_with({argv + 1, argv + argc}); }
