// Damage after the fact: what was durable is never taken for a torn write, and only the replicas it
// belongs to go out of service.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "store/journal_scan.h"
#include "tests/store/store_model.h"

namespace strandlog::store {
namespace {

StoreOptions options() {
  StoreOptions o;
  o.journal_file_bytes = 256u << 10;
  return o;
}

// Five rounds: made; entries of all; entries and hard state of replica 2; notes; entries of 1.
struct Written {
  FakeDisk disk;
  Model model;
  std::map<uint64_t, Model> after;
  uint64_t made = 0, all = 0, second = 0, notes = 0, last = 0;

  Written() {
    ModelledStore tested(disk, options());
    EXPECT_TRUE(tested.open(5).ok());
    auto submit = [&] {
      uint64_t number = tested.store().gathering().value;
      tested.submit();
      EXPECT_TRUE(tested.settle());
      return number;
    };
    for (uint64_t uid = 1; uid <= 3; ++uid) tested.make(uid);
    made = submit();
    for (uint64_t uid = 1; uid <= 3; ++uid) tested.append(uid, Term{1}, 5000);
    all = submit();
    tested.hard_state(2, Term{2}, Uid{1});
    tested.append(2, Term{2}, 300);
    second = submit();
    tested.note("note1", "a fact");
    notes = submit();
    tested.append(1, Term{1}, 700);
    last = submit();
    model = tested.model;
    after = tested.after;
  }
};

ScannedRound round_of(FakeDisk disk, uint64_t number, std::string* path) {
  auto scan = scan_journal(disk, test_store_id());
  EXPECT_TRUE(scan.ok());
  for (const ChainLink& link : scan->chain) {
    if (link.number.value != number) continue;
    *path = scan->files[link.found->file].path;
    return *link.found;
  }
  ADD_FAILURE() << "no round " << number;
  return {};
}

// Opens a copy with some bytes flipped.
struct Opened {
  FakeDisk disk;
  Dice random{9};
  std::unique_ptr<Store> store;
  std::optional<Error> error;
  Opened(const FakeDisk& from, const std::string& path, std::vector<uint64_t> positions)
      : disk(from) {
    for (uint64_t position : positions) disk.flip(path, position);
    auto opened = Store::open(options(), disk, random, test_store_id());
    if (opened.ok()) {
      store = std::move(opened).value();
    } else {
      error = opened.error();
    }
  }
  std::set<uint64_t> faulty() const {
    std::set<uint64_t> uids;
    for (const auto& [uid, state] : store->replicas()) {
      if (state.fault) uids.insert(uid.value);
    }
    return uids;
  }
};

void expect_intact_except(Opened& opened, Model model, const std::set<uint64_t>& faulty) {
  ASSERT_FALSE(opened.error) << opened.error->text;
  EXPECT_EQ(opened.faulty(), faulty);
  for (uint64_t uid : faulty) model.replicas.erase(Uid{uid});
  EXPECT_TRUE(model_of(*opened.store) == model);
  expect_valid_logs(*opened.store);
}

TEST(StoreDamage, OfAnyByteOfADurableEntryTouchesItsReplicaAlone) {
  Written written;
  std::string path;
  ScannedRound round = round_of(written.disk, written.second, &path);
  const auto& entry = written.model.replicas[Uid{2}].entries[1];
  auto bytes = written.disk.bytes_of(path);
  auto at = std::search(bytes.begin(), bytes.end(), entry.begin(), entry.end());
  ASSERT_NE(at, bytes.end());
  uint64_t begin = static_cast<uint64_t>(at - bytes.begin());
  ASSERT_GT(begin, round.position);
  for (uint64_t i = 0; i < entry.size(); ++i) {
    SCOPED_TRACE("byte " + std::to_string(i) + " of the entry");
    Opened opened(written.disk, path, {begin + i});
    expect_intact_except(opened, written.model, {2});
    if (HasFailure()) return;
  }
}

TEST(StoreDamage, OfARoundSharedByAllReplicasTouchesTheOwnerOfTheBytes) {
  Written written;
  std::string path;
  round_of(written.disk, written.all, &path);
  auto bytes = written.disk.bytes_of(path);
  for (uint64_t uid = 1; uid <= 3; ++uid) {
    const auto& entry = written.model.replicas[Uid{uid}].entries[0];
    auto at = std::search(bytes.begin(), bytes.end(), entry.begin(), entry.end());
    ASSERT_NE(at, bytes.end());
    Opened opened(written.disk, path, {static_cast<uint64_t>(at - bytes.begin()) + 2000});
    expect_intact_except(opened, written.model, {uid});
  }
}

TEST(StoreDamage, OfAnyByteOfAHeadIsToldByTheNextHead) {
  Written written;
  std::string path;
  ScannedRound round = round_of(written.disk, written.second, &path);
  for (uint64_t i = 0; i < round.fixed.head_bytes; ++i) {
    SCOPED_TRACE("byte " + std::to_string(i) + " of the head");
    Opened opened(written.disk, path, {round.position + i});
    expect_intact_except(opened, written.model, {2});
    if (HasFailure()) return;
  }
}

TEST(StoreDamage, OfAHeadIsRememberedAcrossRestarts) {
  Written written;
  std::string path;
  ScannedRound round = round_of(written.disk, written.second, &path);
  Opened once(written.disk, path, {round.position});
  ASSERT_FALSE(once.error);
  once.store.reset();
  Opened twice(once.disk, path, {});
  expect_intact_except(twice, written.model, {2});
}

TEST(StoreDamage, OfTwoHeadsInARowRefusesTheStore) {
  Written written;
  std::string path;
  ScannedRound all = round_of(written.disk, written.all, &path);
  ScannedRound second = round_of(written.disk, written.second, &path);
  Opened opened(written.disk, path, {all.position, second.position});
  ASSERT_TRUE(opened.error);
  EXPECT_EQ(opened.error->code, Code::kCorruption);
}

TEST(StoreDamage, OfANoteRefusesTheStore) {
  Written written;
  std::string path;
  ScannedRound notes = round_of(written.disk, written.notes, &path);
  Opened opened(written.disk, path, {notes.position + notes.fixed.payload_at + 6});
  ASSERT_TRUE(opened.error);
  EXPECT_EQ(opened.error->code, Code::kCorruption);
}

TEST(StoreDamage, OfOneFileHeaderCopyChangesNothing) {
  Written written;
  std::string path;
  round_of(written.disk, written.last, &path);
  for (uint64_t position : {uint64_t{20}, kPageBytes + 20}) {
    Opened opened(written.disk, path, {position});
    expect_intact_except(opened, written.model, {});
  }
}

TEST(StoreDamage, OfTheLastRoundIsATornWriteAndIsCut) {
  Written written;
  std::string path;
  ScannedRound last = round_of(written.disk, written.last, &path);
  uint64_t used = last.fixed.payload_at + 700;
  for (uint64_t i = 0; i < used; i += 5) {
    SCOPED_TRACE("byte " + std::to_string(i) + " of the round");
    if (i >= last.fixed.head_bytes && i < last.fixed.payload_at) continue;  // padding
    Opened opened(written.disk, path, {last.position + i});
    expect_intact_except(opened, written.after[written.notes], {});
    ASSERT_FALSE(HasFailure());
    EXPECT_GE(opened.store->durable().value, written.last);
  }
}

TEST(StoreDamage, AfterACutRoundTheNextStartFindsTheSame) {
  Written written;
  std::string path;
  ScannedRound last = round_of(written.disk, written.last, &path);
  Opened once(written.disk, path, {last.position + last.fixed.payload_at + 1});
  ASSERT_FALSE(once.error);
  once.store.reset();
  Opened twice(once.disk, path, {});
  expect_intact_except(twice, written.after[written.notes], {});
}

TEST(StoreDamage, LeavesAFaultyReplicaOutUntilItIsGivenUp) {
  Written written;
  std::string path;
  ScannedRound round = round_of(written.disk, written.second, &path);
  Opened opened(written.disk, path, {round.position});
  ASSERT_FALSE(opened.error);
  ReadResult result;
  auto read = opened.store->read({Uid{2}, Index{1}, Index{1}}, 1, result);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::kFaulty);

