// Injector: does to a cluster what a plan's strikes say.
#pragma once

#include <optional>

#include "tests/sim/cluster.h"
#include "tests/sim/plan.h"

namespace strandlog::sim {

/// One thread; lives as long as the cluster.
class Injector {
 public:
  /// `drawn`: kinds that may come together in one strike.
  explicit Injector(SimCluster& cluster, std::vector<Fault> drawn = {})
      : cluster_(cluster), drawn_(std::move(drawn)) {}
  /// Strikes from now on as planned, until end().
  void begin(const std::vector<Strike>& strikes);
  /// Nothing is struck any more and nothing is started again; what was done stays as it is.
  void end();
  /// How often each did something: who is down cannot be killed, who says nothing loses nothing.
  /// What shows it may come up to ten seconds after the strike.
  const std::map<Fault, uint64_t>& counts() const { return counts_; }

 private:
  /// Ends what it came from, the first time that it is called.
  using End = std::function<void()>;
  using Ways = std::vector<std::pair<std::string, std::string>>;
  /// Of some leaders of a group, one after the other.
  struct Fall {
    SimBroker* last = nullptr;  ///< who fell before, if anybody
    End rejoins;                ///< its end
    std::optional<GroupId> group;
    uint64_t left = 0;       ///< leaders still to fall
    int64_t longest_us = 0;  ///< back then, if nobody else leads before
    Dice dice;
  };

  void strike(const Strike& strike);
  void count_if_seen(uint64_t number);
  bool is_drawn(Fault fault) const;
  // Each of these: false when nothing came of it, or not yet.
  bool befalls(Fault fault, SimBroker& broker, Dice& dice);
  bool kill(SimBroker& broker, Dice& dice);
  bool kill_next_voter(Dice& dice);
  bool wipe(SimBroker& broker, Dice& dice);
  bool pause(SimBroker& broker, int64_t us);
  bool sleepwalk(SimBroker& broker, Dice& dice);
  bool fell_leaders(Dice& dice);
  bool set_adrift(Dice& dice);
  bool stop(SimBroker& broker, Dice& dice);
  bool reset(SimBroker& broker, Dice& dice);
  bool replay(SimBroker& broker, Dice& dice);
  bool stall_disk(SimBroker& broker, Dice& dice);
  bool fill_disk(SimBroker& broker, Dice& dice);
  bool fail_disk(SimBroker& broker, Dice& dice);
  bool lose_power(SimBroker& broker, store::FakeDisk::Harm harm, Dice& dice);
  store::FakeDisk::Harm draw_harm(Fault fault, Dice& dice) const;
  bool set_clock(SimBroker& broker, int64_t offset_ms);
  bool cut(SimBroker& broker, bool one_way, Dice& dice);
  bool change_weather(Fault fault, Dice& dice);

  void await_fall(const Fall& fall);
  void begin_fall(Fall fall, const LeaderSeen& seen);
  void await_failure(SimBroker& broker, uint64_t failures, int looks, Dice dice);
  End cut(const Ways& ways);
  /// Between it and all other brokers nothing passes. Clients are not touched.
  End isolate(SimBroker& broker);
  /// It hears no other broker, but is heard.
  End deafen(SimBroker& broker);
  void down_for_a_while(SimBroker& broker, Dice& dice);
  void later(int64_t us, std::function<void()> what);
  /// `end` comes when this fault has lasted so long at this host, and no earlier than the ends of
  /// those that came before. Returns when that is.
  Time lasts(Fault fault, const std::string& host, int64_t us, std::function<void()> end);
  SimBroker& any_broker(Dice& dice);
  /// Of the group that was seen at work last.
  SimBroker& busy_leader();
  SimBroker& broker_on(const std::string& host);

  struct Unseen {
    Fault fault;
    uint64_t before;  ///< what each strike of the kind adds to
  };
  SimCluster& cluster_;
  const std::vector<Fault> drawn_;
  std::map<uint64_t, Unseen> unseen_;  ///< strikes, until what they did is looked for
  uint64_t strikes_ = 0;
  std::shared_ptr<bool> active_ = std::make_shared<bool>(false);
  std::map<Fault, uint64_t> counts_;
  std::map<std::pair<Fault, std::string>, Time> until_;
};

}  // namespace strandlog::sim
