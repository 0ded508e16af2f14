// SimCluster: brokers and clients in one thread, alive by a seed, and what must hold of them.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/admin_core.h"
#include "tests/sim/client.h"
#include "tests/sim/logs.h"
#include "tests/sim/machines.h"
#include "tests/sim/voters.h"
#include "tests/sim/watch.h"

namespace strandlog::sim {

/// A topic that was asked for.
struct SimTopic {
  uint32_t partitions = 1;
  uint32_t replication = 1;
  std::string id{};          ///< as the catalog gave it
  bool is_doubtful = false;  ///< its deletion was asked for, and nobody said that it is done
};

/// The same seed and the same calls give the same events, on every machine. One thread. Brokers and
/// clients are numbered from 1; broker N is the host "brokerN". Log lines carry its virtual time.
class SimCluster {
 public:
  struct Options {
    size_t brokers = 3;
    broker::BrokerConfig config;  ///< what all brokers have in common
    bool clocks_drift = false;
  };
  SimCluster(uint64_t seed, const Options& options);
  ~SimCluster();
  SimCluster(const SimCluster&) = delete;
  SimCluster& operator=(const SimCluster&) = delete;

  // ---- the world
  Schedule& schedule() { return schedule_; }
  Network& network() { return network_; }
  Watch& watch() { return watch_; }
  History& history() { return history_; }
  size_t broker_count() const { return brokers_.size(); }
  SimBroker& broker(size_t number) { return *brokers_.at(number - 1); }
  std::vector<std::unique_ptr<SimBroker>>& brokers() { return brokers_; }
  std::vector<std::unique_ptr<SimClient>>& clients() { return clients_; }
  std::map<std::string, SimTopic>& topics() { return topics_; }
  SimClient& add_client(const client::ProducerConfig& producer);
  std::vector<std::string> client_addresses() const;

  void run_ms(int64_t ms) { schedule_.run_until(schedule_.now().plus_ms(ms)); }
  bool wait_for(int64_t most_ms, const std::function<bool()>& condition);
  /// Calls of an administrator, who runs the world until the answer. Never from inside an event.
  client::AdminCore admin();
  client::Port& port() { return port_; }

  // ---- life
  /// Starts the brokers, founds a cluster of the first 1, 3 or 5, and waits until all are
  /// registered.
  void come_to_life();
  void create_topic(const std::string& name, SimTopic topic);
  /// It was created, under this id: from now on what is promised of it is expected.
  void add_topic(const std::string& name, const SimTopic& topic);
  /// Nothing is expected of it any more, until settle_deletions(); not of topics() when it is gone.
  void delete_topic(const std::string& name);
  /// The same command again, later, and again until it starts; `still` false: not any more.
  void start_later(SimBroker& broker, int64_t after_us, Dice dice, std::function<bool()> still);
  /// From now on, as long as `still`, a broker that ends by itself is started again later, as a
  /// supervisor does.
  void supervise(Dice dice, std::function<bool()> still);

  // ---- what must hold
  /// Whether every group that votes on this broker's disk has a majority without it: the disk can
  /// be lost, and nothing else is.
  bool can_spare(const SimBroker& broker);
  /// I24: in a healed cluster all voters of each group are back within 60 s, on disks that are
  /// there.
  void expect_redundancy();
  /// I18: what is acknowledged survives the loss of power of all brokers at this very moment. Disks
  /// that were lost held it too.
  void check_durable(const Promise& promise);
  /// I24, where nothing was done to anybody: every send to this topic succeeds, nothing is sent
  /// twice, each group has one leader.
  void expect_undisturbed(const std::string& topic);
  /// I24: heals as few brokers as hold a majority of every group, and one record to each place must
  /// be acknowledged within 30 s. The others are dead or not heard.
  void go_on_with_a_core(Dice dice);
  /// I14: a vote is durable before it leaves its broker.
  void check_vote(const VoteSeen& seen);
  /// Ends all faults, starts what is down, and waits until every send has an outcome.
  void heal();
  /// I24: in a healed cluster the clients that lived through the faults go on: each one's reader
  /// comes to the end of this topic within 30 s, and of each partition one more record of each
  /// client is acknowledged (where it asks for that) and read by it within 30 s.
  void expect_clients_go_on(const std::string& topic);
  /// I24: in a healed cluster a broker is cut off for a while, in both directions or one, and comes
  /// back: whom it followed leads on, in the same term.
  void cut_off_a_follower(Dice dice);
  /// Reads all topics that were not deleted, from start to end, into history().final; not when that
  /// breaks a promise. I1 is looked for on the disks then.
  void read_everything();
  /// I24: what was asked to be deleted is nowhere in the end; or it is there as if nobody had
  /// asked.
  void settle_deletions();
  /// I15, I21, I24: the replicas of a partition end up with the same entries, byte for byte, whose
  /// times do not decrease.
  void compare_replicas();
  /// I16, I19, I23 of the brokers that run now; some of it once they have answered.
  void look_at_brokers();
  /// I16, I24: all brokers end up with all of the catalog.
  void compare_catalogs();
  /// Everything that the history, where it was read to its end, and the wire tell against the
  /// product.
  void judge();

