// Worker processes, and what they tell: lines of JSON through a pipe each.
#include "tools/sim/runs.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/mark.h"
#include "tests/sim/aborts.h"
#include "tests/sim/simulation.h"
#include "tests/sim/workload.h"
#include "tools/sim/cpu_limit.h"
#include "tools/sim/marks.h"

namespace strandlog::sim {
namespace {

using Json = nlohmann::ordered_json;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr uint64_t kSeedsPerRepetition = 100;
constexpr std::chrono::minutes kLongestSeed{5};  // of computing; a hundred times what it takes

void say(int fd, const Json& line) {
  std::string text = line.dump() + "\n";
  for (size_t done = 0; done < text.size();) {
    ssize_t wrote = write(fd, text.data() + done, text.size() - done);
    if (wrote <= 0) _exit(1);  // nobody listens any more
    done += static_cast<size_t>(wrote);
  }
}

Json told(uint64_t seed, const Outcome& outcome) {
  Json faults = Json::object();
  for (const auto& [fault, count] : outcome.faults) faults[name_of(fault)] = count;
  return {{"seed", seed},
          {"violations", outcome.violations},
          {"sent", outcome.sent},
          {"acked", outcome.acked},
          {"failed", outcome.failed},
          {"promises_checked", outcome.promises_checked},
          {"votes_checked", outcome.votes_checked},
          {"replicas_compared", outcome.replicas_compared},
          {"entries_compared", outcome.entries_compared},
          {"deletions_checked", outcome.deletions_checked},
          {"followers_cut_off", outcome.followers_cut_off},
          {"undisturbed", outcome.undisturbed},
          {"full_disks_not_started_on", outcome.full_disks_not_started_on},
          {"catalogs_compared", outcome.catalogs_compared},
          {"resources_checked", outcome.resources_checked},
          {"admissions_checked", outcome.admissions_checked},
          {"marks_checked", outcome.marks_checked},
          {"ends_seen", outcome.ends_seen},
          {"records_read", outcome.records_read},
          {"operations", outcome.operations},
          {"virtual_ms", outcome.virtual_ms},
          {"faults", faults},
          {"effects", outcome.effects}};
}

// What each must have looked at in a run of so many seeds; none of them needs luck for that.
constexpr uint64_t kSeedsForAllLooks = 20;
constexpr uint64_t kSeedsForAllFaults = 100;
constexpr std::array kLooks = {"promises_checked",  "votes_checked",     "replicas_compared",
                               "entries_compared",  "deletions_checked", "followers_cut_off",
                               "catalogs_compared", "resources_checked", "admissions_checked",
                               "marks_checked",     "ends_seen",         "records_read"};
// One seed in ten draws no faults: a hundred without such a one are one chance in 40 000.
constexpr uint64_t kSeedsForRareLooks = 100;
constexpr const char* kRareLook = "undisturbed";
// Few acknowledgements are enough: brokers may be struck each second.
constexpr uint64_t kFewestAcked = 100, kFewestStrikes = 5;

// A cluster that did nothing broke nothing.
std::optional<std::string> did_too_little(const Plan& plan, const Outcome& outcome) {
  bool is_struck = plan.drawn.empty() || plan.strikes.size() >= kFewestStrikes;
  bool is_used = outcome.acked >= kFewestAcked && outcome.operations >= kFewestOperations;
  if (is_struck && is_used) return std::nullopt;
  return "TOO LITTLE: " + std::to_string(outcome.operations) + " operations, " +
         std::to_string(outcome.acked) + " records acknowledged, " +
         std::to_string(plan.strikes.size()) + " strikes";
}

Json hits_since_start() {
  Json hits = Json::object();
  for (const Mark* mark : Mark::all()) hits[mark->name] = mark->hits;
  for (Mark* mark : Mark::all()) mark->hits = 0;
  return hits;
}

// Runs a seed once more, in a process with other addresses and other bytes in fresh memory; a
// simulation that differs then depends on something else than its seed.
std::optional<std::string> differs_again(uint64_t seed, const Cuts& cuts, uint64_t fingerprint) {
  // By the process, whose file may have been replaced meanwhile.
  std::string self = "/proc/" + std::to_string(getpid()) + "/exe";
  std::string command = "GLIBC_TUNABLES=glibc.malloc.perturb=165 '" + self + "' fingerprint " +
                        std::to_string(seed) + " " + to_text(cuts) + " 2>/dev/null";
  std::FILE* pipe = popen(command.c_str(), "r");
  CHECK(pipe != nullptr);
  uint64_t again = 0;
  bool said = std::fscanf(pipe, "%" SCNx64, &again) == 1;
  pclose(pipe);
  if (said && again == fingerprint) return std::nullopt;
  return "DETERMINISM: once more, with other memory, it went another way";
}

std::string contents(int file) {
  off_t bytes = lseek(file, 0, SEEK_END);
  std::string out(static_cast<size_t>(std::max<off_t>(bytes, 0)), ' ');
  ssize_t got = pread(file, out.data(), out.size(), 0);
  out.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return out;
}

// Of one that did not say that it is done.
std::string why_ended(int status, const std::string& said) {
  const std::string how = "its process ended: ";
  if (!WIFSIGNALED(status)) return how + "exit " + std::to_string(WEXITSTATUS(status));
  switch (int signal = WTERMSIG(status)) {
    case SIGABRT:
      return why_aborted(said);
    case SIGXCPU:
      return how + "it computed for more than " +
             std::to_string(std::chrono::seconds(kLongestSeed).count()) + " s";
    default:
      return how + "signal " + std::to_string(signal);
  }
}

class Runs {
 public:
  explicit Runs(const RunOptions& options)
      : options_(options), began_(std::chrono::steady_clock::now()), next_(options.first) {}

