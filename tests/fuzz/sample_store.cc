// Filling the sample stores.
#include "tests/fuzz/sample_store.h"

#include <algorithm>

namespace strandlog::fuzz {

using store::FakeDisk;
using store::Life;

StoreId sample_store_id() {
  StoreId id;
  id.bytes.fill(0x5a);
  return id;
}

store::StoreOptions sample_store_options() {
  store::StoreOptions options;
  options.journal_file_bytes = 32u << 10;
  options.journal_max_bytes = 192u << 10;
  options.segment_bytes = 8u << 10;
  options.tail_cache_bytes = 32u << 10;
  options.round_bytes = 16u << 10;
  options.reserve_bytes = 0;
  return options;
}

store::ReplicaSpec sample_spec(uint64_t uid) {
  store::ReplicaSpec spec;
  spec.uid = Uid{uid};
  spec.group.bytes.fill(static_cast<uint8_t>(uid));
  spec.topic.bytes.fill(0x70);
  spec.topic_name = "topic";
  spec.partition = static_cast<uint32_t>(uid);
  spec.creation = 100 + uid;
  return spec;
}

uint64_t PlainRandom::next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

namespace {

/// A store at work, and beside it what it must hold.
class Recorder {
 public:
  explicit Recorder(SampleStore& sample) : sample_(sample) {
    sample_.snapshots.emplace_back();
    open();
  }

  void open() {
    store_ = std::move(store::Store::open(sample_store_options(), sample_.disk, random_,
                                          sample_store_id()))
                 .value();
  }
  void close() {
    store_.reset();
    std::vector<DiskDone> done;
    while (sample_.disk.pending_count() > 0) sample_.disk.poll(done);
  }
  void make(uint64_t uid) {
    now_.replicas[Uid{uid}];
    store_->make(sample_spec(uid), Bytes::copy("first of " + std::to_string(uid)));
  }
  void append(uint64_t uid, Term term, size_t body_bytes, EntryKind kind = EntryKind::kData) {
    HeldReplica& held = now_.replicas[Uid{uid}];
    std::vector<uint8_t> body(body_bytes, static_cast<uint8_t>('a' + held.entries.size() % 26));
    store::NewEntry entry;
    entry.kind = kind;
    entry.term = term;
    entry.record_count = kind == EntryKind::kData ? 2 : 0;
    entry.append_time_ms = 1000 + static_cast<int64_t>(held.entries.size());
    entry.body = body;
    EntryHeader header = store_->append(Uid{uid}, entry);
    std::vector<uint8_t> stored(kEntryHeaderBytes);
    encode_entry_header(header, sample_spec(uid).group,
                        std::span<uint8_t, kEntryHeaderBytes>(stored.data(), kEntryHeaderBytes));
    stored.insert(stored.end(), body.begin(), body.end());
    held.entries.push_back(std::move(stored));
  }
  void truncate(uint64_t uid, size_t keep) {
    now_.replicas[Uid{uid}].entries.resize(keep);
    store_->truncate(Uid{uid}, Index{keep + 1});
  }
  void hard_state(uint64_t uid, Term term, Uid vote) {
    HeldReplica& held = now_.replicas[Uid{uid}];
    held.term = term;
    held.vote = vote;
    store_->set_hard_state(Uid{uid}, term, vote);
  }
  void life(uint64_t uid, Life life) {
    HeldReplica& held = now_.replicas[Uid{uid}];
    held.life = life;
    if (life == Life::kDead) held.entries.clear();
    store_->set_life(Uid{uid}, life);
  }
  void note(const std::string& value) {
    now_.note = value;
    store_->put_note("note", Bytes::copy(value));
  }
  /// Writes what was gathered; then lets the store do what it does behind the rounds.
  void round(int polls = 4) {
    std::vector<store::StoreEvent> events;
    store_->submit();
    sample_.snapshots.push_back(now_);
    for (int i = 0; i < polls || store_->writing(); ++i) store_->poll(events);
  }
  size_t last(uint64_t uid) { return now_.replicas[Uid{uid}].entries.size(); }
  const store::Store& store() const { return *store_; }

 private:
  SampleStore& sample_;
  PlainRandom random_{1};
  std::unique_ptr<store::Store> store_;
  Snapshot now_;
};

SampleStore empty_store() {
  SampleStore sample;
  sample.snapshots.emplace_back();
  std::vector<uint8_t> zeroes(32u << 10);
  for (const char* name : {"journal/1.jnl", "journal/2.jnl", "journal/3.jnl"}) {
    sample.disk.put(name, zeroes);
  }
  return sample;
}

void begin(Recorder& recorder) {
  for (uint64_t uid = 1; uid <= 3; ++uid) recorder.make(uid);
  recorder.round();
  for (uint64_t uid = 1; uid <= 3; ++uid) {
    recorder.life(uid, Life::kLive);
    recorder.hard_state(uid, Term{1}, Uid{uid});
    recorder.append(uid, Term{1}, 0, EntryKind::kNoop);
  }
  recorder.note("a fact");
  recorder.round();
}

SampleStore short_life() {
  SampleStore sample;
  Recorder recorder(sample);
  begin(recorder);
  recorder.append(1, Term{1}, 40);
  recorder.append(2, Term{1}, 20, EntryKind::kConfiguration);
  recorder.append(1, Term{1}, 5000);
  recorder.round();
  recorder.truncate(1, 2);
  recorder.append(1, Term{2}, 30);
  recorder.round();
  recorder.close();
  recorder.open();
  recorder.append(3, Term{3}, 10);
  recorder.round();
  recorder.hard_state(2, Term{4}, Uid{3});
  recorder.note("another fact");
  recorder.round();
  recorder.close();
  return sample;
}

SampleStore long_life() {
  SampleStore sample;
  Recorder recorder(sample);
  begin(recorder);
  for (int i = 0; i < 28; ++i) {
    uint64_t uid = 1 + static_cast<uint64_t>(i % 2);
    recorder.append(uid, Term{1}, 600 + 50 * static_cast<size_t>(i % 7));
    if (i % 10 == 0) recorder.append(uid, Term{1}, 12, EntryKind::kConfiguration);
    if (i % 5 == 0) recorder.append(3, Term{1}, 900);
    recorder.round();
  }
  recorder.life(3, Life::kDead);
  recorder.round(80);
  recorder.truncate(2, 12);  // into a segment
  recorder.append(2, Term{2}, 100);
  recorder.round();
  recorder.truncate(1, recorder.last(1) - 1);
  recorder.append(1, Term{2}, 50);
  recorder.round();
  recorder.close();
  recorder.open();
  recorder.append(2, Term{2}, 60);
  recorder.note("a last fact");
  recorder.round();
  CHECK(recorder.store().figures().checkpoints + 1 > 0);
  recorder.close();
  return sample;
}

}  // namespace

const SampleStore& sample_store(size_t number) {
  static const SampleStore kStores[kSampleStores] = {empty_store(), short_life(), long_life()};
  return kStores[number % kSampleStores];
}

}  // namespace strandlog::fuzz
