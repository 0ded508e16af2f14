// Cluster: several Groups over a seeded network, with disks that keep only what was written.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "raft/group.h"

namespace strandlog::raft {

/// A fake entry: its value stands for the bytes.
struct FakeEntry {
  Term term;
  uint64_t value;
  std::optional<Membership> configuration = {};  ///< of a configuration entry
  bool operator==(const FakeEntry&) const = default;
};

/// One replica's log, in memory or on its disk.
struct FakeLog {
  HardState hard;
  Index start;
  Term start_term;
  Membership base;                     ///< the configuration as of `start`
  std::map<Index, FakeEntry> entries;  ///< (start, last]

  std::vector<Membership> memberships() const;
  Membership membership_at(Index index) const;
  Index last() const { return entries.empty() ? start : entries.rbegin()->first; }
  Term term_at(Index index) const;
};

struct Packet {
  Message message;
  std::map<Index, FakeEntry> entries;
};

struct Faults {
  int drop_percent = 0;
  int duplicate_percent = 0;
  bool reorder = false;
};

struct ClusterOptions {
  uint64_t voters = 3;
  uint64_t learners = 0;
  uint64_t spares = 0;  ///< replicas that no configuration names yet
  uint64_t seed = 1;
  GroupConfig config = {};  ///< group and self are filled in
  /// 0: never. Otherwise a replica trims its log to this many committed entries.
  uint64_t keep_entries = 0;
};

/// Uids and broker numbers are 1..n. Every safety property is checked as it runs; what broke
/// stands in violations(). Used by one thread.
class Cluster {
 public:
  explicit Cluster(const ClusterOptions& options);
  ~Cluster();

  Group& group(uint64_t uid);
  bool is_up(uint64_t uid) const { return nodes_.at(uid)->group != nullptr; }
  std::vector<uint64_t> uids() const;
  bool has_spares() const { return options_.spares > 0; }
  /// The leader of the highest term that is up; 0 if none.
  uint64_t leader() const;

  void tick(uint64_t uid);
  void tick_all();
  /// False when the replica does not lead.
  bool propose(uint64_t uid);
  void read(uint64_t uid, uint64_t token);
  void transfer(uint64_t from, uint64_t to);
  /// From the configuration that `uid` has now.
  Result<Index> change(uint64_t uid, const std::vector<uint64_t>& voters,
                       const std::vector<uint64_t>& learners);
  void step_down(uint64_t uid);
  /// As by a campaign that nobody answered.
  void raise_term(uint64_t uid, Term term);
  /// Delivers one packet, by seed when reordering; false when none is under way.
  bool deliver_one();
  /// Finishes the oldest write of one replica; false when it has none.
  bool write_one(uint64_t uid);
  /// Writes of this replica that are not finished.
  size_t unwritten(uint64_t uid) const { return nodes_.at(uid)->writes.size(); }
  /// Delivers and writes until nothing is left.
  void settle();
  /// Loses memory and a seeded part of what was not written.
  void crash(uint64_t uid);
  void restart(uint64_t uid);
  /// Nothing passes between the two; their sessions end.
  void cut(uint64_t a, uint64_t b);
  void heal(uint64_t a, uint64_t b);
  void isolate(uint64_t uid);
  void heal_all();

  Faults faults;
  bool disks_stalled = false;      ///< settle() leaves writes unfinished
  std::vector<std::string> trace;  ///< one line per decision and delivery
  bool tracing = false;
  uint64_t random(uint64_t below);

  const std::vector<std::string>& violations() const { return violations_; }
  /// How many entries are known to be committed.
  Index committed() const;
  /// Tokens answered with the index they got; 0 for "not leader".
  const std::map<uint64_t, uint64_t>& reads() const { return reads_; }
  size_t packets() const { return network_.size(); }
  /// Every pair of logs agrees up to the last entry they share by term.
  void check_log_matching();

 private:
  struct Write {
    FakeLog after;  ///< the log as this write leaves it
    std::vector<Message> messages;
  };
  struct Node : Liveness {
    Node(Cluster& in, uint64_t number) : cluster(in), uid(number) {}
    bool alive(BrokerId broker) const override;
    Cluster& cluster;
    uint64_t uid;
    std::unique_ptr<Group> group;
    FakeLog memory;
    FakeLog disk;
    std::vector<Write> writes;  ///< oldest first
    Index checked_commit;
    std::map<Index, FakeEntry> received;  ///< bytes beside the message being stepped
  };

  void note(const std::string& line);
  void violated(std::string what);
  void check_invariants(const Node& node);
  void carry_out(Node& node);
  void carry_out(Node& node, const Output& output);
  void log_changes(Node& node, const Output& output);
  void answer(Node& node, const Send& send);
  void answer(Node& node, const SnapshotSend& send);
  void transmit(Packet packet);
  void check_commit(Node& node);
  void check_durable_majority(const Node& node, Index index);
  void check_new_leader(const Node& node, Term term);
  void trim(Node& node);
  bool connected(uint64_t a, uint64_t b) const;

  ClusterOptions options_;
  std::mt19937_64 random_;
  std::map<uint64_t, std::unique_ptr<Node>> nodes_;
  std::vector<Packet> network_;
  std::set<std::pair<uint64_t, uint64_t>> cuts_;
  std::map<Index, FakeEntry> committed_;
  std::map<Term, uint64_t> leaders_;
  std::map<uint64_t, uint64_t> reads_;
  std::map<uint64_t, Index> read_floors_;  ///< what was committed when the read was asked
  std::vector<std::string> violations_;
  uint64_t next_value_ = 1;
};

}  // namespace strandlog::raft
