// Ends of more topics and partitions than one request may name.
#include "client/offset_lookup.h"

#include <gtest/gtest.h>

#include "tests/client/fake_port.h"

namespace strandlog::client {
namespace {

/// A broker that leads everything, keeps its bounds, and tells of as many offsets in each partition
/// as its number.
class BoundedBroker {
 public:
  explicit BoundedBroker(uint32_t partitions) : partitions_(partitions) {
    port.brokers["a:1"] = [this](const wire::RequestBody& body) { return answer(body); };
  }
  FakePort port;
  size_t requests = 0;

 private:
  wire::AnswerBody answer(const wire::RequestBody& body) {
    ++requests;
    if (const auto* asked = std::get_if<wire::MetadataRequest>(&body)) return metadata(*asked);
    const auto& items = std::get<wire::ListOffsetsRequest>(body).items;
    wire::ListOffsetsAnswer out;
    if (items.size() > 4096) {
      port.error = wire::WireError{strandlog::Code::kBusy, "retry with fewer", {}, {}};
      return out;
    }
    for (const auto& where : items) {
      out.items.push_back({where, std::nullopt, Offset{}, Offset{where.partition}});
    }
    return out;
  }
  wire::AnswerBody metadata(const wire::MetadataRequest& asked) {
    wire::MetadataAnswer out;
    if (asked.topics.size() > wire::kMaxTopicsAsked) {
      port.error = wire::WireError{strandlog::Code::kTooLarge, "too many", {}, {}};
      return out;
    }
    out.brokers.push_back({{BrokerId{1}, {}, "a:1", ""}, true});
    for (const std::string& name : asked.topics) {
      auto& topic = out.topics.emplace_back();
      topic.name = name;
      std::copy(name.begin(), name.end(), topic.id.bytes.begin());
      for (uint32_t p = 0; p < partitions_; ++p) {
        topic.partitions.push_back({p, GroupId{{5}}, true, BrokerId{1}, Term{1}, {}});
      }
    }
    return out;
  }

  uint32_t partitions_;
};

TEST(OffsetLookup, AsksForMoreTopicsThanARequestMayNameInTurns) {
  BoundedBroker broker(2);
  std::vector<TopicPartition> partitions;
  for (size_t n = 0; n <= wire::kMaxTopicsAsked; ++n) {
    partitions.push_back({"t" + std::to_string(n), 1});
  }
  const auto found = look_up_ends(broker.port, partitions, 5000);
  ASSERT_TRUE(found.ok()) << found.error().text;
  EXPECT_EQ(found->size(), 1001u);
  EXPECT_EQ(found->at({"t1000", 1}).end, 1);
  EXPECT_EQ(broker.requests, 3u) << "two for metadata, one for the ends";
}

TEST(OffsetLookup, AsksForMorePartitionsThanARequestMayNameInTurns) {
  BoundedBroker broker(4097);
  std::vector<TopicPartition> partitions;
  for (int32_t p = 0; p < 4097; ++p) partitions.push_back({"t", p});
  const auto found = look_up_ends(broker.port, partitions, 5000);
  ASSERT_TRUE(found.ok()) << found.error().text;
  EXPECT_EQ(found->size(), 4097u);
  EXPECT_EQ(found->at({"t", 4096}).end, 4096);
}

}  // namespace
}  // namespace strandlog::client
