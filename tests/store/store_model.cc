// The model of a store and its workload.
#include "tests/store/store_model.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace strandlog::store {

StoreId test_store_id() {
  StoreId id;
  id.bytes.fill(0x5a);
  return id;
}

ReplicaSpec test_spec(uint64_t uid) {
  ReplicaSpec spec;
  spec.uid = Uid{uid};
  spec.group.bytes.fill(static_cast<uint8_t>(uid));
  spec.topic.bytes.fill(0x70);
  spec.topic_name = "topic-" + std::to_string(uid);
  spec.partition = static_cast<uint32_t>(uid);
  spec.creation = 100 + uid;
  return spec;
}

Result<void> ModelledStore::open(uint64_t seed) {
  random_ = std::make_unique<Dice>(seed);
  ASSIGN(store_, Store::open(options_, disk_, *random_, test_store_id()));
  durable = store_->durable().value;
  after[durable] = model;
  return {};
}

void ModelledStore::close() {
  store_.reset();
  std::vector<DiskDone> done;
  for (int i = 0; i < 1000 && disk_.pending_count() > 0; ++i) disk_.poll(done);
}

void ModelledStore::make(uint64_t uid) {
  ModelReplica& replica = model.replicas[Uid{uid}];
  replica.spec = test_spec(uid);
  replica.first_configuration = "first of " + std::to_string(uid);
  store_->make(replica.spec, Bytes::copy(replica.first_configuration));
}

Term ModelledStore::last_term(uint64_t uid) {
  return store_->term_at(Uid{uid}, store_->replicas().at(Uid{uid}).last).value_or(Term{});
}

void ModelledStore::append(uint64_t uid, Term term, size_t body_bytes) {
  NewEntry entry;
  std::vector<uint8_t> body(body_bytes);
  for (uint8_t& b : body) b = static_cast<uint8_t>(random_->next());
  entry.term = term;
  entry.record_count = 1 + static_cast<uint32_t>(body_bytes % 3);
  entry.append_time_ms = 1000 + static_cast<int64_t>(last(uid));
  entry.body = body;
  EntryHeader header = store_->append(Uid{uid}, entry);
  std::vector<uint8_t> stored(kEntryHeaderBytes);
  encode_entry_header(header, test_spec(uid).group,
                      std::span<uint8_t, kEntryHeaderBytes>(stored.data(), kEntryHeaderBytes));
  stored.insert(stored.end(), body.begin(), body.end());
  model.replicas[Uid{uid}].entries.push_back(std::move(stored));
  EXPECT_EQ(header.index.value, last(uid));
}

void ModelledStore::configure(uint64_t uid, Term term, const std::string& configuration) {
  NewEntry entry;
  entry.kind = EntryKind::kConfiguration;
  entry.term = term;
  entry.body = view_of(configuration);
  EntryHeader header = store_->append(Uid{uid}, entry);
  std::vector<uint8_t> stored(kEntryHeaderBytes);
  encode_entry_header(header, test_spec(uid).group,
                      std::span<uint8_t, kEntryHeaderBytes>(stored.data(), kEntryHeaderBytes));
  stored.insert(stored.end(), configuration.begin(), configuration.end());
  model.replicas[Uid{uid}].entries.push_back(std::move(stored));
}

void ModelledStore::hard_state(uint64_t uid, Term term, Uid vote) {
  store_->set_hard_state(Uid{uid}, term, vote);
  model.replicas[Uid{uid}].term = term;
  model.replicas[Uid{uid}].vote = vote;
}

void ModelledStore::truncate(uint64_t uid, uint64_t from) {
  store_->truncate(Uid{uid}, Index{from});
  ModelReplica& replica = model.replicas[Uid{uid}];
  uint64_t kept = from - 1 - replica.start.index.value;
  if (replica.entries.size() > kept) replica.entries.resize(kept);
}

void ModelledStore::trim(uint64_t uid, uint64_t to) {
  ModelReplica& replica = model.replicas[Uid{uid}];
  uint64_t dropped = to - replica.start.index.value;
  auto header = decode_entry_header(replica.entries[dropped - 1], replica.spec.group);
  ASSERT_TRUE(header.ok());
  if (!store_->may_trim()) return;
  LogStart start{header->index, header->term, header->next_offset(), header->chain};
  store_->trim(Uid{uid}, start);
  auto& entries = replica.entries;
  entries.erase(entries.begin(), entries.begin() + static_cast<ptrdiff_t>(dropped));
  replica.start = start;
}

