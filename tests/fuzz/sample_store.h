// Sample stores: disks that a real store filled, and everything that was ever durable on them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "store/store.h"
#include "tests/store/fake_disk.h"

namespace strandlog::fuzz {

StoreId sample_store_id();
store::StoreOptions sample_store_options();
store::ReplicaSpec sample_spec(uint64_t uid);

/// The same numbers every time.
class PlainRandom : public Random {
 public:
  explicit PlainRandom(uint64_t seed) : state_(seed) {}
  uint64_t next() override;

 private:
  uint64_t state_;
};

/// What one replica held when some round was durable.
struct HeldReplica {
  store::Life life = store::Life::kMade;
  Term term;
  Uid vote;
  std::vector<std::vector<uint8_t>> entries;  ///< of index 1, 2, …, as stored
  bool operator==(const HeldReplica&) const = default;
};

struct Snapshot {
  std::map<Uid, HeldReplica> replicas;
  std::string note;
};

struct SampleStore {
  store::FakeDisk disk;
  std::vector<Snapshot> snapshots;  ///< one per round that changed something, oldest first
};

/// 0: a formatted directory with three empty journal files. 1: a short life, all of it in the
/// journal. 2: a long one, with base images, recycled files and segments.
constexpr size_t kSampleStores = 3;
const SampleStore& sample_store(size_t number);

}  // namespace strandlog::fuzz
