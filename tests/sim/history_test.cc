// The checker sees every broken promise of a history; a file keeps all that it judges by.
#include "tests/sim/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "tests/sim/history_figures.h"
#include "tests/sim/history_file.h"

namespace strandlog::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

const Place kPlace{"", 0};

Sent acked(uint32_t client, const std::string& value, int64_t invoked, int64_t completed,
           int64_t offset) {
  Sent sent;
  sent.client = client;
  sent.where = kPlace;
  sent.value = value;
  sent.invoked = Time{invoked};
  sent.completed = Time{completed};
  sent.outcome = Sent::Outcome::kAcked;
  sent.offset = offset;
  return sent;
}

// Two clients, five records, one of them twice as announced; everything as it should be.
History healthy() {
  History history;
  history.sent = {acked(1, "a0", 10, 20, 0), acked(2, "b0", 11, 35, 2), acked(1, "a1", 12, 22, 1),
                  acked(1, "a2", 30, 40, 3)};
  Sent failed;
  failed.client = 2;
  failed.where = kPlace;
  failed.value = "b1";
  failed.invoked = Time{31};
  failed.completed = Time{60};
  failed.outcome = Sent::Outcome::kFailed;
  history.sent.push_back(failed);
  history.final[kPlace] = {{0, "a0"}, {1, "a1"}, {2, "b0"}, {3, "a2"}, {4, "b1"}, {5, "b1"}};
  history.runs[kPlace] = {{{{0, "a0"}, {1, "a1"}}, true}, {{{2, "b0"}}, false}};
  history.ends = {{kPlace, Time{45}, 5}};
  history.possible_duplicates[2] = 1;
  return history;
}

std::map<std::string, uint64_t> broken(const History& history) { return judge(history).broken; }

TEST(History, IsFineWhenPromisesAreKept) {
  Judgement judgement = judge(healthy());
  EXPECT_THAT(judgement.violations, ElementsAre());
  EXPECT_EQ(judgement.twice, 1u);
}

TEST(History, LosesWhatWasAcknowledged) {
  History history = healthy();
  history.final[kPlace].resize(3);
  history.ends.clear();
  EXPECT_THAT(broken(history), ElementsAre(Pair("I1", 1)));
}

TEST(History, HasAnotherRecordWhereOneWasAcknowledged) {
  History history = healthy();
  std::swap(history.final[kPlace][0].value, history.final[kPlace][1].value);
  auto found = broken(history);
  EXPECT_EQ(found["I1"], 2u);
  EXPECT_EQ(found["I3"], 1u) << "of one client, the later one stands first";
  EXPECT_EQ(found["I4"], 2u) << "a consumer was given the others";
}

TEST(History, HasMoreCopiesThanAnnounced) {
  History history = healthy();
  history.possible_duplicates.clear();
  EXPECT_THAT(broken(history), ElementsAre(Pair("I2", 1)));
}

TEST(History, ReordersBehindAnAcknowledgement) {
  History history = healthy();
  history.sent[1].invoked = Time{23};  // b0 stands at 2, and now a2 at 3 was acknowledged before
  history.sent[3].completed = Time{21};
  history.sent[3].invoked = Time{13};
  std::swap(history.sent[1], history.sent[3]);
  std::swap(history.sent[1], history.sent[2]);
  EXPECT_THAT(broken(history), ElementsAre(Pair("I5", 1)));
}

TEST(History, HasAGap) {
  History history = healthy();
  history.final[kPlace][5].offset = 6;
  EXPECT_THAT(broken(history), ElementsAre(Pair("I5", 1)));
}

TEST(History, HoldsWhatNobodySent) {
  History history = healthy();
  history.final[kPlace][4].value = "c0";
  EXPECT_THAT(broken(history), ElementsAre(Pair("I6", 1)));
}

TEST(History, HoldsWhatFailedAsNotWritten) {
  History history = healthy();
  history.sent[4].written = client::Written::kNo;
  EXPECT_THAT(broken(history), ElementsAre(Pair("I20", 2)));
}

TEST(History, ReportsAnEndBeforeWhatWasAcknowledged) {
  History history = healthy();
  history.ends[0].end = 3;
  EXPECT_THAT(broken(history), ElementsAre(Pair("I7", 1)));
  history.ends[0].end = 7;
  EXPECT_THAT(broken(history), ElementsAre(Pair("I7", 1))) << "and nothing is there";
}

TEST(History, DeliversWithAGap) {
  History history = healthy();
  history.runs[kPlace][1].seen.push_back({4, "b1"});
  EXPECT_THAT(broken(history), ElementsAre(Pair("I8", 1)));
}

TEST(History, DeliversTheFirstRecordsToNobody) {
  History history = healthy();
  history.runs[kPlace][0].seen.erase(history.runs[kPlace][0].seen.begin());
  EXPECT_THAT(broken(history), ElementsAre(Pair("I8", 1)));
  history.runs[kPlace][0].from_start = false;
  EXPECT_THAT(broken(history), ElementsAre());
}