  std::optional<Finding> find_one() {
    quiet_ = true;
    for (unsigned k = 0; k < options_.jobs; ++k) begin(options_.first + k);
    while (!workers_.empty()) {
      listen();
      end_what_is_above_the_finding();
    }
    return finding_;
  }

  bool run() {
    for (unsigned k = 0; k < options_.jobs; ++k) begin(options_.first + k);
    while (!workers_.empty()) listen();
    report();
    bool all_looked = report_idle() == 0;
    return report_wrong_marks() == 0 && all_looked && bad_ == 0;
  }

 private:
  struct Worker {
    pid_t pid = 0;
    uint64_t seed = 0;  ///< under way
    bool ended = false;
    int words = -1;  ///< what it says on stderr, of this seed alone
    std::string unread;
  };

  bool is_late() const {
    auto passed = std::chrono::steady_clock::now() - began_;
    return options_.minutes > 0 && passed >= std::chrono::minutes(options_.minutes);
  }

  void begin(uint64_t seed) {
    if (seed > options_.last) return;
    int ends[2];
    CHECK(pipe(ends) == 0);
    int words = memfd_create("stderr", 0);
    CHECK(words >= 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
      close(ends[0]);
      if (dup2(words, STDERR_FILENO) < 0) _exit(1);
#ifdef STRANDLOG_MUTANTS
      active_mutant = options_.mutant;
#endif
      for (; seed <= options_.last && !is_late(); seed += options_.jobs) {
        // Failing disks fill the log; replay shows it.
        if (ftruncate(words, 0) != 0 || lseek(words, 0, SEEK_SET) != 0) _exit(1);
        limit_cpu(kLongestSeed);
        say(ends[1], {{"begin", seed}});
        const Plan plan = cut_down(draw_plan(seed), options_.cuts);
        Outcome outcome = simulate(plan, {.judges_all = options_.mutant != Mutant::kNone});
        if (seed % kSeedsPerRepetition == 0 && options_.mutant == Mutant::kNone) {
          auto differs = differs_again(seed, options_.cuts, outcome.fingerprint);
          if (differs) outcome.violations.push_back(*differs);
        }
        auto too_little = did_too_little(plan, outcome);
        bool is_whole = to_text(options_.cuts).empty() && outcome.violations.empty();
        if (too_little && is_whole) outcome.violations.push_back(*too_little);
        Json line = told(seed, outcome);
        line["marks"] = hits_since_start();
        say(ends[1], line);
      }
      say(ends[1], {{"end", true}});
      _exit(0);
    }
    close(ends[1]);
    workers_[ends[0]] = {pid, seed, false, words, {}};
  }

