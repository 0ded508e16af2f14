// StoreModel: what a store ought to hold after each round, kept independently, and a workload for
// it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/store.h"
#include "tests/dice.h"
#include "tests/store/fake_disk.h"

namespace strandlog::store {

StoreId test_store_id();
ReplicaSpec test_spec(uint64_t uid);

struct ModelReplica {
  ReplicaSpec spec;
  Life life = Life::kMade;
  Term term;
  Uid vote;
  std::string first_configuration;
  LogStart start;
  std::vector<std::vector<uint8_t>> entries;  ///< of index start + 1 and on, as stored
  bool operator==(const ModelReplica&) const = default;
};

struct Model {
  std::map<Uid, ModelReplica> replicas;
  std::map<std::string, std::string> notes;
  bool operator==(const Model&) const = default;
};

/// A store under test and the model beside it.
class ModelledStore {
 public:
  ModelledStore(FakeDisk& disk, StoreOptions options) : disk_(disk), options_(options) {}
  /// Opens it; the model is kept from before, and is what the store is expected to hold.
  Result<void> open(uint64_t seed);
  /// As when a process ends: what was submitted to the disk still happens.
  void close();
  Store& store() { return *store_; }
  FakeDisk& disk() { return disk_; }

  void make(uint64_t uid);
  void append(uint64_t uid, Term term, size_t body_bytes);
  void configure(uint64_t uid, Term term, const std::string& configuration);
  void hard_state(uint64_t uid, Term term, Uid vote);
  void truncate(uint64_t uid, uint64_t from);
  /// Trims to an entry of the log that is durable; nothing while a base image is being made.
  void trim(uint64_t uid, uint64_t to);
  /// Replaces the log by one that begins behind entry `at`.
  void install(uint64_t uid, uint64_t at, Term term, const std::string& configuration);
  void life(uint64_t uid, Life life);
  void note(const std::string& name, const std::string& value);
  uint64_t last(uint64_t uid) {
    const ModelReplica& replica = model.replicas[Uid{uid}];
    return replica.start.index.value + replica.entries.size();
  }
  Term last_term(uint64_t uid);
  void submit();
  void poll();
  /// Polls until nothing is being written; false when the disk stopped or the store failed.
  bool settle();

  Model model;                      ///< everything put in so far
  std::map<uint64_t, Model> after;  ///< by round: the model when it was submitted
  uint64_t durable = 0;             ///< highest round reported
  bool failed = false;
  std::vector<StoreEvent> events;

 private:
  void take(std::vector<StoreEvent> fresh);
  FakeDisk& disk_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Dice> random_;
};

/// About `rounds` rounds over three replicas: appends, hard states, truncations, notes, a replica
/// that dies, a restart in the middle. Ends early when the disk stops.
void run_workload(ModelledStore& tested, uint64_t seed, int rounds, size_t max_body);

/// All entries of a replica in one piece, whatever it takes to read them.
Result<std::vector<uint8_t>> read_all(Store& store, const ReplicaState& replica);
/// What `store` holds, as a model. Faulty replicas are left out.
Model model_of(Store& store);
/// Dense indexes, terms, offsets and chains of every replica in service agree with its state.
void expect_valid_logs(Store& store);

}  // namespace strandlog::store
