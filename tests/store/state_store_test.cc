// What every StateStore must do: the same tests on the one in memory and on RocksDB.
#include "store/state_store.h"

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <memory>

#include "store/memory_state_store.h"
#include "store/rocks_state_store.h"
#include "tests/store/store_model.h"
#include "tests/store/temp_directory.h"

namespace strandlog::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A store and the ways its process can end.
class StateUnderTest {
 public:
  virtual ~StateUnderTest() = default;
  virtual StateStore& store() = 0;
  virtual void stop() = 0;   ///< flush, go, come back
  virtual void crash() = 0;  ///< go without, come back
};

class InMemory : public StateUnderTest {
 public:
  StateStore& store() override { return store_; }
  void stop() override { ASSERT_TRUE(store_.flush().ok()); }
  void crash() override { store_.crash(random_); }

 private:
  MemoryStateStore store_;
  Dice random_{20};
};

class InRocks : public StateUnderTest {
 public:
  InRocks() { open(); }
  StateStore& store() override { return *store_; }
  void stop() override {
    ASSERT_TRUE(store_->flush().ok());
    crash();
  }
  void crash() override {
    store_.reset();
    open();
  }

 private:
  void open() {
    auto opened = RocksStateStore::open(directory_ / "state");
    ASSERT_TRUE(opened.ok()) << opened.error().text;
    EXPECT_EQ(opened->dropped, "");
    store_ = std::move(opened->store);
  }
  TempDirectory directory_;
  std::unique_ptr<RocksStateStore> store_;
};

using Make = std::unique_ptr<StateUnderTest> (*)();
using Rows = std::map<std::string, std::string>;

StateBatch batch_of(std::initializer_list<std::pair<const char*, const char*>> changes) {
  StateBatch batch;
  for (const auto& [key, value] : changes) {
    if (value) batch.put(key, Bytes::copy(std::string_view(value)));
    if (!value) batch.erase(key);
  }
  return batch;
}

class StateStoreConformance : public ::testing::TestWithParam<Make> {
 protected:
  StateStoreConformance() : under_test_(GetParam()()) {}
  StateStore& store() { return under_test_->store(); }

  void apply(const char* machine, uint64_t index, const StateBatch& batch) {
    auto done = store().apply(machine, Index{index}, batch);
    // The disk may be behind with what it was given: then it is waited for.
    while (!done.ok() && done.error().code == Code::kBusy && store().flush().ok()) {
      done = store().apply(machine, Index{index}, batch);
    }
    ASSERT_TRUE(done.ok()) << done.error().text;
  }
  uint64_t applied(const char* machine) { return store().applied(machine).value().value; }
  std::string get(const char* machine, std::string_view key) {
    auto value = store().get(machine, key).value();
    return value ? std::string(value->text()) : "nothing";
  }
  /// All rows below `prefix`, fetched in pages of `page_bytes`.
  Rows rows(const std::string& machine, std::string_view prefix = {}, size_t page_bytes = 4096) {
    Rows out;
    std::string after;
    for (bool more = true; more;) {
      StatePage page = store().scan(machine, prefix, after, page_bytes).value();
      for (const StateRow& row : page.rows) {
        EXPECT_GT(row.key, after) << "not in order";
        EXPECT_TRUE(row.key.starts_with(prefix));
        out[row.key] = row.value.text();
        after = row.key;
      }
      more = page.more;
      EXPECT_FALSE(more && page.rows.empty());
    }
    return out;
  }
  std::vector<std::string> keys(const char* machine, std::string_view prefix = {}) {
    std::vector<std::string> out;
    for (const auto& [key, value] : rows(machine, prefix)) out.push_back(key);
    return out;
  }

  std::unique_ptr<StateUnderTest> under_test_;
};

TEST_P(StateStoreConformance, KnowsNothingAtFirst) {
  EXPECT_EQ(applied("catalog"), 0u);
  EXPECT_EQ(get("catalog", "a"), "nothing");
  EXPECT_THAT(rows("catalog"), IsEmpty());
  EXPECT_TRUE(store().drop("catalog").ok());
  EXPECT_TRUE(store().flush().ok());
}

