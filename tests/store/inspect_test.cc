// Looking at a stopped store: every entry once, every damage named, nothing changed.
#include "store/inspect.h"

#include <gmock/gmock.h>
#include <poll.h>

#include "store/base_image.h"
#include "store/data_directory.h"
#include "store/journal.h"
#include "store/journal_scan.h"
#include "store/posix_disk.h"
#include "tests/store/segment_builder.h"
#include "tests/store/store_model.h"
#include "tests/store/temp_directory.h"

namespace strandlog::store {
namespace {

using ::testing::HasSubstr;

StoreOptions small() {
  StoreOptions options;
  options.journal_file_bytes = 256u << 10;
  return options;
}

std::map<std::string, std::vector<uint8_t>> picture(const FakeDisk& disk) {
  std::map<std::string, std::vector<uint8_t>> out;
  for (const std::string& path : disk.files()) out[path] = disk.bytes_of(path);
  return out;
}

// Two replicas: entries of 1 and 2 in one round, then one more of replica 1.
struct Stopped {
  FakeDisk disk;
  Model model;
  Stopped() {
    ModelledStore tested(disk, small());
    EXPECT_TRUE(tested.open(5).ok());
    tested.make(1);
    tested.make(2);
    for (int i = 0; i < 3; ++i) tested.append(1, Term{1}, 2000);
    tested.append(2, Term{1}, 500);
    submit(tested);
    tested.append(1, Term{2}, 100);
    submit(tested);
    model = tested.model;
  }
  static void submit(ModelledStore& tested) {
    tested.submit();
    EXPECT_TRUE(tested.settle());
  }
};

ScannedRound last_round(FakeDisk& disk, std::string* path) {
  auto scan = scan_journal(disk, test_store_id());
  EXPECT_TRUE(scan.ok());
  const ScannedRound& round = *scan->chain.back().found;
  *path = scan->files[round.file].path;
  return round;
}

uint64_t find_bytes(const FakeDisk& disk, const std::string& path, ByteView what) {
  auto bytes = disk.bytes_of(path);
  auto at = std::search(bytes.begin(), bytes.end(), what.begin(), what.end());
  EXPECT_TRUE(at != bytes.end());
  return static_cast<uint64_t>(at - bytes.begin());
}

TEST(Inspect, SeesEveryEntryOnceAndChangesNothing) {
  Stopped stopped;
  auto before = picture(stopped.disk);
  std::map<Uid, std::vector<std::vector<uint8_t>>> seen;
  uint64_t operations = stopped.disk.operation_count();

  auto inspected = inspect(stopped.disk, test_store_id(), [&](const InspectedEntry& e) {
    seen[e.replica.uid].emplace_back(e.entry.whole.begin(), e.entry.whole.end());
  });

  ASSERT_TRUE(inspected.ok()) << inspected.error().text;
  EXPECT_TRUE(inspected->sound());
  EXPECT_EQ(inspected->torn_bytes, 0u);
  EXPECT_EQ(inspected->boot_epoch, BootEpoch{1});
  EXPECT_EQ(picture(stopped.disk), before);
  EXPECT_EQ(stopped.disk.operation_count(), operations);
  ASSERT_EQ(inspected->replicas.size(), 2u);
  for (const InspectedReplica& replica : inspected->replicas) {
    const ModelReplica& expected = stopped.model.replicas.at(replica.spec.uid);
    EXPECT_EQ(seen[replica.spec.uid], expected.entries);
    EXPECT_EQ(replica.spec, expected.spec);
    EXPECT_EQ(replica.last.value, expected.entries.size());
    EXPECT_EQ(replica.batches + replica.control_entries, expected.entries.size());
    EXPECT_EQ(replica.end.value - replica.start.value, replica.records);
    EXPECT_FALSE(replica.fault);
  }
}

TEST(Inspect, NamesFilePositionAndIndexOfADamagedEntry) {
  Stopped stopped;
  std::string path;
  last_round(stopped.disk, &path);
  const auto& second = stopped.model.replicas.at(Uid{1}).entries[1];
  uint64_t at = find_bytes(stopped.disk, path, second);
  stopped.disk.flip(path, at + 500);

  auto inspected = inspect(stopped.disk, test_store_id());

  ASSERT_TRUE(inspected.ok()) << inspected.error().text;
  ASSERT_EQ(inspected->damage.size(), 1u);
  const Damage& damage = inspected->damage[0];
  EXPECT_EQ(damage.file, path);
  EXPECT_EQ(damage.position, at);
  EXPECT_EQ(damage.uid, Uid{1});
  EXPECT_EQ(damage.index, Index{2});
  EXPECT_TRUE(inspected->replicas[0].fault.has_value());
  EXPECT_FALSE(inspected->replicas[1].fault.has_value());
  EXPECT_EQ(inspected->replicas[1].batches, 1u);
}

TEST(Inspect, CountsATornLastRoundAsTornAndNotAsDamage) {
  Stopped stopped;
  std::string path;
  ScannedRound round = last_round(stopped.disk, &path);
  uint64_t at = find_bytes(stopped.disk, path, stopped.model.replicas.at(Uid{1}).entries[3]);
  stopped.disk.flip(path, at);

  auto inspected = inspect(stopped.disk, test_store_id());

  ASSERT_TRUE(inspected.ok()) << inspected.error().text;
  EXPECT_TRUE(inspected->sound());
  EXPECT_EQ(inspected->torn_bytes, round.fixed.total_bytes);
  EXPECT_LT(inspected->last_round, round.fixed.number);
  EXPECT_EQ(inspected->replicas[0].last, Index{3});
}

TEST(Inspect, CountsTheRoundThatATornBootRoundRepeats) {
  Stopped stopped;
  std::string path;
  RoundNumber repeated = last_round(stopped.disk, &path).fixed.number;
  ASSERT_TRUE(ModelledStore(stopped.disk, small()).open(6).ok());
  ScannedRound boot = last_round(stopped.disk, &path);
  ASSERT_GT(boot.fixed.number, repeated);
  stopped.disk.flip(path, boot.position + boot.fixed.head_bytes - 1);

  auto inspected = inspect(stopped.disk, test_store_id());

  ASSERT_TRUE(inspected.ok()) << inspected.error().text;
  EXPECT_TRUE(inspected->sound());
  EXPECT_EQ(inspected->torn_bytes, boot.fixed.total_bytes);
  EXPECT_EQ(inspected->last_round, repeated);
  EXPECT_EQ(inspected->replicas[0].last, Index{4});
}

// A journal whose base image says that replica 7 lies in the segment of a SegmentBench.
void write_image(SegmentBench& bench, const SegmentRange& range, LogStart start) {
  Dice random(3);
  JournalOptions options{test_store_id(), 256u << 10, 1u << 20};
  Journal journal(bench.disk, random, options);
  journal.set_boot_epoch(BootEpoch{1});
  ImageReplica replica;
  replica.state.spec = {Uid{7}, bench.group, TopicId{}, "orders", 3, 1};
  replica.state.life = Life::kLive;
  replica.state.start = start;
  replica.state.last = range.end.index;
  replica.state.next_offset = range.end.next_offset;
  replica.state.chain = range.end.chain;
  replica.state.terms = {{range.first, range.term}};
  replica.segments = {range};
  std::vector<uint8_t> part = encode_image_replica(replica);
  auto payload = std::make_shared<Pages>(part.size());
  std::memset(payload->data(), 0, payload->size());
  std::memcpy(payload->data(), part.data(), part.size());
  auto put = [&](RoundContent content) {
    RoundWrite write = journal.place(content).value();
    for (const Bytes& piece : write.pieces) {
      ASSERT_TRUE(bench.disk.write(write.file, write.position, piece).ok());
      write.position += piece.size();
    }
    ASSERT_TRUE(bench.disk.flush(write.file).ok());
  };
  RoundContent boot;
  boot.items.push_back({.kind = ItemKind::kBoot, .first = Index{1}, .extra = 5});
  put(std::move(boot));
  RoundContent image;
  image.has_image = true;
  image.items.push_back({.kind = ItemKind::kImageBegin, .first = Index{1}, .last = Index{1}});
  Item item{.kind = ItemKind::kImageReplica, .uid = Uid{7}};
  item.bytes = static_cast<uint32_t>(part.size());
  item.crc = crc32c(part);
  image.items.push_back(item);
  image.payload = {Bytes(payload, ByteView(payload->data(), payload->size()))};
  image.payload_bytes = part.size();
  put(std::move(image));
}

struct InSegments {
  SegmentBench bench;
  LogBuilder log{test_group(9)};
  SegmentFile file;
  explicit InSegments(LogStart start = {}) {
    log.add(300, 4).add(0, 0).add(5000, 2).add(100, 1);
    auto writer = bench.create();
    bench.write(*writer, log.run(0, 1));
    bench.write(*writer, log.run(2, 3));
    writer->flush();
    EXPECT_TRUE(bench.poll(*writer).empty());
    file = writer->file();
    write_image(bench, writer->durable(), start);
  }
};

TEST(Inspect, WalksTheSegmentsOfABaseImage) {
  InSegments stored;
  std::vector<uint8_t> seen;
  auto inspected = inspect(stored.bench.disk, test_store_id(), [&](const InspectedEntry& e) {
    EXPECT_TRUE(e.in_segment);
    seen.insert(seen.end(), e.entry.whole.begin(), e.entry.whole.end());
  });

  ASSERT_TRUE(inspected.ok()) << inspected.error().text;
  EXPECT_TRUE(inspected->sound()) << inspected->damage[0].what;
  ASSERT_EQ(inspected->replicas.size(), 1u);
  const InspectedReplica& replica = inspected->replicas[0];
  EXPECT_EQ(seen, stored.log.all());
  EXPECT_EQ(replica.batches, 3u);
  EXPECT_EQ(replica.control_entries, 1u);
  EXPECT_EQ(replica.records, 7u);
  EXPECT_EQ(replica.end, Offset{7});
  EXPECT_EQ(replica.segments, 1u);
  EXPECT_EQ(replica.bytes, stored.log.all().size());
}

TEST(Inspect, LeavesOutWhatWasTrimmed) {
  InSegments stored({Index{2}, Term{5}, Offset{4}, 0});
  auto inspected = inspect(stored.bench.disk, test_store_id());
  ASSERT_TRUE(inspected.ok());
  EXPECT_EQ(inspected->replicas.at(0).first, Index{3});
  EXPECT_EQ(inspected->replicas[0].start, Offset{4});
  EXPECT_EQ(inspected->replicas[0].batches, 2u);
  EXPECT_EQ(inspected->replicas[0].records, 3u);
}

TEST(Inspect, GoesOnBehindADamagedBodyAndNamesAMissingFile) {
  InSegments stored;
  uint64_t third = 2 * kPageBytes;
  stored.bench.disk.flip(stored.file.path, third + 1000);
  auto inspected = inspect(stored.bench.disk, test_store_id());
  ASSERT_TRUE(inspected.ok());
  ASSERT_EQ(inspected->damage.size(), 1u);
  EXPECT_EQ(inspected->damage[0].file, stored.file.path);
  EXPECT_EQ(inspected->damage[0].position, third);
  EXPECT_EQ(inspected->damage[0].index, Index{3});
  EXPECT_EQ(inspected->replicas.at(0).batches, 2u);

  stored.bench.disk.erase(stored.file.path);
  inspected = inspect(stored.bench.disk, test_store_id());
  ASSERT_TRUE(inspected.ok());
  ASSERT_EQ(inspected->damage.size(), 1u);
  EXPECT_THAT(inspected->damage[0].what, HasSubstr("missing"));
}

TEST(Inspect, FindsDamageOfEveryByteOfASegment) {
  InSegments stored;
  for (uint64_t at = 0; at < stored.file.range.end_position; at += 13) {
    stored.bench.disk.flip(stored.file.path, at);
    auto inspected = inspect(stored.bench.disk, test_store_id());
    ASSERT_TRUE(inspected.ok());
    ASSERT_FALSE(inspected->sound()) << "byte " << at;
    ASSERT_EQ(inspected->damage[0].file, stored.file.path);
    stored.bench.disk.flip(stored.file.path, at);
  }
}

TEST(Inspect, OpensARealDirectoryOfAStoppedBrokerOnly) {
  TempDirectory parent;
  std::string path = parent / "data";
  Dice random(1);
  auto directory = DataDirectory::format(path, BrokerId{1}, random);
  ASSERT_TRUE(directory.ok());
  {
    auto disk = std::move(PosixDisk::open(path)).value();
    auto store = Store::open(small(), *disk, random, directory->identity().store);
    ASSERT_TRUE(store.ok()) << store.error().text;
    (*store)->make(test_spec(4), Bytes::copy("configuration"));
    (*store)->append(Uid{4}, {EntryKind::kNoop, Term{1}, 0, 1, {}});
    (*store)->submit();
    std::vector<StoreEvent> events;
    while (events.empty()) {
      pollfd wake{disk->wake_fd(), POLLIN, 0};
      ASSERT_EQ(::poll(&wake, 1, 10'000), 1);
      (*store)->poll(events);
    }
  }
  EXPECT_EQ(inspect_directory(path).error().code, Code::kLocked);
  { DataDirectory closed = std::move(*directory); }

  auto inspected = inspect_directory(path);

  ASSERT_TRUE(inspected.ok()) << inspected.error().text;
  EXPECT_TRUE(inspected->sound());
  ASSERT_EQ(inspected->replicas.size(), 1u);
  EXPECT_EQ(inspected->replicas[0].control_entries, 1u);
  EXPECT_EQ(inspected->replicas[0].spec, test_spec(4));
}

}  // namespace
}  // namespace strandlog::store
