// strandlog-load: clients that write down what they ask and are told; for tools/chaos, not
// installed.
#include <csignal>
#include <cstdio>
#include <deque>
#include <future>
#include <nlohmann/json.hpp>

#include "base/option_print.h"
#include "base/options.h"
#include "tests/chaos/producing.h"
#include "tests/chaos/reading.h"

namespace strandlog::chaos {
namespace {

constexpr int kOk = 0, kFailed = 1, kUsage = 2;
constexpr size_t kHelpWidth = 100;
constexpr timespec kReportEvery{0, 200'000'000};

const char* kHelp =
    "usage: strandlog-load run [options]    until SIGTERM; lines of its clients' totals\n"
    "       strandlog-load read [options]   everything there is, as the final log\n\n"
    "Files NAME.history in --dir, for strandlog-sim check.\n\n";

OptionTable options() {
  auto number = [](std::string name, std::string fallback, int64_t max, std::string help) {
    return Option{.name = std::move(name),
                  .type = OptionType::kInteger,
                  .fallback = std::move(fallback),
                  .min = 0,
                  .max = max,
                  .help = std::move(help)};
  };
  return {
      {.name = "servers", .flag = 's', .type = OptionType::kList, .help = "any brokers"},
      {.name = "topic", .flag = 't', .fallback = "chaos", .help = "must exist"},
      {.name = "dir", .fallback = ".", .help = "where the files go"},
      number("partitions", "1", 1000, "of the topic"),
      number("clients", "8", 1000, "that produce"),
      number("followers", "2", 100, "that consume; the first without interruption"),
      number("rate", "1000", 1'000'000, "records a second of each client, at most"),
      number("window", "1000", 1'000'000, "records of each client without an answer, at most"),
      number("padding", "100", 100'000, "bytes of each record's key"),
  };
}

int wrong_usage(const std::string& why) {
  std::fprintf(stderr, "strandlog-load: %s\n%s%s", why.c_str(), kHelp,
               option_help(options(), kHelpWidth).c_str());
  return kUsage;
}

// Every thread has them blocked, so that this one can wait for them.
sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

nlohmann::ordered_json line_of(const Producing& producing) {
  const Totals& totals = producing.totals();
  nlohmann::ordered_json line = {
      {"patient", producing.is_patient()},   {"acked", totals.acked.load()},
      {"failed", totals.failures.load()},    {"refused", totals.refusals.load()},
      {"first_error", totals.first_error()}, {"newest_us", nlohmann::ordered_json::array()}};
  for (const auto& newest : totals.newest_us) line["newest_us"].push_back(newest.load());
  return line;
}

void report(const std::deque<Producing>& producers) {
  auto lines = nlohmann::ordered_json::array();
  for (const Producing& producing : producers) lines.push_back(line_of(producing));
  std::printf("%s\n", lines.dump(-1, ' ', true).c_str());
  std::fflush(stdout);
}

void report_until_stopped(const sigset_t& signals, const std::deque<Producing>& producers) {
  while (sigtimedwait(&signals, nullptr, &kReportEvery) < 0) report(producers);
}

bool told(const Result<void>& result) {
  if (result.ok()) return true;
  std::fprintf(stderr, "strandlog-load: error[%s]: %s\n",
               std::string(code_name(result.error().code)).c_str(), result.error().text.c_str());
  return false;
}

int run(Load& load, uint32_t clients, uint32_t followers) {
  sigset_t signals = stop_signals();
  std::deque<Producing> producers;
  for (uint32_t n = 1; n <= clients; ++n) producers.emplace_back(load, n);
  std::vector<std::future<Result<void>>> readers;
  // Consumers go on until the last record has its outcome.
  Load reading{.servers = load.servers,
               .topic = load.topic,
               .partitions = load.partitions,
               .directory = load.directory};
  for (uint32_t n = 1; n <= followers; ++n) {
    readers.push_back(std::async(std::launch::async, [&, n] { return follow(reading, n, n > 1); }));
  }
  readers.push_back(std::async(std::launch::async, [&] { return ask_ends(reading, 1); }));
  report_until_stopped(signals, producers);
  load.stop = true;
  bool good = true;
  for (Producing& producing : producers) good = told(producing.finish()) && good;
  report(producers);  // of all records, now that each has its outcome
  reading.stop = true;
  for (auto& reader : readers) good = told(reader.get()) && good;
  return good ? kOk : kFailed;
}

int main_with(const std::vector<std::string>& arguments) {
  auto values = parse_options(options(), {.arguments = arguments});
  if (!values.ok()) return wrong_usage(values.error().text);
  const std::vector<std::string>& words = values->positionals();
  if (words.size() != 1 || (words[0] != "run" && words[0] != "read")) {
    return wrong_usage("say run or read");
  }
  if (!values->has("servers")) return wrong_usage("--servers is missing");
  Load load;
  load.servers = values->list("servers");
  load.topic = values->text("topic");
  load.directory = values->text("dir");
  load.partitions = static_cast<int32_t>(values->integer("partitions"));
  load.rate = values->integer("rate");
  load.window = values->integer("window");
  load.padding = static_cast<size_t>(values->integer("padding"));
  if (words[0] == "read") return told(read_everything(load)) ? kOk : kFailed;
  return run(load, static_cast<uint32_t>(values->integer("clients")),
             static_cast<uint32_t>(values->integer("followers")));
}

}  // namespace
}  // namespace strandlog::chaos

int main(int argc, char** argv) { return strandlog::chaos::main_with({argv + 1, argv + argc}); }