  opened.store->set_life(Uid{2}, Life::kDead);
  opened.store->submit();
  std::vector<StoreEvent> events;
  while (opened.store->writing()) opened.store->poll(events);
  opened.store.reset();
  Opened again(opened.disk, path, {});
  ASSERT_FALSE(again.error);
  EXPECT_TRUE(again.faulty().empty());
  EXPECT_EQ(again.store->replicas().at(Uid{2}).life, Life::kDead);
}

// ---- what no store writes, under right checksums

// The round with a head changed by `change` and sealed anew.
template <class Change>
FakeDisk forged(FakeDisk disk, uint64_t number, Change change) {
  auto scan = scan_journal(disk, test_store_id());
  std::string path;
  ScannedRound round = round_of(disk, number, &path);
  auto bytes = disk.bytes_of(path);
  const JournalFileHeader& file = *scan->files[round.file].header;
  MutableByteView whole = MutableByteView(bytes).subspan(round.position, round.fixed.total_bytes);
  RoundHead head = decode_round_head(whole, file).value();
  change(head);
  encode_round_head(head, file.salt, whole);
  disk.put(path, bytes);
  return disk;
}

TEST(StoreForgery, AnItemOfAnUnknownKindPutsItsReplicaOutOfService) {
  for (int kind : {0, 16, 31, 32, 200}) {
    Written written;
    FakeDisk disk = forged(written.disk, written.second, [&](RoundHead& head) {
      for (Item& item : head.items) {
        if (item.kind == ItemKind::kHardState) item.kind = static_cast<ItemKind>(kind);
      }
    });
    Opened opened(disk, "", {});
    expect_intact_except(opened, written.model, {2});
  }
}

TEST(StoreForgery, ARoundThatLeadsBackToItselfEndsTheSearch) {
  Written written;
  FakeDisk disk = forged(written.disk, written.notes,
                         [&](RoundHead& head) { head.fixed.before_previous = head.fixed.number; });
  std::string path;
  ScannedRound lost = round_of(written.disk, written.second, &path);
  Opened opened(disk, path, {lost.position});
  ASSERT_TRUE(opened.error);
  EXPECT_EQ(opened.error->code, Code::kCorruption);
}

TEST(StoreForgery, EntriesThatAreNotThereAreMissed) {
  Written written;
  FakeDisk disk = forged(written.disk, written.second, [&](RoundHead& head) {
    for (Item& item : head.items) {
      if (item.kind == ItemKind::kEntries) item.bytes = 0;
    }
  });
  Opened opened(disk, "", {});
  expect_intact_except(opened, written.model, {2});
}

TEST(StoreForgery, AReplicaMadeTwiceIsOutOfService) {
  Written written;
  std::string path;
  ScannedRound made = round_of(written.disk, written.made, &path);
  Item again;
  forged(written.disk, written.made, [&](RoundHead& head) { again = head.items[1]; });
  // The round's payload begins where the item says; the entries' round is given the same bytes.
  auto bytes = written.disk.bytes_of(path);
  ScannedRound second = round_of(written.disk, written.second, &path);
  std::copy_n(bytes.begin() +
                  static_cast<ptrdiff_t>(made.position + made.fixed.payload_at + again.position),
              again.bytes,
              bytes.begin() + static_cast<ptrdiff_t>(second.position + second.fixed.payload_at));
  FakeDisk disk = written.disk;
  disk.put(path, bytes);
  disk = forged(disk, written.second, [&](RoundHead& head) {
    head.items = {again};
    head.items[0].position = 0;
  });
  Opened opened(disk, "", {});
  expect_intact_except(opened, written.model, {2});
}

}  // namespace
}  // namespace strandlog::store
