// RocksStateStore on its directory: copies, damage of every file, modes.
#include "store/rocks_state_store.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/store/temp_directory.h"

namespace strandlog::store {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class RocksStateStoreTest : public ::testing::Test {
 protected:
  std::string path() { return directory_ / "state"; }
  RocksStateStore::Opened open(const std::string& at) {
    auto opened = RocksStateStore::open(at);
    EXPECT_TRUE(opened.ok()) << opened.error().text;
    return std::move(opened).value();
  }
  /// Two tables of the same rows.
  void fill() {
    auto store = open(path()).store;
    for (uint64_t index = 1; index <= 2; ++index) {
      StateBatch batch;
      for (int i = 0; i < 1000; ++i) {
        batch.put("key" + std::to_string(i), Bytes::copy(std::string(100, 'v')));
      }
      ASSERT_TRUE(store->apply("m", Index{index}, batch).ok());
      ASSERT_TRUE(store->flush().ok());
    }
  }
  /// The files whose names hold `part`, sorted.
  std::vector<std::string> files(const std::string& part) {
    std::vector<std::string> out;
    for (const auto& file : fs::directory_iterator(path())) {
      std::string name = file.path().filename();
      if (name.find(part) != std::string::npos) out.push_back(file.path());
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  static void overwrite(const std::string& file, uintmax_t at, const std::string& bytes) {
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(at));
    out << bytes;
    ASSERT_TRUE(out.good()) << file;
  }
  /// The damage is noticed, said once, and what follows is an empty store that works.
  void expect_dropped() {
    {
      auto opened = open(path());
      EXPECT_NE(opened.dropped, "");
      EXPECT_EQ(opened.store->applied("m").value(), Index{0});
      EXPECT_TRUE(opened.store->scan("m", "", "", 1000).value().rows.empty());
      ASSERT_TRUE(opened.store->apply("m", Index{1}, {}).ok());
      ASSERT_TRUE(opened.store->flush().ok());
    }
    auto again = open(path());
    EXPECT_EQ(again.dropped, "");
    EXPECT_EQ(again.store->applied("m").value(), Index{1});
  }

  TempDirectory directory_;
};

TEST_F(RocksStateStoreTest, ACopyOfTheDirectoryHoldsWhatWasFlushed) {
  auto store = open(path()).store;
  StateBatch batch;
  batch.put("a", Bytes::copy(std::string_view("flushed")));
  ASSERT_TRUE(store->apply("m", Index{4}, batch).ok());
  ASSERT_TRUE(store->flush().ok());
  StateBatch later;
  later.put("a", Bytes::copy(std::string_view("not flushed")));
  ASSERT_TRUE(store->apply("m", Index{5}, later).ok());

  fs::copy(path(), directory_ / "copy");

  auto copy = open(directory_ / "copy");
  EXPECT_EQ(copy.dropped, "");
  EXPECT_EQ(copy.store->applied("m").value(), Index{4});
  EXPECT_EQ(copy.store->get("m", "a").value()->text(), "flushed");
}

TEST_F(RocksStateStoreTest, GoesWithoutWhatWasNotFlushed) {
  ASSERT_TRUE(open(path()).store->apply("m", Index{4}, {}).ok());

  auto opened = open(path());

  EXPECT_EQ(opened.dropped, "");
  EXPECT_EQ(opened.store->applied("m").value(), Index{0});
}

TEST_F(RocksStateStoreTest, DropsADamagedDatabaseAndSaysSo) {
  const std::string rubbish(64, '\x5a');
  const std::vector<std::pair<const char*, std::function<void()>>> kDamages = {
      {"a table with other bytes in the middle",
       [&] { overwrite(files(".sst").front(), 20'000, rubbish); }},
      {"a table with another end",
       [&] { overwrite(files(".sst").back(), fs::file_size(files(".sst").back()) - 64, rubbish); }},
      {"a table cut in half", [&] { fs::resize_file(files(".sst").back(), 20'000); }},
      {"an empty table", [&] { fs::resize_file(files(".sst").front(), 0); }},
      {"a missing table", [&] { fs::remove(files(".sst").front()); }},
      {"a manifest with other bytes", [&] { overwrite(files("MANIFEST").front(), 30, rubbish); }},
      {"an empty manifest", [&] { fs::resize_file(files("MANIFEST").front(), 0); }},
      {"a missing manifest", [&] { fs::remove(files("MANIFEST").front()); }},
      {"a CURRENT with other bytes", [&] { overwrite(path() + "/CURRENT", 0, rubbish); }},
      {"an empty CURRENT", [&] { fs::resize_file(path() + "/CURRENT", 0); }},
      {"a missing CURRENT", [&] { fs::remove(path() + "/CURRENT"); }},
      {"a directory in the place of a table",
       [&] {
         std::string table = files(".sst").front();
         fs::remove(table);
         fs::create_directories(table + "/inside");
       }},
      {"another program's file alone",
       [&] {
         fs::remove_all(path());
         fs::create_directory(path());
         std::ofstream(path() + "/README") << "hello";
       }},
      {"a mark that says so", [&] { std::ofstream(path() + "/DAMAGED") << ""; }},
  };
  for (const auto& [what, damage] : kDamages) {
    SCOPED_TRACE(what);
    fs::remove_all(path());
    fill();
    EXPECT_EQ(open(path()).dropped, "") << "before the damage";

    damage();

    expect_dropped();
  }
}

TEST_F(RocksStateStoreTest, DamageFoundInUseIsAnErrorNowAndDroppedAtTheNextOpen) {
  fill();
  auto opened = open(path());  // reads no block before it is asked to, but for checksums
  for (const std::string& table : files(".sst")) overwrite(table, 20'000, std::string(64, 'x'));

  auto page = opened.store->scan("m", "", "", 1u << 20);

  ASSERT_FALSE(page.ok());
  EXPECT_EQ(page.error().code, Code::kCorruption);
  EXPECT_THAT(page.error().text, HasSubstr(path()));
  opened.store.reset();
  expect_dropped();
}

TEST_F(RocksStateStoreTest, WhatCannotEvenBeBegunIsAnError) {
  std::ofstream(path()) << "a file";

  auto opened = RocksStateStore::open(path());

  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::kIo);
  EXPECT_EQ(RocksStateStore::open(directory_ / "absent/state").error().code, Code::kIo);
}

TEST_F(RocksStateStoreTest, NeverDropsADatabaseThatIsOpen) {
  fill();
  auto opened = open(path());

  auto second = RocksStateStore::open(path());

  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::kLocked);
  EXPECT_EQ(opened.store->applied("m").value(), Index{2});
}

TEST_F(RocksStateStoreTest, TheDirectoryIsItsOwnersAlone) {
  fill();

  struct stat info {};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(RocksStateStoreTest, ManyStartsAndChangesLeaveFewSmallFiles) {
  for (uint64_t run = 1; run <= 12; ++run) {
    auto store = open(path()).store;
    for (uint64_t i = 0; i < 20; ++i) {
      StateBatch batch;
      batch.put("key" + std::to_string(i), Bytes::copy(std::string(1000, 'v')));
      ASSERT_TRUE(store->apply("m", Index{100 * run + i}, batch).ok());
    }
    ASSERT_TRUE(store->flush().ok());
  }

  uintmax_t bytes = 0;
  for (const auto& file : fs::directory_iterator(path())) bytes += file.file_size();
  EXPECT_LT(files("").size(), 25u);
  EXPECT_LT(bytes, 1u << 20);
}

}  // namespace
}  // namespace strandlog::store