  // What is below may still break one, and is lower.
  void end_what_is_above_the_finding() {
    for (auto it = workers_.begin(); finding_ && it != workers_.end();) {
      const Worker& worker = it->second;
      if (worker.seed < finding_->seed) {
        ++it;
        continue;
      }
      kill(worker.pid, SIGKILL);
      waitpid(worker.pid, nullptr, 0);
      close(it->first);
      close(worker.words);
      it = workers_.erase(it);
    }
  }

  void listen() {
    std::vector<pollfd> polled;
    for (const auto& [fd, worker] : workers_) polled.push_back({fd, POLLIN, 0});
    if (poll(polled.data(), polled.size(), -1) < 0) return;
    for (const pollfd& one : polled) {
      if (one.revents != 0) read_from(one.fd);
    }
  }

  void read_from(int fd) {
    char buffer[65536];
    ssize_t got = read(fd, buffer, sizeof buffer);
    Worker& worker = workers_.at(fd);
    if (got <= 0) return bury(fd);
    worker.unread.append(buffer, static_cast<size_t>(got));
    for (size_t end; (end = worker.unread.find('\n')) != std::string::npos;) {
      hear(worker, Json::parse(worker.unread.substr(0, end)));
      worker.unread.erase(0, end + 1);
    }
  }

  void hear(Worker& worker, const Json& line) {
    if (line.contains("begin")) {
      worker.seed = line["begin"];
    } else if (line.contains("end")) {
      worker.ended = true;
    } else {
      count(line);
    }
  }

  void bury(int fd) {
    Worker worker = workers_.at(fd);
    workers_.erase(fd);
    close(fd);
    int status = 0;
    waitpid(worker.pid, &status, 0);
    std::string said = contents(worker.words);
    close(worker.words);
    if (worker.ended) return;
    count({{"seed", worker.seed}, {"violations", {why_ended(status, said)}}});
    begin(worker.seed + options_.jobs);
  }

  // With several jobs the seeds that ran are no range; what can be left out next time is one.
  void count_seed(uint64_t seed) {
    ++seeds_;
    ahead_.insert(seed);
    while (ahead_.erase(next_) > 0) ++next_;
  }

  void count(const Json& line) {
    count_seed(line["seed"]);
    const Json& violations = line["violations"];
    bad_ += violations.empty() ? 0 : 1;
    if (quiet_) {
      uint64_t seed = line["seed"];
      bool is_lowest = !violations.empty() && (!finding_ || seed < finding_->seed);
      if (is_lowest) finding_ = {seed, violations.get<std::vector<std::string>>()};
      return;
    }
    for (const auto& [name, value] : line.items()) {
      if (name != "seed" && value.is_number_unsigned()) totals_[name] += value.get<uint64_t>();
    }
    virtual_ms_ += line.value("virtual_ms", int64_t{0});
    const Json marks = line.value("marks", Json::object());
    for (const auto& [name, hits] : marks.items()) marks_[name] += hits.get<uint64_t>();
    const Json faults = line.value("faults", Json::object());
    for (const auto& [name, value] : faults.items()) {
      faults_[name] += value.get<uint64_t>();
    }
    const Json effects = line.value("effects", Json::object());
    for (const auto& [name, value] : effects.items()) effects_[name] += value.get<uint64_t>();
    if (options_.json) {
      std::printf("%s\n", line.dump().c_str());
    } else {
      for (const auto& violation : violations) {
        std::printf("seed %" PRIu64 ": %s\n", line["seed"].get<uint64_t>(),
                    violation.get<std::string>().c_str());
      }
    }
    std::fflush(stdout);
  }

  void report_what_is_left() const {
    if (next_ > options_.last) return;
    if (next_ == options_.first) return (void)std::printf("seed %" PRIu64 " did not run\n", next_);
    std::printf("all up to %" PRIu64 " ran; go on with --from %" PRIu64 "\n", next_ - 1, next_);
  }

