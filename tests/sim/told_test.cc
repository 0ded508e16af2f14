// Told: what it calls going back.
#include "tests/sim/told.h"

#include <gtest/gtest.h>

namespace strandlog::sim {
namespace {

const wire::TopicPartition kWhere{};
const std::string kHost = "broker1";

/// A client that talks to the processes of brokers, over a connection to each.
struct Client {
  Told told;

  void ask_end(uint64_t process, uint64_t id) {
    show(process, [&](const Sighting& sighting) {
      wire::Request request;
      request.id = id;
      request.body = wire::ListOffsetsRequest{{kWhere}};
      told.saw_request(sighting, request);
    });
  }
  void end(uint64_t process, uint64_t id, uint64_t start, uint64_t end) {
    answer(process, id,
           wire::ListOffsetsAnswer{{{kWhere, std::nullopt, Offset{start}, Offset{end}}}});
  }
  void fetched(uint64_t process, uint64_t start, uint64_t high,
               std::optional<wire::WireError> error = {}) {
    wire::FetchAnswer::Item item;
    item.where = kWhere;
    item.error = std::move(error);
    item.log_start = Offset{start};
    item.high_watermark = Offset{high};
    answer(process, 0, wire::FetchAnswer{{item}});
  }
  void described(uint64_t process, uint64_t term, uint64_t high) {
    wire::DescribePartitionsAnswer::Item item;
    item.where = kWhere;
    item.term = Term{term};
    item.high_watermark = Offset{high};
    answer(process, 0, wire::DescribePartitionsAnswer{{item}});
  }
  size_t violations() const { return told.violations().size(); }

 private:
  void answer(uint64_t process, uint64_t id, wire::AnswerBody body) {
    show(process, [&](const Sighting& sighting) {
      wire::Answer answer;
      answer.id = id;
      answer.body = std::move(body);
      told.saw_answer(sighting, answer);
    });
  }
  template <class See>
  void show(uint64_t process, See see) {
    Message message;
    see(Sighting{process, ListenerKind::kClient, false, kHost, message, process});
  }
};

TEST(Told, SeesAHighWatermarkThatGoesBackInOneProcess) {
  Client client;
  client.fetched(1, 0, 10);
  client.fetched(1, 0, 10);
  client.described(1, 3, 12);
  client.fetched(2, 0, 5);  // one that was elected a moment ago
  client.fetched(1, 0, 0, wire::WireError{Code::kNotLeader, "", {}, ""});
  EXPECT_EQ(client.violations(), 0u);
  client.fetched(1, 0, 11);
  EXPECT_EQ(client.violations(), 1u);
}

TEST(Told, SeesALogStartThatGoesBack) {
  Client client;
  client.fetched(1, 7, 10);
  client.fetched(2, 6, 10);
  EXPECT_EQ(client.violations(), 0u);
  client.fetched(1, 6, 10);
  EXPECT_EQ(client.violations(), 1u);
}

TEST(Told, SeesATermThatGoesBack) {
  Client client;
  client.described(1, 3, 10);
  client.fetched(1, 0, 10);  // names none
  EXPECT_EQ(client.violations(), 0u);
  client.described(1, 2, 10);
  EXPECT_EQ(client.violations(), 1u);
}

TEST(Told, SeesAConfirmedEndBelowWhatAnotherProcessToldBeforeItWasAskedFor) {
  Client client;
  client.ask_end(2, 1);
  client.fetched(1, 0, 10);
  client.end(2, 1, 0, 9);  // was asked for before
  EXPECT_EQ(client.violations(), 0u);
  client.ask_end(3, 1);
  client.end(3, 1, 0, 9);
  EXPECT_EQ(client.violations(), 1u);
}

TEST(Told, SeesAConfirmedStartBelowWhatAnotherProcessToldBeforeItWasAskedFor) {
  Client client;
  client.fetched(1, 4, 10);
  client.ask_end(2, 1);
  client.end(2, 1, 4, 10);
  EXPECT_EQ(client.violations(), 0u);
  client.ask_end(3, 2);
  client.end(3, 2, 3, 10);
  EXPECT_EQ(client.violations(), 1u);
}

}  // namespace
}  // namespace strandlog::sim
