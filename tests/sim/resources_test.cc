// Resources: what it calls too much.
#include "tests/sim/resources.h"

#include <gtest/gtest.h>

namespace strandlog::sim {
namespace {

constexpr uint64_t kMessage = 1'000;

wire::StatusAnswer idle() {
  wire::StatusAnswer status;
  for (const char* name :
       {"uncommitted_bytes", "replicas_leading", "journal_bytes", "unsegmented_bytes",
        "tail_cache_bytes", "deferred_bytes", "pending_fetches", "fetch_held_bytes"}) {
    status.counters[name] = 0;
  }
  return status;
}

size_t beyond(const std::map<std::string, uint64_t>& figures, const OnDisk& disk = {}) {
  broker::BrokerConfig config;
  config.uncommitted_bytes_group = 10'000;
  config.uncommitted_bytes_broker = 15'000;
  config.max_pending_fetches = 5;
  config.max_deferred_bytes = 20'000;
  config.max_fetch_bytes = 50'000;
  config.store.journal_file_bytes = 1u << 20;
  config.store.journal_max_bytes = 4u << 20;
  config.store.tail_cache_bytes = 0;
  config.store.round_bytes = 4'096;
  wire::StatusAnswer status = idle();
  for (const auto& [name, value] : figures) status.counters[name] = value;
  return beyond_bounds(status, config, kMessage, disk).size();
}

TEST(Resources, EachHasABoundThatOneMessageMayGoBeyond) {
  EXPECT_EQ(beyond({}), 0u);
  EXPECT_EQ(beyond({{"uncommitted_bytes", 1}}), 1u) << "who leads nothing has nothing to commit";
  EXPECT_EQ(beyond({{"replicas_leading", 1}, {"uncommitted_bytes", 12'000}}), 0u);
  EXPECT_EQ(beyond({{"replicas_leading", 1}, {"uncommitted_bytes", 12'001}}), 1u);
  EXPECT_EQ(beyond({{"replicas_leading", 3}, {"uncommitted_bytes", 21'000}}), 0u);
  EXPECT_EQ(beyond({{"replicas_leading", 3}, {"uncommitted_bytes", 21'001}}), 1u);
  EXPECT_EQ(beyond({}, {.journal = {.files = 6}}), 0u);
  EXPECT_EQ(beyond({}, {.journal = {.files = 7}}), 1u);
  EXPECT_EQ(beyond({{"unsegmented_bytes", 100'000}}), 1u) << "it lies nowhere";
  EXPECT_EQ(beyond({{"unsegmented_bytes", 100'000}, {"journal_bytes", 1u << 20}}), 1u)
      << "saying so is not enough";
  EXPECT_EQ(beyond({{"unsegmented_bytes", 100'000}}, {.journal = {.bytes = 1u << 20}}), 0u);
  EXPECT_EQ(beyond({{"tail_cache_bytes", 100'000}}), 1u);
  EXPECT_EQ(beyond({{"deferred_bytes", 22'000}}), 0u);
  EXPECT_EQ(beyond({{"deferred_bytes", 22'001}}), 1u);
  EXPECT_EQ(beyond({{"pending_fetches", 5}}), 0u);
  EXPECT_EQ(beyond({{"pending_fetches", 6}}), 1u);
  EXPECT_EQ(beyond({{"pending_fetches", 1}, {"fetch_held_bytes", 52'000}}), 0u);
  EXPECT_EQ(beyond({{"pending_fetches", 1}, {"fetch_held_bytes", 52'001}}), 1u);
}

TEST(Resources, AFileOfTheJournalIsAsLongAsItBeginsOrAsTheLongestRoundOrImage) {
  constexpr uint64_t kFile = 1u << 20, kPage = 4'096;
  EXPECT_EQ(beyond({}, {.journal = {.longest = kFile + kPage}}), 0u);
  EXPECT_EQ(beyond({}, {.journal = {.longest = kFile + kPage + 1}}), 1u);
  OnDisk crowded{{.longest = kFile + kPage + 1}, 10'000};
  EXPECT_EQ(beyond({}, crowded), 0u) << "an image tells of each of these";
  crowded.journal.longest = 2 * kFile;
  EXPECT_EQ(beyond({}, crowded), 1u);
}

TEST(Resources, FilesAreClosedAgain) {
  store::FakeDisk disk;
  disk.put("partitions/a", view_of("a"));
  FileHandle journal = disk.open("journal/a", OpenMode::kWriteDirect).value();
  std::vector<FileHandle> open;
  while (!too_many_open(disk, 2) && open.size() < 100) {
    open.push_back(disk.open("partitions/a", OpenMode::kRead).value());
  }
  EXPECT_EQ(open.size(), 11u) << "two are filled, eight wait for space; one is too many";
  DiskOp flush;
  flush.kind = DiskOp::Kind::kFlush;
  flush.file = open.back();
  disk.submit(std::move(flush));
  EXPECT_FALSE(too_many_open(disk, 2)) << "one has work to do";
  std::vector<DiskDone> done;
  disk.poll(done);
  EXPECT_TRUE(too_many_open(disk, 2));
  disk.close(open.back());
  EXPECT_FALSE(too_many_open(disk, 2));
  disk.close(journal);
}

TEST(Resources, AJournalIsAsLongAsItsStoreSaysButForOneFile) {
  broker::BrokerConfig config;
  config.store.journal_file_bytes = 1'000'000;
  config.store.round_bytes = 4'096;
  EXPECT_TRUE(is_as_told(5'000'000, {.bytes = 4'000'000}, config));
  EXPECT_TRUE(is_as_told(5'000'000, {.bytes = 6'000'000}, config));
  EXPECT_FALSE(is_as_told(5'000'000, {.bytes = 3'999'999}, config));
  EXPECT_FALSE(is_as_told(5'000'000, {.bytes = 6'000'001}, config));
  EXPECT_TRUE(is_as_told(5'000'000, {.bytes = 6'000'001, .longest = 1'000'001}, config));
}

TEST(Resources, AFigureThatIsNotToldIsMissed) {
  wire::StatusAnswer status = idle();
  status.counters.erase("tail_cache_bytes");
  EXPECT_FALSE(beyond_bounds(status, {}, kMessage, {}).empty());
}

}  // namespace
}  // namespace strandlog::sim
