// Checking a store that is opened on a damaged disk.
#include "tests/fuzz/store_check.h"

#include <algorithm>

#include "store/inspect.h"

namespace strandlog::fuzz {
namespace {

using store::FakeDisk;
using store::Life;
using store::ReadRequest;
using store::ReadResult;
using store::ReplicaState;
using store::Store;

constexpr int kMaxPolls = 10000;  // a store that needs more hangs

using Entries = std::vector<std::vector<uint8_t>>;

bool names_damage(Code code) {
  return code == Code::kCorruption || code == Code::kUnsupported || code == Code::kWrongIdentity ||
         code == Code::kIo;
}

bool in_service(const ReplicaState& state) { return !state.fault && state.life != Life::kDead; }

Result<ReadResult> read(Store& store, const ReadRequest& request) {
  ReadResult result;
  ASSIGN(bool ready, store.read(request, 7, result));
  for (int i = 0; !ready; ++i) {
    CHECK(i < kMaxPolls);
    std::vector<store::StoreEvent> events;
    store.poll(events);
    for (store::StoreEvent& event : events) {
      CHECK(!std::holds_alternative<store::StoreFailed>(event));
      auto* done = std::get_if<store::ReadDone>(&event);
      if (done && done->ticket == 7) return std::move(done->result);
    }
  }
  return result;
}

// Appends the entries of one answer, each checked by itself.
void take(const ReadResult& result, const ReplicaState& state, Entries& entries) {
  uint64_t bytes = 0;
  Index next = result.first;
  for (const Bytes& piece : result.pieces) {
    for (ByteView rest = piece; !rest.empty(); next = next.plus(1)) {
      auto entry = decode_entry(rest, state.spec.group);
      CHECK(entry.ok() && entry->header.index == next);
      bytes += entry->whole.size();
      entries.emplace_back(entry->whole.begin(), entry->whole.end());
      rest = rest.subspan(entry->whole.size());
    }
  }
  CHECK(next == result.last.plus(1) && bytes == result.bytes);
}

// Everything a replica serves; none when some of it turns out damaged, which ends its service.
std::optional<Entries> read_all(Store& store, Uid uid) {
  const ReplicaState& state = store.replicas().at(uid);
  Entries entries;
  for (Index next = state.start.index.plus(1); next <= state.last;) {
    auto result = read(store, {uid, next, state.last, 8u << 10});
    if (!result.ok()) {
      CHECK(names_damage(result.error().code) && state.fault);
      return std::nullopt;
    }
    CHECK(result->first == next && result->last >= next);
    take(*result, state, entries);
    next = result->last.plus(1);
  }
  return entries;
}

// The state tells the same as the entries. A trim whose checksum was made right may lie about where
// the log begins.
void check_log(const ReplicaState& state, const Entries& entries) {
  std::vector<uint8_t> run;
  for (const auto& entry : entries) run.insert(run.end(), entry.begin(), entry.end());
  auto verified = store::verify_run(run, state.spec.group, state.start.index.plus(1));
  CHECK(verified.ok());
  CHECK(verified->last == state.last && verified->terms == state.terms);
  CHECK(state.durable == state.last);
  if (entries.empty()) return;
  EntryHeader end = decode_entry_header(entries.back(), state.spec.group).value();
  CHECK(state.next_offset == end.next_offset() && state.chain == end.chain);
}

using Logs = std::map<Uid, Entries>;

Logs read_replicas(Store& store) {
  Logs logs;
  for (const auto& [uid, state] : store.replicas()) {
    if (!in_service(state)) continue;
    auto entries = read_all(store, uid);
    if (!entries) continue;
    check_log(state, *entries);
    // By offset the same entries come, from the first that has a record.
    auto from_start = read(store, {uid, state.start.offset, state.last, 8u << 10});
    CHECK(from_start.ok() || state.fault);
    logs[uid] = std::move(*entries);
  }
  return logs;
}

bool agrees(const Store& store, const Logs& logs, const Snapshot& snapshot) {
  if (store.note("note").text() != snapshot.note) return false;
  return std::all_of(store.replicas().begin(), store.replicas().end(), [&](const auto& item) {
    const auto& [uid, state] = item;
    if (state.fault) return true;
    auto held = snapshot.replicas.find(uid);
    if (held == snapshot.replicas.end()) return false;
    const HeldReplica& h = held->second;
    auto entries = logs.find(uid);
    return h.life == state.life && h.term == state.term && h.vote == state.vote &&
           (entries == logs.end() || entries->second == h.entries);
  });
}

void finish_writing(Store& store, int least_polls) {
  std::vector<store::StoreEvent> events;
  for (int i = 0; i < least_polls || store.writing(); ++i) {
    CHECK(i < kMaxPolls);
    store.poll(events);
  }
  for (const store::StoreEvent& event : events) {
    CHECK(!std::holds_alternative<store::StoreFailed>(event));
  }
}

// Every replica in service takes one more entry; then everything is durable.
void write_more(Store& store, Logs& logs) {
  for (auto& [uid, entries] : logs) {
    const ReplicaState& state = store.replicas().at(uid);
    if (!in_service(state)) continue;
    Term term =
        std::max(state.terms.empty() ? state.start.term : state.terms.back().term, state.term);
    store::NewEntry entry;
    entry.term = term;
    entry.record_count = 1;
    entry.body = view_of("one more");
    EntryHeader header = store.append(uid, entry);
    std::vector<uint8_t> stored(kEntryHeaderBytes);
    encode_entry_header(header, state.spec.group,
                        std::span<uint8_t, kEntryHeaderBytes>(stored.data(), 64));
    stored.insert(stored.end(), entry.body.begin(), entry.body.end());
    entries.push_back(std::move(stored));
    store.set_hard_state(uid, term, Uid{3});
  }
  finish_writing(store, 0);  // a round of the store's own may be under way
  if (store.dirty()) store.submit();
  finish_writing(store, 8);
}

Result<std::unique_ptr<Store>> open(FakeDisk& disk, PlainRandom& random) {
  return Store::open(sample_store_options(), disk, random, sample_store_id());
}

void close(std::unique_ptr<Store> store, FakeDisk& disk) {
  store.reset();
  std::vector<DiskDone> done;
  for (int i = 0; i < kMaxPolls && disk.pending_count() > 0; ++i) disk.poll(done);
}

void inspect(FakeDisk disk) {
  auto whole = [](const store::InspectedEntry& entry) {
    CHECK(decode_entry(entry.entry.whole, entry.replica.group).ok());
  };
  auto inspection = store::inspect(disk, sample_store_id(), whole);
  CHECK(inspection.ok() || names_damage(inspection.error().code));
}

}  // namespace

void check_store(const FakeDisk& damaged, const std::vector<Snapshot>* allowed, bool forged) {
  inspect(damaged);
  FakeDisk disk = damaged;
  PlainRandom random(5);
  auto opened = open(disk, random);
  if (!opened.ok()) {
    CHECK(names_damage(opened.error().code));
    return;
  }
  std::unique_ptr<Store> store = std::move(opened).value();
  Logs logs = read_replicas(*store);
  if (allowed) {
    CHECK(std::any_of(allowed->begin(), allowed->end(),
                      [&](const Snapshot& s) { return agrees(*store, logs, s); }));
  }
  write_more(*store, logs);
  std::erase_if(logs, [&](auto& log) { return store->replicas().at(log.first).fault.has_value(); });
  close(std::move(store), disk);

  auto again = open(disk, random);
  // What was forged with right checksums may contradict what comes after it.
  if (!again.ok()) {
    CHECK(forged && names_damage(again.error().code));
    return;
  }
  store = std::move(again).value();
  for (const auto& [uid, entries] : logs) {
    auto found = store->replicas().find(uid);
    bool kept = found != store->replicas().end() && in_service(found->second) &&
                read_all(*store, uid) == entries;
    CHECK(kept || forged);
  }
  close(std::move(store), disk);
}

}  // namespace strandlog::fuzz
