// The life of a simulated cluster.
#include "tests/sim/simulation.h"

#include "tests/sim/injector.h"
#include "tests/sim/workload.h"

namespace strandlog::sim {
namespace {

constexpr int64_t kLookEveryUs = 20'000'000;  // at most

std::string knobs_of(const broker::BrokerConfig& config) {
  std::string out = "bytes: ";
  auto add = [&](const char* name, uint64_t value) {
    out += std::string(name) + "=" + std::to_string(value) + " ";
  };
  add("journal-file", config.store.journal_file_bytes);
  add("segment", config.store.segment_bytes);
  add("tail-cache", config.store.tail_cache_bytes);
  add("round", config.store.round_bytes);
  add("window", config.replication_window_bytes);
  if (config.retention_bytes >= 0) add("retention", static_cast<uint64_t>(config.retention_bytes));
  add("replace-after-ms", static_cast<uint64_t>(config.replace_after_ms));
  add("retention-ms", static_cast<uint64_t>(config.retention_ms));
  add("append", config.replication_append_bytes);
  add("uncommitted", config.uncommitted_bytes_group);
  add("deferred", config.max_deferred_bytes);
  return out + "pending-fetches=" + std::to_string(config.max_pending_fetches);
}

class Life {
 public:
  Life(const Plan& plan, SimulateOptions options)
      : plan_(plan),
        options_(options),
        dice_(plan.seed + 1),
        cluster_(dice_.next(), options_of(plan)) {
    cluster_.set_trace(options.trace);
  }

  Outcome run() {
    come_to_life();
    if (is_well()) use_and_abuse();
    if (is_well() && plan_.drawn.empty()) cluster_.expect_undisturbed(Workload::kTopic);
    if (is_well()) cluster_.go_on_with_a_core(dice_.fork());
    if (goes_on()) cluster_.heal();
    if (is_well()) cluster_.expect_clients_go_on(Workload::kTopic);
    if (is_well()) cluster_.expect_redundancy();
    if (is_well()) cluster_.cut_off_a_follower(dice_.fork());
    if (goes_on()) cluster_.settle_deletions();
    if (goes_on()) cluster_.read_everything();
    if (goes_on() && all_are_up()) cluster_.compare_replicas();
    if (goes_on() && all_are_up()) cluster_.compare_catalogs();
    cluster_.judge();
    return outcome();
  }

 private:
  static SimCluster::Options options_of(const Plan& plan) {
    SimCluster::Options options;
    options.brokers = plan.brokers;
    options.config = plan.config;
    options.clocks_drift =
        std::find(plan.drawn.begin(), plan.drawn.end(), Fault::kClock) != plan.drawn.end();
    return options;
  }
  bool is_well() const { return cluster_.violations().empty(); }
  bool all_are_up() {
    const auto& brokers = cluster_.brokers();
    return std::all_of(brokers.begin(), brokers.end(), [](auto& one) { return one->is_up(); });
  }
  // Whoever did not come to life has nothing to be judged.
  bool goes_on() const { return is_well() || (options_.judges_all && workload_); }

  void come_to_life() {
    cluster_.come_to_life();
    if (is_well()) cluster_.create_topic(Workload::kTopic, {plan_.partitions, plan_.replication});
    cluster_.note("alive: " + std::to_string(plan_.brokers) + " brokers, " +
                  std::to_string(plan_.clients) + " clients, " + std::to_string(plan_.partitions) +
                  " partitions of " + std::to_string(plan_.replication) + " replicas");
    cluster_.note(knobs_of(plan_.config));
  }

  void use_and_abuse() {
    workload_.emplace(cluster_, plan_);
    cluster_.supervise(Dice(plan_.seed + 2), [looking = looking_] { return *looking; });
    injector_.begin(plan_.strikes);
    schedule_look();
    workload_->run();
    injector_.end();
    effects_ = count_effects(cluster_);
    *looking_ = false;
  }

  void schedule_look() {
    cluster_.schedule().after_us(dice_.between(0, kLookEveryUs), [this, looking = looking_] {
      if (!*looking) return;
      cluster_.watch().sample_promise(
          [this](const Promise& promise) { cluster_.check_durable(promise); });
      cluster_.watch().sample_votes([this](const VoteSeen& seen) { cluster_.check_vote(seen); });
      cluster_.look_at_brokers();
      schedule_look();
    });
  }

  Outcome outcome() {
    Outcome out;
    out.violations = cluster_.violations();
    for (const Sent& sent : cluster_.history().sent) {
      ++out.sent;
      if (sent.outcome == Sent::Outcome::kAcked) ++out.acked;
      if (sent.outcome == Sent::Outcome::kFailed) ++out.failed;
    }
    for (Fault fault : plan_.drawn) out.faults[fault] = 0;
    for (const auto& [fault, count] : injector_.counts()) out.faults[fault] = count;
    out.effects = effects_;
    out.promises_checked = cluster_.figures().promises_checked;
    out.votes_checked = cluster_.figures().votes_checked;
    out.replicas_compared = cluster_.figures().replicas_compared;
    out.entries_compared = cluster_.figures().entries_compared;
    out.deletions_checked = cluster_.figures().deletions_checked;
    out.followers_cut_off = cluster_.figures().followers_cut_off;
    out.undisturbed = cluster_.figures().undisturbed;
    out.full_disks_not_started_on = cluster_.figures().full_disks_not_started_on;
    out.catalogs_compared = cluster_.catalogs().compared();
    out.resources_checked = cluster_.figures().resources_checked;
    out.admissions_checked = cluster_.watch().registry().notes();
    out.marks_checked = cluster_.watch().told().count();
    out.votes_seen = cluster_.watch().votes();
    out.ends_seen = cluster_.history().ends.size();
    for (const auto& client : cluster_.clients()) out.records_read += client->records_read();
    out.operations = operations_of(cluster_);
    out.virtual_ms = cluster_.schedule().now().us / 1000;
    out.fingerprint = cluster_.fingerprint();
    return out;
  }

  const Plan plan_;
  const SimulateOptions options_;
  Dice dice_;
  SimCluster cluster_;
  Injector injector_{cluster_, plan_.drawn};
  EffectCounts effects_;
  std::optional<Workload> workload_;
  std::shared_ptr<bool> looking_ = std::make_shared<bool>(true);
};

}  // namespace

Outcome simulate(const Plan& plan, SimulateOptions options) { return Life(plan, options).run(); }

}  // namespace strandlog::sim
