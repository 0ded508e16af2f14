// Recovery: from the bytes of a journal back to the replica table and a journal that goes on.
#pragma once

#include "base/env.h"
#include "store/journal.h"
#include "store/replica_table.h"
#include "store/segment_filer.h"

namespace strandlog::store {

struct Recovered {
  BootEpoch highest_epoch;         ///< any earlier start may have used
  RoundNumber newest_image;        ///< what the newest whole base image shows; 0: there is none
  RoundNumber older_image;         ///< what the one before it shows
  uint64_t bytes_after_image = 0;  ///< of rounds since then
  bool damaged = false;            ///< a round or an image of those that count
  /// What the boot round must hold besides the boot: the last round, which it takes the place of.
  /// Empty when that has nothing, or cannot be written anew.
  RoundContent last_round;
  /// What the boot round follows when it has no place with all that.
  LastRound last;
};

/// Finds the journal's end, judges its last round, restores `table` and points `journal` behind the
/// last round. Blocks; flushes what it read. kCorruption when the journal as a whole cannot be
/// trusted.
///
/// The flush of the last round may have failed and been forgotten: then what is read here would
/// vanish with the power. So the journal goes on as if that round were not there, and the next one
/// must hold `last_round`, unless it is told to follow `last`.
///
/// A round is torn, and cut, only if no higher round head exists anywhere in the journal. Any other
/// damage was durable once: the replicas it names are out of service, the others are whole.
/// Restored entries beyond `limits.memory_bytes` go into segments on the way, if the disk has room.
struct RecoveryLimits {
  uint64_t memory_bytes = UINT64_MAX;
  FilerOptions filer;
};
Result<Recovered> recover(Disk& disk, const StoreId& store, ReplicaTable& table, Journal& journal,
                          const RecoveryLimits& limits = {});

}  // namespace strandlog::store
