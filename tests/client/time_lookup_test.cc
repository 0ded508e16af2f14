// Halving by append time: few questions, the first batch at or after a moment.
#include "client/time_lookup.h"

#include <gtest/gtest.h>

#include "tests/client/entries.h"
#include "tests/client/fake_port.h"

namespace strandlog::client {
namespace {

const GroupId kGroup{{5}};
const TopicId kTopic{{6}};

/// Partitions of one topic, led by "a:1": batch i holds `kPerBatch` records, taken at 1000 + 10 i.
class Logs {
 public:
  static constexpr int64_t kPerBatch = 3;

  Logs(uint32_t partitions, int64_t batches) : partitions_(partitions), batches_(batches) {
    port.brokers["a:1"] = [this](const wire::RequestBody& body) { return answer(body); };
  }
  static int64_t time_of(int64_t batch) { return 1000 + 10 * batch; }
  Result<std::map<TopicPartition, int64_t>> find(int64_t ms) {
    std::map<TopicPartition, int64_t> times;
    for (uint32_t p = 0; p < partitions_; ++p) times[{"t", static_cast<int32_t>(p)}] = ms;
    return look_up_times(port, times, 5000);
  }

  FakePort port;
  int64_t start = 0;
  int fetches = 0;
  int deposed_for = 0;  ///< so many fetches are answered by somebody who does not lead

 private:
  wire::AnswerBody answer(const wire::RequestBody& body) {
    if (std::holds_alternative<wire::MetadataRequest>(body)) return metadata();
    if (const auto* list = std::get_if<wire::ListOffsetsRequest>(&body)) {
      wire::ListOffsetsAnswer out;
      for (const auto& where : list->items)
        out.items.push_back({where, std::nullopt, offset(start), offset(batches_ * kPerBatch)});
      return out;
    }
    ++fetches;
    wire::FetchAnswer out;
    for (const auto& item : std::get<wire::FetchRequest>(body).items) {
      auto& told = out.items.emplace_back();
      told.where = item.where;
      if (deposed_for > 0) {
        told.error = wire::WireError{strandlog::Code::kNotLeader, "not I", {}, {}};
        continue;
      }
      told.frames = 1;
      const int64_t batch = static_cast<int64_t>(item.from.value) / kPerBatch;
      port.blobs.push_back(
          Bytes::take(joined({control_entry(kGroup, static_cast<uint64_t>(batch * kPerBatch)),
                              data_entry(kGroup, static_cast<uint64_t>(batch * kPerBatch),
                                         {"a", "b", "c"}, Codec::kNone, time_of(batch))})));
    }
    deposed_for = std::max(0, deposed_for - 1);
    return out;
  }
  wire::MetadataAnswer metadata() const {
    wire::MetadataAnswer out;
    out.brokers.push_back({{BrokerId{1}, {}, "a:1", ""}, true});
    auto& topic = out.topics.emplace_back();
    topic.name = "t";
    topic.id = kTopic;
    for (uint32_t p = 0; p < partitions_; ++p)
      topic.partitions.push_back({p, kGroup, true, BrokerId{1}, Term{1}, {}});
    return out;
  }
  static Offset offset(int64_t value) { return Offset{static_cast<uint64_t>(value)}; }

  uint32_t partitions_;
  int64_t batches_;
};

TEST(TimeLookup, FindsTheFirstBatchAtOrAfterAMoment) {
  for (int64_t batches : {0, 1, 2, 7, 64}) {
    Logs logs(1, batches);
    for (int64_t ms = 990; ms < Logs::time_of(batches) + 10; ++ms) {
      int64_t wanted = 0;
      while (wanted < batches && Logs::time_of(wanted) < ms) ++wanted;
      const auto found = logs.find(ms);
      ASSERT_TRUE(found.ok()) << found.error().text;
      ASSERT_EQ(found->at({"t", 0}), wanted * Logs::kPerBatch) << ms << " of " << batches;
    }
  }
}

TEST(TimeLookup, AsksForAllPartitionsAtOnceAndHalves) {
  Logs logs(50, 1000000);
  const auto found = logs.find(Logs::time_of(123456));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->size(), 50u);
  EXPECT_EQ(found->at({"t", 49}), 123456 * Logs::kPerBatch);
  EXPECT_LE(logs.fetches, 22);
}

TEST(TimeLookup, BeginsAtTheLogsStart) {
  Logs logs(1, 10);
  logs.start = 12;
  EXPECT_EQ(logs.find(0)->at({"t", 0}), 12);
}

TEST(TimeLookup, AsksAgainAfterAnElection) {
  Logs logs(2, 10);
  logs.deposed_for = 3;
  EXPECT_EQ(logs.find(Logs::time_of(4))->at({"t", 1}), 4 * Logs::kPerBatch);
}

TEST(TimeLookup, GivesUpAtItsDeadline) {
  Logs logs(1, 10);
  logs.deposed_for = 1000000;
  const auto found = logs.find(Logs::time_of(4));
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, Code::kNotLeader);
}

}  // namespace
}  // namespace strandlog::client