  void violated(const std::string& what);
  const std::vector<std::string>& violations() const { return violations_; }
  /// One line for each thing done, on stderr.
  void set_trace(bool on) { trace_ = on; }
  void note(const std::string& what) const;
  uint64_t fingerprint() const;  ///< of everything that clients saw and the number of events

  struct Figures {
    uint64_t promises_checked = 0;  ///< acknowledgements whose durable images were looked at
    uint64_t votes_checked = 0;     ///< those whose durable image was looked at
    uint64_t replicas_compared = 0;
    uint64_t entries_compared = 0;   ///< with the same of another replica
    uint64_t resources_checked = 0;  ///< answers to StatusRequest
    uint64_t deletions_checked = 0;  ///< topics that are nowhere in the end
    uint64_t followers_cut_off = 0;  ///< brokers that followed something
    uint64_t undisturbed = 0;        ///< 1: nothing was done to anybody, and it was looked at
    uint64_t full_disks_not_started_on = 0;
  };
  const Figures& figures() const { return figures_; }
  const Machines& catalogs() const { return catalogs_; }

 private:
  static constexpr const char* kCatalog = "catalog";  ///< in a StateStore

  void add_broker(size_t number, const Options& options);
  void ended_by_itself(SimBroker& broker);
  using Holders = std::map<size_t, Uid>;  ///< broker number → replica
  /// By what lies on the disks: of what was not deleted, and the catalog.
  std::map<GroupId, Holders> holders_of_groups();
  using Replicas = std::function<void(size_t, const store::InspectedReplica&)>;
  /// Those that lie on the disks, with the number of their broker.
  void look_at_disks(const Replicas& look);
  bool is_watched(const store::InspectedReplica& replica) const;
  /// Of all groups that there are, or of what was not deleted, and the catalog.
  std::map<GroupId, Voters> voters_of_groups(bool watched);
  void await_calm();
  void await_readers(const std::vector<Place>& places);
  void await_probes(const std::vector<Place>& places);
  /// The newest terms of groups of three or more that this broker follows.
  std::map<GroupId, Term> followed_by(size_t number);
  void disturb(size_t number, Dice& dice);
  std::set<size_t> draw_core(Dice& dice);
  void leave_out(SimBroker& one, const std::set<size_t>& core, Dice& dice);
  void explain(const Place& where);
  bool all_replicas_equal() const;
  bool all_catalogs_equal() const;
  void ask_what_it_uses(const SimBroker& broker);
  bool is_watched(const store::ReplicaSpec& replica, store::Life life) const;
  /// Of topics that are certainly there.
  const SimTopic* topic_of(const TopicId& id) const;
  /// Who holds a replica of a topic that is gone.
  std::optional<std::string> holder_of_deleted() const;
  std::vector<Place> places_to_read() const;
  void expect_whole(const Logs& logs, const SimBroker& broker,
                    const store::InspectedReplica& replica);
  Place in_history(const Place& where) const;
  bool read_to_ends(const std::vector<Place>& places);
  /// By place, as on the disk of at least one broker.
  std::map<Place, std::set<int64_t>> offsets_on_disks();
  void expect_on_disks(const std::vector<Place>& places);

  Dice dice_;
  Schedule schedule_;
  Network network_;
  Watch watch_;
  Machines catalogs_{kCatalog};
  History history_;
  std::vector<std::unique_ptr<SimBroker>> brokers_;
  std::unique_ptr<SimClient> operator_;  ///< founds, asks, and reads in the end
  SimPort port_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::map<std::string, SimTopic> topics_;
  std::map<std::string, std::string> gone_;  ///< id → name, of topics whose deletion was confirmed
  std::vector<std::string> violations_;
  Figures figures_;
  std::function<void(SimBroker&)> supervisor_;
  bool was_read_ = false;  ///< whole, in the end
  bool trace_ = false;
};

}  // namespace strandlog::sim
