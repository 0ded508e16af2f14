// Inspection of a stopped store: what it holds and what of it is damaged. Changes nothing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/entry.h"
#include "base/env.h"
#include "store/store.h"

namespace strandlog::store {

/// Something that is not as it was written.
struct Damage {
  std::string file;  ///< in the data directory; "journal" when no single file can be named
  uint64_t position = 0;
  Uid uid;      ///< 0: of the whole store
  Index index;  ///< 0: no entry can be named
  std::string what;
};

/// One replica; entries below its log start and those torn away do not count.
struct InspectedReplica {
  ReplicaSpec spec;
  Life life = Life::kMade;
  Term term;
  Uid vote;
  Index first, last;  ///< last < first: it holds no entry
  Offset start, end;  ///< of the records kept: [start, end)
  uint64_t batches = 0;
  uint64_t records = 0;
  uint64_t control_entries = 0;
  uint64_t bytes = 0;  ///< of whole entries, headers included
  uint64_t segments = 0;
  Bytes configuration;               ///< the newest of its log, opaque; empty: it is out of service
  std::optional<std::string> fault;  ///< why the store would put it out of service
};

struct Inspection {
  BootEpoch boot_epoch;  ///< highest seen
  RoundNumber first_round, last_round;
  uint64_t rounds = 0;
  uint64_t journal_files = 0, journal_bytes = 0;
  uint64_t torn_bytes = 0;  ///< of a last round cut short by a crash: no damage, never acknowledged
  std::vector<InspectedReplica> replicas;  ///< by uid
  std::vector<Damage> damage;
  bool sound() const { return damage.empty(); }
};

/// One entry that is whole. The views live during the call.
struct InspectedEntry {
  const ReplicaSpec& replica;
  const EntryView& entry;
  bool in_segment = false;
};
using EntryVisitor = std::function<void(const InspectedEntry&)>;

/// Walks journal and segments; `visit`, when set, sees each whole entry once, by uid and index.
/// Damage is a finding, not an error; an error means that looking itself failed. Blocks.
Result<Inspection> inspect(Disk& disk, const StoreId& store, const EntryVisitor& visit = {});
/// The same for a directory of a stopped broker, which stays locked meanwhile.
Result<Inspection> inspect_directory(const std::string& path, const EntryVisitor& visit = {});

}  // namespace strandlog::store
