// Replicas and notes in memory.
#include "store/replica_table.h"

#include "base/log.h"

namespace strandlog::store {

ReplicaLog& ReplicaTable::add(const ReplicaSpec& spec) {
  ReplicaState& state = states[spec.uid];
  state.spec = spec;
  return logs.try_emplace(spec.uid, state).first->second;
}

ReplicaLog* ReplicaTable::find(Uid uid) {
  auto found = logs.find(uid);
  return found == logs.end() ? nullptr : &found->second;
}

const ReplicaLog* ReplicaTable::find(Uid uid) const {
  auto found = logs.find(uid);
  return found == logs.end() ? nullptr : &found->second;
}

void ReplicaTable::note_chunk(ReplicaLog& log, uint64_t chunk) {
  if (log.noted_chunk == chunk) return;
  log.noted_chunk = chunk;
  buffer.note_user(log.state().spec.uid);
}

RoundBuffer::Place ReplicaTable::add_run(ReplicaLog& log, ByteView run,
                                         const std::vector<EntryHeader>& headers) {
  RoundBuffer::Place place = buffer.take(run.size());
  std::memcpy(place.data, run.data(), run.size());
  note_chunk(log, place.chunk);
  const uint8_t* at = place.data;
  for (const EntryHeader& header : headers) {
    log.add(header, at, place.chunk);
    at += kEntryHeaderBytes + header.body_bytes;
  }
  return place;
}

void ReplicaTable::set_fault(Uid uid, const std::string& why) {
  ReplicaLog* log = find(uid);
  if (!log) {
    ReplicaSpec unknown;
    unknown.uid = uid;
    log = &add(unknown);
  }
  if (!log->in_service()) return;
  log->state().fault = why;
  LOG(kWarn, "replica out of service", kv("uid", uid), kv("reason", why));
}

}  // namespace strandlog::store
