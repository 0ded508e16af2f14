// ReplicaTable: everything a store knows in memory; running and redo change it by the same
// functions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "store/base_image.h"
#include "store/replica_log.h"
#include "store/round_buffer.h"

namespace strandlog::store {

class ReplicaTable {
 public:
  explicit ReplicaTable(uint64_t chunk_bytes) : buffer(chunk_bytes) {}

  /// A new replica without a log. An unknown uid.
  ReplicaLog& add(const ReplicaSpec& spec);
  /// Null when the uid was never made.
  ReplicaLog* find(Uid uid);
  const ReplicaLog* find(Uid uid) const;
  /// Copies a run that passed check_run(), whose headers these are, behind the replica's log.
  RoundBuffer::Place add_run(ReplicaLog& log, ByteView run,
                             const std::vector<EntryHeader>& headers);
  /// Tells the chunk being filled that this replica uses it.
  void note_chunk(ReplicaLog& log, uint64_t chunk);
  /// The replica is out of service; the first reason stays. A uid never heard of is added.
  void set_fault(Uid uid, const std::string& why);

  std::map<Uid, ReplicaState> states;
  std::map<Uid, ReplicaLog> logs;
  std::map<std::string, Bytes> notes;
  RoundBuffer buffer;
};

}  // namespace strandlog::store