TEST_P(StateStoreConformance, ChangesRowsAndTheIndexTogether) {
  apply("catalog", 3, batch_of({{"a", "1"}, {"b", "2"}, {"empty", ""}}));
  EXPECT_EQ(applied("catalog"), 3u);
  EXPECT_EQ(rows("catalog"), (Rows{{"a", "1"}, {"b", "2"}, {"empty", ""}}));

  apply("catalog", 4, batch_of({{"a", nullptr}, {"b", "3"}, {"absent", nullptr}}));
  EXPECT_EQ(applied("catalog"), 4u);
  EXPECT_EQ(rows("catalog"), (Rows{{"b", "3"}, {"empty", ""}}));
  EXPECT_EQ(get("catalog", "a"), "nothing");
  EXPECT_EQ(get("catalog", "empty"), "");

  apply("catalog", 9, {});
  EXPECT_EQ(applied("catalog"), 9u) << "entries that change nothing count too";
}

TEST_P(StateStoreConformance, TheLastChangeOfAKeyInABatchWins) {
  apply("m", 1, batch_of({{"a", "1"}, {"a", "2"}, {"b", "1"}, {"b", nullptr}, {"b", "3"}}));

  EXPECT_EQ(rows("m"), (Rows{{"a", "2"}, {"b", "3"}}));
}

TEST_P(StateStoreConformance, ScansInTheOrderOfUnsignedBytes) {
  StateBatch batch;
  for (std::string key : {std::string("a\xff"), std::string("a\0", 2), std::string("b"),
                          std::string("a"), std::string("\xff\xff"), std::string(1, '\0')}) {
    batch.put(key, Bytes::copy(key));
  }
  apply("m", 1, batch);

  EXPECT_THAT(keys("m"), ElementsAre(std::string(1, '\0'), "a", std::string("a\0", 2), "a\xff", "b",
                                     "\xff\xff"));
  EXPECT_THAT(keys("m", "a"), ElementsAre("a", std::string("a\0", 2), "a\xff"));
  EXPECT_THAT(keys("m", "\xff"), ElementsAre("\xff\xff"));
  EXPECT_THAT(keys("m", "c"), IsEmpty());
}

