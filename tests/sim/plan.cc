// Drawing plans, and leaving things out of them.
#include "tests/sim/plan.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace strandlog::sim {
namespace {

constexpr uint64_t kFewestStrikes = 5;
constexpr uint64_t kWholeAppend = 1u << 20;
constexpr int64_t kQuietEndMs = 5'000;  // the last faults have time to act

struct Named {
  Fault fault;
  const char* name;
};
constexpr Named kNames[] = {
    {Fault::kKill, "kill"},
    {Fault::kVoterDies, "voter-dies"},
    {Fault::kPowerLoss, "power-loss"},
    {Fault::kTornWrites, "torn-writes"},
    {Fault::kLostNames, "lost-names"},
    {Fault::kPause, "pause"},
    {Fault::kSleepwalk, "sleepwalk"},
    {Fault::kCleanStop, "clean-stop"},
    {Fault::kCut, "cut"},
    {Fault::kOneWay, "one-way"},
    {Fault::kLeadersFall, "leaders-fall"},
    {Fault::kAdrift, "adrift"},
    {Fault::kReset, "reset"},
    {Fault::kReplay, "replay"},
    {Fault::kLose, "lose"},
    {Fault::kDouble, "double"},
    {Fault::kNarrow, "narrow"},
    {Fault::kLatency, "latency"},
    {Fault::kDiskStall, "disk-stall"},
    {Fault::kDiskError, "disk-error"},
    {Fault::kDiskFull, "disk-full"},
    {Fault::kClock, "clock"},
    {Fault::kWipe, "wipe"},
};

void draw_knobs(Dice& dice, broker::BrokerConfig& config) {
  store::StoreOptions& store = config.store;
  store.journal_file_bytes = dice.pick<uint64_t>({64u << 10, 256u << 10, 4u << 20});
  store.journal_max_bytes = 8 * store.journal_file_bytes;
  store.segment_bytes = dice.pick<uint64_t>({8u << 10, 16u << 10, 256u << 10, 4u << 20});
  store.tail_cache_bytes = dice.pick<uint64_t>({0, 64u << 10, 4u << 20});
  store.round_bytes = dice.pick<uint64_t>({1, 4u << 10, 64u << 10, 1u << 20});
  store.reserve_bytes = 1u << 20;
  config.replication_window_bytes = dice.pick<uint64_t>({1, 64u << 10, 8u << 20});
  config.replication_append_bytes = dice.pick<uint64_t>({1, 4u << 10, kWholeAppend, kWholeAppend});
  // A few entries to a round trip, or to a round of the journal, are slower than any client.
  if (config.replication_window_bytes == 1) config.replication_append_bytes = kWholeAppend;
  if (config.replication_append_bytes < kWholeAppend) {
    store.round_bytes = std::max<uint64_t>(store.round_bytes, 64u << 10);
  }
  config.uncommitted_bytes_group = dice.pick<uint64_t>({256u << 10, 32u << 20});
  config.max_pending_fetches = dice.pick<size_t>({2, 60, 20'000});
  config.max_deferred_bytes = dice.pick<size_t>({256u << 10, 128u << 20});
}

// From dice of its own, so that plans which draw none stay what they were.
void draw_late_knobs(uint64_t seed, broker::BrokerConfig& config) {
  Dice dice(seed * 0x9e3779b97f4a7c15u + 2);
  if (Dice others(dice.next()); others.percent(30)) {
    config.replace_after_ms = others.pick<int64_t>({2'000, 10'000});
  }
  if (!dice.percent(30)) return;
  if (dice.percent(50)) {
    config.retention_bytes = dice.pick<int64_t>({16 << 10, 256 << 10});
  } else {
    config.retention_ms = dice.pick<int64_t>({2'000, 20'000});
  }
  config.retention_check_ms = dice.pick<int64_t>({100, 1'000});
}

// One by one, each read from the disk.
bool come_slowly(const broker::BrokerConfig& config) {
  return config.replication_append_bytes < kWholeAppend && config.store.tail_cache_bytes < 4u << 20;
}

void draw_strikes(Dice& dice, Plan& plan) {
  if (plan.drawn.empty()) return;
  int64_t mean_ms = dice.pick<int64_t>({1'000, 3'000, 8'000});
  // Groups that wait for a copy have none to spare: struck each second they would never lead.
  bool wipes = std::count(plan.drawn.begin(), plan.drawn.end(), Fault::kWipe) > 0;
  if (wipes) mean_ms = std::max<int64_t>(mean_ms, 3'000);
  int64_t last = plan.busy_ms - kQuietEndMs;
  for (int64_t at = 0;;) {
    at += dice.between(mean_ms / 5, mean_ms * 9 / 5);
    if (at > last) break;
    plan.strikes.push_back({at, dice.pick(plan.drawn), dice.next()});
  }
  while (plan.strikes.size() < kFewestStrikes) {
    plan.strikes.push_back({dice.between(0, last), dice.pick(plan.drawn), dice.next()});
  }
  auto by_time = [](const Strike& a, const Strike& b) { return a.at_ms < b.at_ms; };
  std::stable_sort(plan.strikes.begin(), plan.strikes.end(), by_time);
}

template <class Number>
bool read_number(std::string_view text, Number& into) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

bool read_places(std::string_view text, std::vector<size_t>& into) {
  while (!text.empty()) {
    size_t comma = std::min(text.find(','), text.size());
    if (!read_number(text.substr(0, comma), into.emplace_back())) return false;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return true;
}

bool read_cut(const std::string& name, std::string_view value, const Plan& plan, Cuts& cuts) {
  if (name == "clients") return read_number(value, cuts.clients.emplace()) && *cuts.clients > 0;
  if (name == "busy") {
    return read_number(value, cuts.busy_ms.emplace()) && *cuts.busy_ms >= kShortestBusyMs;
  }
  if (name == "strikes") {
    auto is_planned = [&](size_t place) { return place < plan.strikes.size(); };
    return read_places(value, cuts.strikes.emplace()) &&
           std::all_of(cuts.strikes->begin(), cuts.strikes->end(), is_planned);
  }
  if (name == "topics" && value == "stay") return cuts.topics_come_and_go = false, true;
  return false;
}

}  // namespace

const char* name_of(Fault fault) {
  for (const Named& one : kNames) {
    if (one.fault == fault) return one.name;
  }
  return "?";
}

const std::vector<Fault>& all_faults() {
  static const std::vector<Fault> all = [] {
    std::vector<Fault> out;
    for (const Named& one : kNames) out.push_back(one.fault);
    return out;
  }();
  return all;
}

Plan draw_plan(uint64_t seed) {
  Dice dice(seed * 0x9e3779b97f4a7c15u + 1);
  Plan plan;
  plan.seed = seed;
  plan.brokers = dice.pick<size_t>({1, 2, 3, 3, 3, 3, 3, 3, 4, 5, 5, 7});
  plan.clients = dice.pick<size_t>({1, 2, 3, 5, 5, dice.percent(10) ? size_t{20} : size_t{4}});
  plan.partitions = dice.pick<uint32_t>({1, 1, 2, 3, 6});
  plan.replication = static_cast<uint32_t>(
      std::min<size_t>(plan.brokers, dice.pick<size_t>({1, 2, 3, 3, 3, 3, 5})));
  plan.busy_ms = dice.pick<int64_t>({115'000, 115'000, 150'000});
  plan.sends = dice.pick<uint64_t>({6'000, 6'000, 8'000, 20'000});
  plan.record_bytes = dice.pick<size_t>({10, 100, 1'000, 5'000});
  plan.topics_come_and_go = dice.percent(50);
  if (!dice.percent(10)) {
    for (Fault fault : all_faults()) {
      if (dice.percent(30)) plan.drawn.push_back(fault);
    }
  }
  draw_knobs(dice, plan.config);
  // Long records in short segments would be nothing but opening files.
  if (plan.config.store.segment_bytes < 64u << 10) {
    plan.record_bytes /= 5;
    plan.sends = std::min<uint64_t>(plan.sends, 6'000);
    // Each read of the disk brings one of them: twenty readers, two at a time, take minutes.
    bool few_at_a_time = plan.config.max_pending_fetches < 20;
    if (few_at_a_time && plan.config.store.tail_cache_bytes < 4u << 20) {
      plan.clients = std::min<size_t>(plan.clients, 5);
    }
  }
  // Clients that send no more than can be caught up ask the more.
  if (come_slowly(plan.config)) {
    plan.sends = 800;
    plan.clients = std::min<size_t>(plan.clients, 5);
    plan.most_burst = 1;
    plan.asking_percent = 100;
  }
  draw_strikes(dice, plan);
  draw_late_knobs(seed, plan.config);
  return plan;
}

Plan cut_down(Plan plan, const Cuts& cuts) {
  if (cuts.clients) plan.clients = std::min(plan.clients, *cuts.clients);
  if (cuts.busy_ms) plan.busy_ms = std::min(plan.busy_ms, *cuts.busy_ms);
  if (cuts.topics_come_and_go) plan.topics_come_and_go &= *cuts.topics_come_and_go;
  if (!cuts.strikes) return plan;
  std::vector<Strike> left;
  for (size_t place : *cuts.strikes) left.push_back(plan.strikes.at(place));
  plan.strikes = std::move(left);
  return plan;
}

std::string to_text(const Cuts& cuts) {
  std::string out;
  auto add = [&](const std::string& word) { out += (out.empty() ? "" : " ") + word; };
  if (cuts.clients) add("clients=" + std::to_string(*cuts.clients));
  if (cuts.busy_ms) add("busy=" + std::to_string(*cuts.busy_ms));
  if (cuts.topics_come_and_go == false) add("topics=stay");
  if (cuts.strikes) {
    std::string places;
    for (size_t place : *cuts.strikes) {
      places += (places.empty() ? "" : ",") + std::to_string(place);
    }
    add("strikes=" + places);
  }
  return out;
}

Result<Cuts> parse_cuts(const std::vector<std::string>& words, const Plan& plan) {
  Cuts cuts;
  for (const std::string& word : words) {
    size_t equal = word.find('=');
    bool good =
        equal != std::string::npos &&
        read_cut(word.substr(0, equal), std::string_view(word).substr(equal + 1), plan, cuts);
    if (good) continue;
    return Error{Code::kInvalidArgument,
                 "\"" + word + "\" cannot be left out: clients=N from 1, busy=MS from " +
                     std::to_string(kShortestBusyMs) + ", topics=stay or strikes=I,J below " +
                     std::to_string(plan.strikes.size())};
  }
  return cuts;
}

}  // namespace strandlog::sim