// The topic is gone, and after it was asked to go anything may have happened.
History deleted() {
  History history = healthy();
  history.final.clear();
  history.deleted[kPlace.topic] = Time{50};
  history.sent.push_back(acked(1, "a3", 41, 55, 1));
  history.ends.push_back({kPlace, Time{51}, 0});
  history.runs[kPlace][1].seen.push_back({3, "trouble: no such topic", false});
  return history;
}

TEST(History, OfADeletedTopicIsJudgedUpToItsDeletion) {
  EXPECT_THAT(judge(deleted()).violations, ElementsAre());
  History history = deleted();
  history.runs[kPlace][0].seen[1].value = "b1";
  EXPECT_THAT(broken(history), ElementsAre(Pair("I4", 1))) << "it was acknowledged otherwise";
  history = deleted();
  history.runs[kPlace].push_back({{{0, "a0"}, {1, "a1"}, {2, "b0"}, {3, "a2"}, {4, "b1"}}, true});
  history.runs[kPlace].push_back({{{4, "a3"}}, false});
  EXPECT_THAT(broken(history), ElementsAre(Pair("I4", 1))) << "it was read otherwise";
  history = deleted();
  history.runs[kPlace].push_back({{{4, "c0"}}, false});
  EXPECT_THAT(broken(history), ElementsAre(Pair("I6", 1)));
  history = deleted();
  history.runs[kPlace][0].seen.erase(history.runs[kPlace][0].seen.begin());
  EXPECT_THAT(broken(history), ElementsAre(Pair("I8", 1)));
  history = deleted();
  history.ends[0].end = 3;
  EXPECT_THAT(broken(history), ElementsAre(Pair("I7", 1)));
  history = deleted();
  history.sent[3].offset = 2;
  history.sent[1].completed = Time{25};
  auto found = broken(history);
  EXPECT_EQ(found["I5"], 1u);
}

// "a3" was under way when its topic went, and it is made anew.
TEST(History, OfATopicMadeAnewIsAnother) {
  const Place anew{"#2", 0};
  History history = deleted();
  history.sent.push_back(acked(2, "b2", 60, 70, 1));
  history.sent.back().where = anew;
  history.final[anew] = {{0, "a3"}, {1, "b2"}};
  history.runs[anew] = {{{{0, "a3"}, {1, "b2"}}, true}};
  history.ends.push_back({anew, Time{71}, 2});
  EXPECT_THAT(judge(history).violations, ElementsAre());
  history.final[anew][0].value = "a2";
  auto found = broken(history);
  EXPECT_EQ(found["I6"], 1u) << "that was acknowledged before";
  history.final[anew] = {{0, "a3"}};
  found = broken(history);
  EXPECT_EQ(found["I1"], 1u);
  EXPECT_EQ(found["I7"], 1u);
}

TEST(Incarnations, HaveAWordEach) {
  Incarnations topics;
  EXPECT_EQ(topics.now("t"), "t");
  topics.made("t", "id-1");
  topics.made("t", "id-1");
  EXPECT_EQ(topics.now("t"), "t");
  topics.made("t", "id-2");
  topics.made("u", "id-3");
  EXPECT_EQ(topics.now("t"), "t#2");
  EXPECT_EQ(topics.of("id-1"), "t");
  EXPECT_EQ(topics.of("id-2"), "t#2");
  EXPECT_EQ(topics.of("id-4"), "");
}

TEST(History, IsCounted) {
  Figures figures = figures_of(healthy());
  EXPECT_EQ(figures.sent, 5u);
  EXPECT_EQ(figures.acked, 4u);
  EXPECT_EQ(figures.failed, 1u);
  EXPECT_EQ(figures.open, 0u);
  EXPECT_EQ(figures.seen, 3u);
  EXPECT_EQ(figures.final, 6u);
  EXPECT_EQ(figures.gap_us, 20) << "from the last acknowledgement to the last outcome";
  EXPECT_THAT(figures.gaps_us, ElementsAre(Pair(0, 20)));
}

TEST(History, SaysWhoseLastRecordWasNotAcknowledged) {
  History history = healthy();
  EXPECT_THAT(figures_of(history).unfinished, ElementsAre(Pair(2u, 0)));
  history.sent.back().outcome = Sent::Outcome::kOpen;
  EXPECT_THAT(figures_of(history).unfinished, ElementsAre(Pair(2u, 0)));
  history.sent.push_back(acked(2, "b2", 61, 70, 6));
  EXPECT_THAT(figures_of(history).unfinished, ElementsAre());
}

TEST(History, SaysWhatNobodyReadMeanwhile) {
  History history = healthy();
  EXPECT_THAT(figures_of(history).unread, ElementsAre(Pair(0, 4u)))
      << "the run from the start ended at 1, the other one may begin anywhere";
  for (int64_t offset = 2; offset < 6; ++offset) {
    history.runs[kPlace][0].seen.push_back({offset, "record"});
  }
  EXPECT_THAT(figures_of(history).unread, ElementsAre());
  history.runs[kPlace][0].seen.back().record = false;
  EXPECT_THAT(figures_of(history).unread, ElementsAre(Pair(0, 1u))) << "an event is no record";
  history.runs.clear();
  EXPECT_THAT(figures_of(history).unread, ElementsAre(Pair(0, 6u))) << "nobody read";
}