TEST_P(StateStoreConformance, ScansInPagesOfBoundedSize) {
  Rows wanted;
  StateBatch batch;
  for (int i = 0; i < 200; ++i) {
    std::string key = "k" + std::to_string(i);
    wanted[key] = std::string(static_cast<size_t>(i), 'v');
    batch.put(key, Bytes::copy(wanted[key]));
  }
  apply("m", 1, batch);

  for (size_t bytes : {0, 1, 150, 1000, 1'000'000}) {
    EXPECT_EQ(rows("m", "", bytes), wanted);
    StatePage page = store().scan("m", "k1", "k15", bytes).value();
    size_t sum = 0;
    for (const StateRow& row : page.rows) sum += row.key.size() + row.value.size();
    EXPECT_TRUE(sum <= bytes || page.rows.size() == 1) << sum << " for " << bytes;
    EXPECT_EQ(page.rows.front().key, "k150");
  }
  StatePage before = store().scan("m", "k1", "a", 100'000).value();
  EXPECT_EQ(before.rows.front().key, "k1") << "`after` may lie before the prefix";
  EXPECT_TRUE(store().scan("m", "k1", "k2", 100'000).value().rows.empty()) << "or behind it";
}

TEST_P(StateStoreConformance, KeepsMachinesApart) {
  std::string with_zero("a\0", 2);
  for (std::string name : {std::string("a"), std::string("ab"), with_zero, std::string("b")}) {
    StateBatch batch;
    batch.put("key", Bytes::copy(name));
    batch.put("other " + name, Bytes::copy(name));
    ASSERT_TRUE(store().apply(name, Index{name.size()}, batch).ok());
  }

  EXPECT_EQ(rows("a"), (Rows{{"key", "a"}, {"other a", "a"}}));
  EXPECT_EQ(rows("ab"), (Rows{{"key", "ab"}, {"other ab", "ab"}}));
  EXPECT_EQ(store().applied(with_zero).value(), Index{2});
  EXPECT_EQ(rows(with_zero).at("key"), with_zero);
}

TEST_P(StateStoreConformance, TakesWhatIsAtABoundAndRefusesWhatIsOverIt) {
  std::string name(kMaxMachineName, 'm');
  StateBatch largest;
  largest.put(std::string(kMaxStateKey, '\xff'), Bytes::copy(std::string(kMaxStateValue, 'v')));
  ASSERT_TRUE(store().apply(name, Index{1}, largest).ok());
  EXPECT_EQ(store().get(name, std::string(kMaxStateKey, '\xff')).value()->size(), kMaxStateValue);

  auto refused = [&](const std::string& machine, const StateBatch& batch) {
    return store().apply(machine, Index{2}, batch).error().code;
  };
  StateBatch long_key, long_value, no_key, many;
  long_key.put(std::string(kMaxStateKey + 1, 'k'), {});
  long_value.put("a", {});
  long_value.put("k", Bytes::copy(std::string(kMaxStateValue + 1, 'v')));
  no_key.erase("");
  Bytes megabyte = Bytes::copy(std::string(kMaxStateValue, 'v'));
  for (size_t i = 0; i * kMaxStateValue < kMaxStateBatch; ++i) many.put("k", megabyte);
  EXPECT_EQ(refused(name, long_key), Code::kTooLarge);
  EXPECT_EQ(refused(name, long_value), Code::kTooLarge);
  EXPECT_EQ(refused(name, many), Code::kTooLarge);
  EXPECT_EQ(refused(name, no_key), Code::kInvalidArgument);
  EXPECT_EQ(refused("", {}), Code::kInvalidArgument);
  EXPECT_EQ(refused(name + "m", {}), Code::kTooLarge);
  EXPECT_EQ(store().applied("").error().code, Code::kInvalidArgument);
  EXPECT_EQ(store().drop(name + "m").error().code, Code::kTooLarge);

  EXPECT_EQ(store().applied(name).value(), Index{1}) << "nothing was changed";
  EXPECT_EQ(rows(name, "", 2u << 20).size(), 1u);
}

TEST_P(StateStoreConformance, KeepsWhatWasFlushedOverStopsAndCrashes) {
  apply("m", 1, batch_of({{"a", "1"}, {"b", "1"}}));
  under_test_->stop();
  EXPECT_EQ(applied("m"), 1u);
  apply("m", 2, batch_of({{"a", "2"}, {"b", nullptr}}));
  ASSERT_TRUE(store().flush().ok());

  under_test_->crash();

  EXPECT_EQ(applied("m"), 2u);
  EXPECT_EQ(rows("m"), (Rows{{"a", "2"}}));
}

TEST_P(StateStoreConformance, ACrashGoesBackToAStateThatWasThere) {
  apply("m", 10, batch_of({{"a", "10"}, {"b", "10"}}));
  apply("n", 5, batch_of({{"a", "5"}}));
  ASSERT_TRUE(store().flush().ok());
  for (int run = 0; run < 20; ++run) {
    uint64_t floor = applied("m");
    for (uint64_t index = floor + 1; index <= floor + 3; ++index) {
      std::string text = std::to_string(index);
      apply("m", index, batch_of({{"a", text.c_str()}, {"b", text.c_str()}}));
      apply("n", index, batch_of({{"a", text.c_str()}}));
    }

    under_test_->crash();

    uint64_t now = applied("m");
    EXPECT_GE(now, floor);
    EXPECT_LE(now, floor + 3);
    EXPECT_EQ(get("m", "a"), std::to_string(now));
    EXPECT_EQ(get("m", "b"), std::to_string(now));
    EXPECT_EQ(get("n", "a"), std::to_string(applied("n")));
    // The next run begins above both.
    uint64_t next = std::max(now, applied("n")) + 1;
    std::string text = std::to_string(next);
    apply("m", next, batch_of({{"a", text.c_str()}, {"b", text.c_str()}}));
    apply("n", next, batch_of({{"a", text.c_str()}}));
    ASSERT_TRUE(store().flush().ok());
  }
}

TEST_P(StateStoreConformance, WhatFillsItsBuffersReachesTheDiskOnlyWholeAndInOrder) {
  std::string value(100'000, 'v');
  for (uint64_t index = 1; index <= 60; ++index) {  // several write buffers' worth
    StateBatch batch;
    batch.put("first", Bytes::copy(std::to_string(index)));
    batch.put("fill" + std::to_string(index % 7), Bytes::copy(value + std::to_string(index)));
    batch.put("last", Bytes::copy(std::to_string(index)));
    apply("m", index, batch);
    if (index == 20) store().start_flush();
  }

  under_test_->crash();

  uint64_t now = applied("m");
  std::string text = now == 0 ? "nothing" : std::to_string(now);
  EXPECT_EQ(get("m", "first"), text);
  EXPECT_EQ(get("m", "last"), text);
  if (now == 0) return;
  EXPECT_EQ(get("m", "fill" + std::to_string(now % 7)), value + text);
}

TEST_P(StateStoreConformance, ADroppedMachineStaysForgotten) {
  apply("m", 7, batch_of({{"a", "7"}}));
  apply("other", 3, batch_of({{"a", "3"}}));
  ASSERT_TRUE(store().flush().ok());

  ASSERT_TRUE(store().drop("m").ok());
  EXPECT_EQ(applied("m"), 0u);
  under_test_->crash();

  EXPECT_EQ(applied("m"), 0u);
  EXPECT_THAT(rows("m"), IsEmpty());
  EXPECT_EQ(rows("other"), (Rows{{"a", "3"}}));
  apply("m", 1, batch_of({{"b", "1"}}));
  EXPECT_EQ(rows("m"), (Rows{{"b", "1"}})) << "it begins again from any index";
}

// ------------------------------------------------------------------------------- against a model

struct Reached {
  uint64_t index = 0;
  Rows rows;
};
struct ModelMachine {
  Reached now;
  std::vector<Reached> since{1};  ///< reached since the last flush, that one included
};

class StateStoreModel : public StateStoreConformance {
 protected:
  StateStoreModel() {
    for (const char* name : {"catalog", "groups/1", "g"}) machines_[name];
  }
  void change(const std::string& name, ModelMachine& machine) {
    StateBatch batch;
    for (uint64_t n = random_.below(6); n > 0; --n) {
      std::string key = std::string(1, static_cast<char>(random_.below(3) * 127)) +
                        std::to_string(random_.below(30));
      if (random_.below(3) == 0) {
        batch.erase(key);
        machine.now.rows.erase(key);
        continue;
      }
      std::string value(random_.below(8) == 0 ? random_.below(60'000) : random_.below(50), 'v');
      value += std::to_string(random_.next());
      batch.put(key, Bytes::copy(value));
      machine.now.rows[key] = value;
    }
    machine.now.index += 1 + random_.below(3);
    apply(name.c_str(), machine.now.index, batch);
    machine.since.push_back(machine.now);
  }
  void flushed() {
    for (auto& [name, machine] : machines_) machine.since = {machine.now};
  }
  void crashed() {
    for (auto& [name, machine] : machines_) {
      uint64_t index = applied(name.c_str());
      auto reached = std::find_if(machine.since.begin(), machine.since.end(),
                                  [&](const Reached& one) { return one.index == index; });
      ASSERT_TRUE(reached != machine.since.end()) << name << " at " << index;
      machine.now = *reached;
      machine.since = {machine.now};
    }
  }
  void expect_as_modelled() {
    for (auto& [name, machine] : machines_) {
      EXPECT_EQ(applied(name.c_str()), machine.now.index);
      EXPECT_EQ(rows(name, "", 1 + random_.below(20'000)), machine.now.rows);
      std::string key = std::string(1, '\0') + std::to_string(random_.below(30));
      auto known = machine.now.rows.find(key);
      EXPECT_EQ(get(name.c_str(), key),
                known == machine.now.rows.end() ? "nothing" : known->second);
    }
  }
  void step() {
    auto& [name, machine] = *std::next(machines_.begin(), static_cast<long>(random_.below(3)));
    switch (random_.below(40)) {
      case 0:
        under_test_->stop();
        return flushed();
      case 1:
        under_test_->crash();
        return crashed();
      case 2:
        ASSERT_TRUE(store().flush().ok());
        return flushed();
      case 3:
        return store().start_flush();
      case 4:
        ASSERT_TRUE(store().drop(name).ok());
        machine = ModelMachine();
        return;
      case 5:
        return expect_as_modelled();
      default:
        return change(name, machine);
    }
  }

  std::map<std::string, ModelMachine> machines_;
  Dice random_{0};
};

TEST_P(StateStoreModel, BehavesLikeAMapThatForgetsInOrder) {
  for (uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_ = Dice(seed);
    for (int i = 0; i < 400 && !HasFailure(); ++i) step();
    expect_as_modelled();
  }
}

constexpr Make kMakers[] = {
    []() -> std::unique_ptr<StateUnderTest> { return std::make_unique<InMemory>(); },
    []() -> std::unique_ptr<StateUnderTest> { return std::make_unique<InRocks>(); }};
const auto kName = [](const ::testing::TestParamInfo<Make>& one) {
  return one.index == 0 ? "Memory" : "Rocks";
};
INSTANTIATE_TEST_SUITE_P(Both, StateStoreConformance, ::testing::ValuesIn(kMakers), kName);
INSTANTIATE_TEST_SUITE_P(Both, StateStoreModel, ::testing::ValuesIn(kMakers), kName);

}  // namespace
}  // namespace strandlog::store
