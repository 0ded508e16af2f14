// ShardStore: answering reads from memory, or starting them from segments.
#include <algorithm>

#include "store/shard_store.h"

namespace strandlog::store {

void ShardStore::read_from_memory(const ReplicaLog& log, Index first, Index last,
                                  uint64_t max_bytes, ReadResult& result) const {
  result.first = first;
  result.last = first.previous();
  const EntryRef* begin = nullptr;
  uint64_t piece = 0;
  auto close = [&] {
    if (begin) result.pieces.push_back(table_.buffer.slice(begin->chunk, begin->data, piece));
  };
  for (Index at = first; at <= last; at = at.plus(1)) {
    const EntryRef& entry = log.entry(at);
    if (at != first && result.bytes + entry.bytes > max_bytes) break;
    if (!begin || begin->chunk != entry.chunk || begin->data + piece != entry.data) {
      close();
      begin = &entry;
      piece = 0;
    }
    piece += entry.bytes;
    result.bytes += entry.bytes;
    result.last = at;
  }
  close();
  // Entries of many replicas lie between each other: small ones are worth a copy.
  join_pieces(result.pieces, kMaxReadPieces);
}

Result<bool> ShardStore::read(const ReadRequest& request, uint64_t ticket, ReadResult& result) {
  result = {};
  const ReplicaLog* log = table_.find(request.uid);
  if (!log || log->state().life == Life::kDead) {
    return Error{Code::kNotFound, "no replica " + std::to_string(request.uid.value) + " here"};
  }
  const ReplicaState& state = log->state();
  if (state.fault) return Error{Code::kFaulty, *state.fault};
  const Index* index = std::get_if<Index>(&request.from);
  const Offset* offset = std::get_if<Offset>(&request.from);
  if (index ? *index <= state.start.index : *offset < state.start.offset) {
    return Error{Code::kOutOfRange, "the log of replica " + std::to_string(request.uid.value) +
                                        " begins behind entry " +
                                        std::to_string(state.start.index.value) + ", at offset " +
                                        std::to_string(state.start.offset.value)};
  }
  Index last = std::min(request.last, state.last);
  Index memory = log->memory_begin();
  Offset memory_offset = memory > state.last ? state.next_offset : log->entry(memory).base;
  if (index ? *index < memory && *index <= last : *offset < memory_offset) {
    return read_from_segments(*log, request, last, ticket);
  }
  Index first = index ? *index : log->find_offset(*offset);
  if (first > last) {
    result.first = first;
    result.last = first.previous();
    return true;
  }
  read_from_memory(*log, first, last, request.max_bytes, result);
  return true;
}

// What is no longer in memory was written to a segment before it was dropped.
Result<bool> ShardStore::read_from_segments(const ReplicaLog& log, const ReadRequest& request,
                                            Index last, uint64_t ticket) {
  auto readable = filer_.find(log, request.from);
  Uid uid = log.state().spec.uid;
  Result<void> started = Error{Code::kCorruption, "no segment holds what is asked for"};
  if (readable) {
    const SegmentRange& range = readable->file.range;
    if (!readable->index) readable->index = reads_.index_of(uid, range.first, range.term);
    started = reads_.start(
        {readable->file, readable->index, {request.from, last, request.max_bytes}, ticket});
  }
  if (started.ok()) return false;
  if (started.error().code == Code::kCorruption) set_fault(uid, started.error().text);
  return started.error();
}

std::optional<Term> ShardStore::term_at(Uid uid, Index index) const {
  const ReplicaLog* log = table_.find(uid);
  return log ? log->term_at(index) : std::nullopt;
}

std::optional<Offset> ShardStore::next_offset_at(Uid uid, Index index) const {
  const ReplicaLog* log = table_.find(uid);
  if (!log) return std::nullopt;
  const ReplicaState& state = log->state();
  if (index == state.last) return state.next_offset;
  if (index == state.start.index) return state.start.offset;
  if (!log->in_memory(index)) return std::nullopt;
  const EntryRef& entry = log->entry(index);
  return entry.base.plus(entry.records);
}

}  // namespace strandlog::store
