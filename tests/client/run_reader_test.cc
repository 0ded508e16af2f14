// RunReader: what becomes a record, a gap, or nothing.
#include "client/run_reader.h"

#include <gtest/gtest.h>

#include "tests/client/entries.h"

namespace strandlog::client {
namespace {

const GroupId kGroup{{1, 2, 3}};

struct Reading {
  explicit Reading(std::vector<std::vector<uint8_t>> frames, int64_t from = 0,
                   uint64_t max_unpacked = 1 << 20)
      : position(from) {
    FetchedRun run;
    run.where = {"t", 0};
    run.group = kGroup;
    for (auto& frame : frames) run.frames.push_back(Bytes::take(std::move(frame)));
    next = offset_after(run.frames, kGroup, from);
    RunReader reader(std::move(run), max_unpacked);
    for (int i = 0; i < 100 && !reader.finished(); ++i) reader.read(2, position, polled);
    EXPECT_TRUE(reader.finished());
  }
  std::string text() const {
    std::string out;
    for (const auto& record : polled.records) {
      out += std::to_string(record.offset) + ":" + record.value.value_or("-") + " ";
    }
    for (const auto& event : polled.events) {
      out += "[" + std::to_string(event.offset) + "," + std::to_string(event.next) + ") " +
             code_name(event.error.code) + " ";
    }
    return out;
  }
  Polled polled;
  int64_t position;
  int64_t next;
};

TEST(RunReader, ReadsRecordsWithAllTheirParts) {
  Reading reading({data_entry(kGroup, 0, {"a"})});
  ASSERT_EQ(reading.polled.records.size(), 1u);
  const ConsumedRecord& record = reading.polled.records[0];
  EXPECT_EQ(record.key, "k");
  EXPECT_EQ(record.value, "a");
  EXPECT_EQ(record.timestamp_ms, 5);
  ASSERT_EQ(record.headers.size(), 1u);
  EXPECT_EQ(record.headers[0].key, "h");
  EXPECT_EQ(record.headers[0].value, "w");
}

TEST(RunReader, SkipsControlEntriesAndWhatLiesBelow) {
  Reading reading({joined({data_entry(kGroup, 0, {"a", "b", "c"}), control_entry(kGroup, 3)}),
                   data_entry(kGroup, 3, {"d"})},
                  1);
  EXPECT_EQ(reading.text(), "1:b 2:c 3:d ");
  EXPECT_EQ(reading.position, 4);
  EXPECT_EQ(reading.next, 4);
}

TEST(RunReader, ReadsEveryCodec) {
  for (Codec codec : {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    Reading reading({data_entry(kGroup, 0, {"a", "b"}, codec)});
    EXPECT_EQ(reading.text(), "0:a 1:b ") << codec_name(codec);
  }
}

TEST(RunReader, ReportsADamagedBodyAsAGapAndGoesOn) {
  auto damaged = data_entry(kGroup, 1, {"b", "c"});
  damaged.back() ^= 1;
  Reading reading({joined({data_entry(kGroup, 0, {"a"}), damaged, data_entry(kGroup, 3, {"d"})})});
  EXPECT_EQ(reading.text(), "0:a 3:d [1,3) corruption ");
  EXPECT_EQ(reading.position, 4);
}

TEST(RunReader, ReportsABatchThatUnpacksToTooMuch) {
  Reading reading({data_entry(kGroup, 0, {std::string(10'000, 'x')}, Codec::kZstd),
                   data_entry(kGroup, 1, {"b"})},
                  0, 1000);
  EXPECT_EQ(reading.text(), "1:b [0,1) too-large ");
}

TEST(RunReader, StopsAtADamagedHeader) {
  auto damaged = data_entry(kGroup, 1, {"b"});
  damaged[20] ^= 1;
  Reading reading({joined({data_entry(kGroup, 0, {"a"}), damaged, data_entry(kGroup, 2, {"c"})})});
  EXPECT_EQ(reading.text(), "0:a ");
  EXPECT_EQ(reading.next, 1) << "the next fetch begins at the damaged entry";
}

TEST(RunReader, NeverJumpsSilently) {
  Reading reading({data_entry(kGroup, 5, {"f"})}, 2);
  EXPECT_EQ(reading.text(), "5:f [2,5) corruption ");
}

TEST(RunReader, ShowsWhatIsMissingAsAGapAndIsBehindItThen) {
  FetchedRun run;
  run.where = {"t", 0};
  run.missing = Missing{100, {Code::kExpired, Retry::kNever, Written::kNo, "too old"}};
  RunReader reader(std::move(run), 1 << 20);
  EXPECT_FALSE(reader.finished());
  int64_t position = 5;
  Polled polled;

  reader.read(1, position, polled);

  ASSERT_EQ(polled.events.size(), 1u);
  EXPECT_EQ(polled.events[0].kind, ConsumerEvent::Kind::kGap);
  EXPECT_EQ(polled.events[0].offset, 5);
  EXPECT_EQ(polled.events[0].next, 100);
  EXPECT_EQ(position, 100);
  EXPECT_TRUE(reader.finished());
}

TEST(RunReader, RefusesEntriesOfAnotherGroup) {
  Reading reading({data_entry(GroupId{{9}}, 0, {"a"})});
  EXPECT_EQ(reading.text(), "");
  EXPECT_EQ(reading.next, 0);
}

}  // namespace
}  // namespace strandlog::client