  // On stderr: not a line of the run.
  size_t report_idle() const {
    if (seeds_ < kSeedsForAllLooks || !to_text(options_.cuts).empty()) return 0;
    std::vector<const char*> looks(kLooks.begin(), kLooks.end());
    if (seeds_ >= kSeedsForRareLooks) looks.push_back(kRareLook);
    size_t idle = 0;
    for (const char* look : looks) {
      auto total = totals_.find(look);
      if (total != totals_.end() && total->second > 0) continue;
      std::fprintf(stderr, "%s is 0 over %" PRIu64 " seeds: a checker does not look any more\n",
                   look, seeds_);
      ++idle;
    }
    if (seeds_ < kSeedsForAllFaults) return idle;
    for (const std::string& nothing : without_effect(faults_, effects_)) {
      std::fprintf(stderr, "%s over %" PRIu64 " seeds\n", nothing.c_str(), seeds_);
      ++idle;
    }
    return idle;
  }

  size_t report_wrong_marks() const {
    if (!options_.judges_marks) return 0;
    std::vector<std::string> wrong = wrong_marks(marks_);
    for (const std::string& line : wrong) std::fprintf(stderr, "%s\n", line.c_str());
    return wrong.size();
  }

  void report() {
    std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began_;
    double seeds_per_minute = static_cast<double>(seeds_) * 60 / passed.count();
    double speed = static_cast<double>(virtual_ms_) / 1000 / passed.count() / options_.jobs;
    if (options_.json) {
      Json all = {{"seeds", seeds_}, {"broken", bad_}, {"seeds_per_minute", seeds_per_minute}};
      all["virtual_seconds_per_second_and_job"] = speed;
      all["next_seed"] = next_;
      for (const auto& [name, value] : totals_) all[name] = value;
      all["faults"] = faults_;
      all["effects"] = effects_;
      all["marks"] = marks_;
      std::printf("%s\n", all.dump().c_str());
      return;
    }
    std::printf("%" PRIu64 " seeds, %" PRIu64 " broke a promise; %" PRIu64
                " records acknowledged, %" PRIu64 " failed\n",
                seeds_, bad_, totals_["acked"], totals_["failed"]);
    std::printf("%" PRIu64 " acknowledgements and %" PRIu64
                " votes looked up on the disks, %" PRIu64 " replicas compared, %" PRIu64
                " ends asked for, %" PRIu64 " operations\n",
                totals_["promises_checked"], totals_["votes_checked"], totals_["replicas_compared"],
                totals_["ends_seen"], totals_["operations"]);
    std::printf("%" PRIu64 " catalogs compared, %" PRIu64 " ends told to clients, %" PRIu64
                " times looked who is admitted, %" PRIu64 " times what is used\n",
                totals_["catalogs_compared"], totals_["marks_checked"],
                totals_["admissions_checked"], totals_["resources_checked"]);
    std::printf("%" PRIu64 " records read, %" PRIu64 " starts on full disks excused\n",
                totals_["records_read"], totals_["full_disks_not_started_on"]);
    for (Fault fault : all_faults()) {
      auto found = faults_.find(name_of(fault));
      if (found == faults_.end()) {
        std::printf("  %-12s not drawn\n", name_of(fault));
      } else {
        std::printf("  %-12s %" PRIu64 "\n", name_of(fault), found->second);
      }
    }
    std::printf("what they did:");
    for (const auto& [name, count] : effects_) {
      std::printf(" %s=%" PRIu64, name.c_str(), count);
    }
    std::printf("\n");
    print_marks(marks_);
    report_what_is_left();
    std::printf("%.0f seeds a minute, %.0f virtual seconds a second and job\n", seeds_per_minute,
                speed);
  }

  RunOptions options_;
  SteadyTime began_;
  bool quiet_ = false;
  std::optional<Finding> finding_;
  std::map<int, Worker> workers_;  ///< by the end of the pipe that is read
  uint64_t seeds_ = 0, bad_ = 0;
  uint64_t next_;             ///< the first seed that did not run
  std::set<uint64_t> ahead_;  ///< above next_, and ran
  int64_t virtual_ms_ = 0;
  std::map<std::string, uint64_t> totals_, faults_;
  MarkHits marks_;
  EffectCounts effects_;
};

}  // namespace

std::optional<Finding> find_one(const RunOptions& options) { return Runs(options).find_one(); }

bool run_seeds(const RunOptions& options) { return Runs(options).run(); }

}  // namespace strandlog::sim