// -------------------------------------------------------------------------------------- the file

class HistoryFile : public testing::Test {
 protected:
  void SetUp() override { path_ = testing::TempDir() + "history." + std::to_string(::getpid()); }
  void TearDown() override { ::unlink(path_.c_str()); }

  void write(const History& history) {
    auto writer = HistoryWriter::create(path_);
    ASSERT_TRUE(writer.ok());
    for (const Sent& sent : history.sent) writer->sent(sent);
    for (const auto& [where, runs] : history.runs) {
      for (const sim::Run& run : runs) {
        writer->begin_run(where.partition, run.from_start);
        for (const Seen& seen : run.seen) writer->seen(where.partition, seen);
      }
    }
    for (const auto& [where, log] : history.final) {
      writer->begin_final(where.partition);
      for (const Seen& seen : log) writer->seen(where.partition, seen);
    }
    for (const EndSeen& end : history.ends) writer->end(end);
    for (const auto& [client, count] : history.possible_duplicates) {
      writer->possible_duplicates(client, count);
    }
    ASSERT_TRUE(writer->close().ok());
  }
  std::string why_not(const std::string& text) {
    std::ofstream(path_) << text;
    auto read = read_history({path_});
    return read.ok() ? "" : read.error().text;
  }

  std::string path_;
};

TEST_F(HistoryFile, KeepsWhatIsJudged) {
  History history = healthy();
  history.sent[3].outcome = Sent::Outcome::kOpen;
  history.sent[4].written = client::Written::kYes;
  history.sent[0].acks = client::Acks::kLeader;
  write(history);
  auto read = read_history({path_});
  ASSERT_TRUE(read.ok()) << read.error().text;
  ASSERT_EQ(read->sent.size(), history.sent.size());
  for (size_t i = 0; i < history.sent.size(); ++i) {
    const Sent &was = history.sent[i], &is = read->sent[i];
    EXPECT_EQ(is.client, was.client);
    EXPECT_EQ(is.where, was.where);
    EXPECT_EQ(is.value, was.value);
    EXPECT_EQ(is.acks, was.acks);
    EXPECT_EQ(is.invoked, was.invoked);
    ASSERT_EQ(is.outcome, was.outcome);
    EXPECT_EQ(is.completed, was.outcome == Sent::Outcome::kOpen ? Time{} : was.completed);
    EXPECT_EQ(is.offset, was.outcome == Sent::Outcome::kAcked ? was.offset : -1);
    EXPECT_EQ(is.written, was.written);
  }
  ASSERT_EQ(read->runs[kPlace].size(), 2u);
  EXPECT_EQ(read->runs[kPlace][0].seen.size(), 2u);
  EXPECT_TRUE(read->runs[kPlace][0].from_start);
  EXPECT_EQ(read->runs[kPlace][1].seen[0].value, "b0");
  EXPECT_FALSE(read->runs[kPlace][1].from_start);
  EXPECT_EQ(read->final[kPlace].size(), 6u);
  EXPECT_EQ(read->ends[0].end, 5);
  EXPECT_EQ(read->possible_duplicates, history.possible_duplicates);
}

TEST_F(HistoryFile, IsJudgedAsTheHistoryIs) {
  write(healthy());
  EXPECT_THAT(check(*read_history({path_})), ElementsAre());
  History lost = healthy();
  lost.final[kPlace][3].value = "b1";
  write(lost);
  EXPECT_EQ(broken(*read_history({path_})), broken(lost));
}

TEST_F(HistoryFile, SortsByInvocationAndKeepsEachClientsOrder) {
  std::ofstream(path_)
      << "sent 1 0 late 2 9 open\nsent 1 0 first 2 5 open\nsent 1 0 second 2 5 open\n";
  auto read = read_history({path_});
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->sent[0].value, "first");
  EXPECT_EQ(read->sent[1].value, "second");
  EXPECT_EQ(read->sent[2].value, "late");
}

TEST_F(HistoryFile, SaysWhichLineIsBad) {
  for (const char* line :
       {"sent 1 0 v 2 9", "sent 1 0 v 2 9 lost", "sent 1 0 v 2 9 acked 10", "sent 1 x v 2 9 open",
        "sent 1 0 v 2 9 failed 10 perhaps", "seen 0 1 v", "final 0 0", "run 0", "run 0 end",
        "end 0 1", "twice", "what", "end 0 1 2 3", ""}) {
    EXPECT_THAT(why_not("run 7 start\n" + std::string(line) + "\n"), HasSubstr(path_ + ":2: "))
        << line;
  }
  EXPECT_THAT(why_not("final 0\nfinal 0\n"), HasSubstr(":2: ")) << "two would hide each other";
  EXPECT_THAT(read_history({path_ + ".absent"}).error().text, HasSubstr("No such file"));
}

}  // namespace
}  // namespace strandlog::sim
