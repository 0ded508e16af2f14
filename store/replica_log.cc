// One replica's log in memory.
#include "store/replica_log.h"

#include <algorithm>

#include "store/base_image.h"

namespace strandlog::store {
namespace {

// One change is in flight at a time, so a truncation takes back at most one or two.
constexpr size_t kKeptConfigurations = 8;
constexpr size_t kKeptTrims = 8;  // the newest says what matters

Error broken(const ReplicaState& state, const EntryHeader& header, const std::string& what) {
  return {Code::kCorruption, "replica " + std::to_string(state.spec.uid.value) + ": entry " +
                                 std::to_string(header.index.value) + " of term " +
                                 std::to_string(header.term.value) + " " + what};
}

}  // namespace

void ReplicaLog::restore(ImageReplica image) {
  if (auto why = contradiction_of(image)) image.state.fault = "base image: " + *why;
  state_ = std::move(image.state);
  segments_ = std::move(image.segments);
  filed_to_ = state_.last;
}

LogPoint ReplicaLog::end() const {
  Term term = state_.terms.empty() ? state_.start.term : state_.terms.back().term;
  return {state_.last, term, state_.next_offset, state_.chain, state_.last_append_time_ms};
}

EntryHeader ReplicaLog::next_header(const NewEntry& entry) const {
  EntryHeader h;
  h.kind = entry.kind;
  h.body_bytes = static_cast<uint32_t>(entry.body.size());
  h.record_count = entry.record_count;
  h.index = state_.last.plus(1);
  h.term = entry.term;
  h.base_offset = state_.next_offset;
  h.append_time_ms = std::max(entry.append_time_ms, state_.last_append_time_ms);
  return h;
}

Result<void> ReplicaLog::check_run(ByteView run, std::vector<EntryHeader>& headers) const {
  headers.clear();
  LogPoint at = end();
  while (!run.empty()) {
    ASSIGN(EntryHeader h, decode_entry_header(run, state_.spec.group));
    if (run.size() - kEntryHeaderBytes < h.body_bytes) {
      return broken(state_, h,
                    "is cut short: " + std::to_string(h.body_bytes) +
                        " bytes of body, the run has " +
                        std::to_string(run.size() - kEntryHeaderBytes));
    }
    if (h.index != at.index.plus(1)) {
      return broken(state_, h, "follows entry " + std::to_string(at.index.value));
    }
    if (h.term < at.term) {
      return broken(state_, h, "follows term " + std::to_string(at.term.value));
    }
    if (h.base_offset != at.next_offset) {
      return broken(state_, h,
                    "has offset " + std::to_string(h.base_offset.value) + ", expected " +
                        std::to_string(at.next_offset.value));
    }
    if (h.chain != chain_after(at.chain, h)) {
      return broken(state_, h, "does not continue the chain");
    }
    at = {h.index, h.term, h.next_offset(), h.chain, h.append_time_ms};
    headers.push_back(h);
    run = run.subspan(kEntryHeaderBytes + h.body_bytes);
  }
  return {};
}

void ReplicaLog::add(const EntryHeader& h, const uint8_t* data, uint64_t chunk) {
  uint32_t bytes = static_cast<uint32_t>(kEntryHeaderBytes + h.body_bytes);
  entries_.push_back({data, chunk, h.base_offset, bytes, h.record_count, 0});
  unfiled_bytes_ += bytes;
  if (state_.terms.empty() || state_.terms.back().term != h.term) {
    state_.terms.push_back({h.index, h.term});
  }
  state_.last = h.index;
  state_.next_offset = h.next_offset();
  state_.chain = h.chain;
  state_.last_append_time_ms = h.append_time_ms;
  state_.bytes += bytes;
  if (h.kind == EntryKind::kConfiguration) {
    set_configuration(h.index, Bytes::copy(ByteView(data + kEntryHeaderBytes, h.body_bytes)));
  }
  if (h.kind == EntryKind::kTrim) {
    want_trim(h.index, ByteView(data + kEntryHeaderBytes, h.body_bytes));
  }
}

void ReplicaLog::want_trim(Index index, ByteView body) {
  auto start = decode_log_start(body);
  if (!start.ok() || start->index >= index) return;  // no leader writes such a one
  if (start->index <= state_.start.index) return;
  state_.trims.push_back({index, *start});
  if (state_.trims.size() > kKeptTrims) state_.trims.pop_front();
}

void ReplicaLog::set_configuration(Index index, Bytes value) {
  // One that is installed with a log start may be known already.
  while (!state_.configurations.empty() && state_.configurations.back().index >= index) {
    state_.configurations.pop_back();
  }
  state_.configurations.push_back({index, std::move(value)});
  if (state_.configurations.size() <= kKeptConfigurations) return;
  // Whoever is offered the log's start needs the one that is in force there.
  bool second_is_enough = state_.configurations[1].index <= state_.start.index;
  bool none_is_needed = state_.start.index == Index{0};
  auto first = state_.configurations.begin();
  state_.configurations.erase(second_is_enough || none_is_needed ? first : std::next(first));
}

void ReplicaLog::cut_to(const LogPoint& point) {
  while (!entries_.empty() && state_.last > point.index) {
    state_.bytes -= std::min<uint64_t>(state_.bytes, entries_.back().bytes);
    if (state_.last > filed_to_) unfiled_bytes_ -= entries_.back().bytes;
    entries_.pop_back();
    state_.last = state_.last.previous();
  }
  state_.last = point.index;
  filed_to_ = std::min(filed_to_, point.index);
  state_.next_offset = point.next_offset;
  state_.chain = point.chain;
  state_.last_append_time_ms = point.append_time_ms;
  state_.durable = std::min(state_.durable, point.index);
  while (!state_.terms.empty() && state_.terms.back().first > point.index) state_.terms.pop_back();
  std::deque<KeptConfiguration>& kept = state_.configurations;
  while (kept.size() > 1 && kept.back().index > point.index) kept.pop_back();
  while (!state_.trims.empty() && state_.trims.back().index > point.index) state_.trims.pop_back();
}

void ReplicaLog::trim(const LogStart& start) {
  if (start.index <= state_.start.index) return;
  while (!entries_.empty() && memory_begin() <= start.index) {
    if (memory_begin() > filed_to_) unfiled_bytes_ -= entries_.front().bytes;
    entries_.pop_front();
  }
  filed_to_ = std::max(filed_to_, start.index);
  while (!segments_.empty() && segments_.front().end.index <= start.index) {
    segments_.erase(segments_.begin());
  }
  std::vector<TermStart>& terms = state_.terms;
  auto kept = std::upper_bound(terms.begin(), terms.end(), start.index.plus(1),
                               [](Index i, const TermStart& t) { return i < t.first; });
  if (kept != terms.begin()) --kept;
  terms.erase(terms.begin(), kept);
  state_.start = start;
  std::erase_if(state_.trims, [&](const WantedTrim& t) { return t.start.index <= start.index; });
  state_.bytes = unfiled_bytes_;
  for (const SegmentRange& range : segments_) state_.bytes += range.bytes;
  if (state_.last > start.index) {
    if (!terms.empty()) terms.front().first = std::max(terms.front().first, start.index.plus(1));
    return;
  }
  terms.clear();
  state_.last = start.index;
  state_.next_offset = start.offset;
  state_.chain = start.chain;
}

void ReplicaLog::clear() {
  entries_.clear();
  state_.configurations.clear();
  segments_.clear();
  filed_to_ = {};
  unfiled_bytes_ = 0;
  beyond.reset();
  ReplicaState kept;
  kept.spec = std::move(state_.spec);
  kept.life = state_.life;
  kept.term = state_.term;
  kept.vote = state_.vote;
  state_ = std::move(kept);
}

std::optional<Term> ReplicaLog::term_at(Index index) const {
  if (index > state_.last || index < state_.start.index) return std::nullopt;
  if (index == state_.start.index) return state_.start.term;
  auto after = std::upper_bound(state_.terms.begin(), state_.terms.end(), index,
                                [](Index i, const TermStart& t) { return i < t.first; });
  if (after == state_.terms.begin()) return std::nullopt;
  return std::prev(after)->term;
}

Index ReplicaLog::find_offset(Offset offset) const {
  auto holds_or_after =
      std::partition_point(entries_.begin(), entries_.end(),
                           [&](const EntryRef& e) { return e.base.plus(e.records) <= offset; });
  return memory_begin().plus(static_cast<uint64_t>(holds_or_after - entries_.begin()));
}

std::optional<LogPoint> ReplicaLog::point_at(Index index) const {
  if (index == state_.last) return end();
  if (index == state_.start.index) {
    return LogPoint{index, state_.start.term, state_.start.offset, state_.start.chain, 0};
  }
  if (!in_memory(index)) {
    auto ends_there = [&](const SegmentRange& range) { return range.end.index == index; };
    auto range = std::find_if(segments_.rbegin(), segments_.rend(), ends_there);
    return range == segments_.rend() ? std::nullopt : std::optional(range->end);
  }
  ByteView stored(entry(index).data, kEntryHeaderBytes);
  EntryHeader h = decode_entry_header(stored, state_.spec.group).value();
  return LogPoint{index, h.term, h.next_offset(), h.chain, h.append_time_ms};
}

void ReplicaLog::mark_filed(uint64_t end_position) {
  filed_to_ = filed_to_.plus(1);
  EntryRef& filed = entries_[filed_to_.value - memory_begin().value];
  filed.filed_end = end_position;
  unfiled_bytes_ -= filed.bytes;
}

std::optional<Index> ReplicaLog::last_in_chunk(uint64_t chunk) const {
  if (entries_.empty() || entries_.front().chunk != chunk) return std::nullopt;
  auto after = std::partition_point(entries_.begin(), entries_.end(),
                                    [&](const EntryRef& e) { return e.chunk == chunk; });
  return memory_begin().plus(static_cast<uint64_t>(after - entries_.begin()) - 1);
}

void ReplicaLog::forget_chunk(uint64_t chunk) {
  while (!entries_.empty() && entries_.front().chunk == chunk) entries_.pop_front();
}

}  // namespace strandlog::store