void ModelledStore::install(uint64_t uid, uint64_t at, Term term,
                            const std::string& configuration) {
  if (!store_->may_trim()) return;
  ModelReplica& replica = model.replicas[Uid{uid}];
  replica.start = {Index{at}, term, Offset{10 * at}, random_->next()};
  replica.entries.clear();
  store_->install(Uid{uid}, replica.start, {Index{at}, Bytes::copy(configuration)});
}

void ModelledStore::life(uint64_t uid, Life life) {
  store_->set_life(Uid{uid}, life);
  model.replicas[Uid{uid}].life = life;
  if (life != Life::kDead) return;
  model.replicas[Uid{uid}].start = {};
  model.replicas[Uid{uid}].entries.clear();
  model.replicas[Uid{uid}].first_configuration.clear();
}

void ModelledStore::note(const std::string& name, const std::string& value) {
  store_->put_note(name, Bytes::copy(value));
  model.notes[name] = value;
}

void ModelledStore::submit() {
  after[store_->gathering().value] = model;
  store_->submit();
}

void ModelledStore::take(std::vector<StoreEvent> fresh) {
  for (StoreEvent& event : fresh) {
    if (auto* round = std::get_if<RoundDurable>(&event)) {
      EXPECT_GT(round->round.value, durable);
      durable = round->round.value;
    }
    if (std::holds_alternative<StoreFailed>(event)) failed = true;
    events.push_back(std::move(event));
  }
}

void ModelledStore::poll() {
  // A round the store writes by itself carries nothing new.
  uint64_t next = store_->gathering().value;
  bool dirty = store_->dirty();
  std::vector<StoreEvent> fresh;
  store_->poll(fresh);
  if (store_->gathering().value != next) {
    EXPECT_FALSE(dirty) << "a round took the number of the gathering round";
    after[next] = model;
  }
  take(std::move(fresh));
}

bool ModelledStore::settle() {
  for (int i = 0; i < 1000 && store_->writing() && !failed && !disk_.stopped(); ++i) poll();
  return !store_->writing() && !failed && !disk_.stopped();
}

namespace {

void put_something(ModelledStore& tested, Dice& random, size_t max_body, int round) {
  uint64_t uid = 1 + random.below(3);
  const ModelReplica& replica = tested.model.replicas[Uid{uid}];
  if (replica.life == Life::kDead) return;
  Term term = std::max(tested.last_term(uid), replica.term);
  uint64_t durable = tested.store().replicas().at(Uid{uid}).durable.value;
  switch (random.below(14)) {
    case 0:
      tested.hard_state(uid, term.plus(1), Uid{random.below(4)});
      break;
    case 1:
      if (replica.entries.size() > 2) {
        tested.truncate(uid, tested.last(uid) - random.below(2));
        tested.append(uid, term.plus(1), random.below(max_body));
      }
      break;
    case 2:
      tested.note("note" + std::to_string(random.below(3)), "in round " + std::to_string(round));
      break;
    case 3:
      tested.configure(uid, term, "configuration of round " + std::to_string(round));
      break;
    case 12:
      if (uint64_t start = replica.start.index.value; durable > start) {
        tested.trim(uid, start + 1 + random.below(durable - start));
      }
      break;
    case 13:
      if (random.below(3) > 0) break;
      tested.install(uid, tested.last(uid) + 1 + random.below(5), term.plus(1),
                     "installed in round " + std::to_string(round));
      break;
    default:
      if (!tested.store().room_for(4 * max_body).ok()) break;
      for (uint64_t n = 1 + random.below(3); n > 0; --n) {
        tested.append(uid, term, random.below(max_body));
      }
      break;
  }
}

}  // namespace

void run_workload(ModelledStore& tested, uint64_t seed, int rounds, size_t max_body) {
  Dice random(seed);
  if (!tested.open(seed).ok()) return;
  for (uint64_t uid = 1; uid <= 3; ++uid) tested.make(uid);
  for (int round = 0; round < rounds; ++round) {
    for (uint64_t n = 1 + random.below(4); n > 0; --n) {
      put_something(tested, random, max_body, round);
    }
    if (round == 2) tested.life(2, Life::kLive);
    if (round == rounds - 4) tested.life(3, Life::kDead);
    if (tested.store().dirty() && !tested.store().writing()) tested.submit();
    // Sometimes the next round gathers while this one is being written.
    if (random.below(2) == 0) put_something(tested, random, max_body, round);
    if (!tested.settle()) return;
    for (uint64_t n = random.below(3); n > 0; --n) tested.poll();
    if (!tested.settle()) return;
    if (round != rounds / 2) continue;
    if (tested.store().dirty()) tested.submit();
    if (!tested.settle()) return;
    tested.close();
    if (!tested.open(seed + 1).ok()) return;
  }
}

Result<std::vector<uint8_t>> read_all(Store& store, const ReplicaState& replica) {
  std::vector<uint8_t> all;
  Index next = replica.start.index.plus(1);
  while (next <= replica.last) {
    ReadResult result;
    ASSIGN(bool ready, store.read({replica.spec.uid, next, replica.last}, 7, result));
    for (int i = 0; i < 100 && !ready; ++i) {
      std::vector<StoreEvent> events;
      store.poll(events);
      for (StoreEvent& event : events) {
        auto* done = std::get_if<ReadDone>(&event);
        if (!done || done->ticket != 7) continue;
        if (!done->result.ok()) return done->result.error();
        result = *done->result;
        ready = true;
      }
    }
    if (!ready || result.last < next) return Error{Code::kInternal, "the read came to nothing"};
    uint64_t bytes = 0;
    for (const Bytes& piece : result.pieces) {
      all.insert(all.end(), piece.view().begin(), piece.view().end());
      bytes += piece.size();
    }
    EXPECT_EQ(bytes, result.bytes);
    next = result.last.plus(1);
  }
  return all;
}

Model model_of(Store& store) {
  Model model;
  for (const auto& [uid, state] : store.replicas()) {
    if (state.fault) continue;
    ModelReplica& replica = model.replicas[uid];
    replica.spec = state.spec;
    replica.life = state.life;
    replica.term = state.term;
    replica.vote = state.vote;
    if (state.life == Life::kDead) continue;
    replica.start = state.start;
    replica.first_configuration = "first of " + std::to_string(uid.value);
    auto all = read_all(store, state);
    EXPECT_TRUE(all.ok()) << all.error().text;
    if (!all.ok()) continue;
    ByteView run(*all);
    while (!run.empty()) {
      auto entry = decode_entry(run, state.spec.group);
      EXPECT_TRUE(entry.ok()) << entry.error().text;
      if (!entry.ok()) break;
      replica.entries.emplace_back(entry->whole.begin(), entry->whole.end());
      run = run.subspan(entry->whole.size());
    }
  }
  for (int n = 0; n < 3; ++n) {
    std::string name = "note" + std::to_string(n);
    if (Bytes value = store.note(name); !value.empty()) model.notes[name] = value.text();
  }
  return model;
}

void expect_valid_logs(Store& store) {
  for (const auto& [uid, state] : store.replicas()) {
    if (state.fault || state.life == Life::kDead) continue;
    auto all = read_all(store, state);
    ASSERT_TRUE(all.ok()) << all.error().text;
    auto run = verify_run(*all, state.spec.group, state.start.index.plus(1));
    ASSERT_TRUE(run.ok()) << run.error().text;
    EXPECT_EQ(run->last, state.last);
    EXPECT_EQ(run->terms, state.terms);
    EXPECT_EQ(state.durable, state.last);
    bool is_whole = state.start.index == Index{0};
    EXPECT_TRUE(is_whole ? state.bytes == all->size() : state.bytes >= all->size())
        << state.bytes << " " << all->size();
    std::string configuration = "first of " + std::to_string(uid.value);
    Index configured{0};
    ByteView rest(*all);
    uint64_t chain = state.start.chain;
    Offset next = state.start.offset;
    while (!rest.empty()) {
      auto entry = decode_entry(rest, state.spec.group);
      ASSERT_TRUE(entry.ok());
      EXPECT_EQ(entry->header.chain, chain_after(chain, entry->header));
      EXPECT_EQ(entry->header.base_offset, next);
      chain = entry->header.chain;
      next = entry->header.next_offset();
      if (entry->header.kind == EntryKind::kConfiguration) {
        configuration = text_of(entry->body);
        configured = entry->header.index;
      }
      rest = rest.subspan(entry->whole.size());
    }
    EXPECT_EQ(state.chain, chain);
    EXPECT_EQ(state.next_offset, next);
    if (!is_whole && configured == Index{0}) continue;  // it was trimmed
    EXPECT_EQ(state.configurations.back().value.text(), configuration);
    EXPECT_EQ(state.configurations.back().index, configured);
  }
}

}  // namespace strandlog::store
