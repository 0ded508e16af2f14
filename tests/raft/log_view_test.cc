// LogView against a plain list of terms.
#include "raft/log_view.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/raft/group_tester.h"

namespace strandlog::raft {
namespace {

LogView log_of(uint64_t start, uint64_t start_term, const std::vector<uint64_t>& terms) {
  return LogView(Index{start}, Term{start_term}, runs_of(start, terms),
                 Index{start + terms.size()});
}

TEST(LogView, KnowsTermsBetweenStartAndLastOnly) {
  const LogView log = log_of(3, 1, {1, 2, 2, 5});

  EXPECT_EQ(log.term_at(Index{2}), std::nullopt);
  EXPECT_EQ(log.term_at(Index{3}), Term{1});
  EXPECT_EQ(log.term_at(Index{6}), Term{2});
  EXPECT_EQ(log.term_at(Index{7}), Term{5});
  EXPECT_EQ(log.term_at(Index{8}), std::nullopt);
}

TEST(LogView, AgreesWithAListOfTermsOnRandomLogs) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::vector<uint64_t> ours;
    std::vector<uint64_t> theirs;
    for (std::vector<uint64_t>* terms : {&ours, &theirs}) {
      uint64_t term = 1;
      const uint64_t count = random() % 8;
      for (uint64_t i = 0; i < count; ++i) terms->push_back(term += random() % 2);
    }
    const LogView log = log_of(0, 0, ours);
    std::optional<Index> conflict;
    for (size_t i = std::min(ours.size(), theirs.size()); i-- > 0;) {
      if (ours[i] != theirs[i]) conflict = Index{i + 1};
    }
    ASSERT_EQ(log.first_conflict(Index{0}, Index{theirs.size()}, runs_of(0, theirs)), conflict);
    const uint64_t limit = random() % 6;
    uint64_t expected = 0;
    for (size_t i = 0; i < ours.size(); ++i) {
      if (ours[i] <= limit) expected = i + 1;
    }
    ASSERT_EQ(log.last_with_term_at_most(Index{100}, Term{limit}), Index{expected});
  }
}

TEST(LogView, TrimKeepsTheTermOfItsNewStart) {
  for (uint64_t start = 0; start <= 5; ++start) {
    LogView log = log_of(0, 0, {1, 2, 2, 5, 5});
    const std::optional<Term> term = log.term_at(Index{start});

    log.trim(Index{start});

    EXPECT_TRUE(log.is_sound()) << start;
    EXPECT_EQ(log.term_at(Index{start}), term);
    EXPECT_EQ(log.last(), Index{5});
    EXPECT_EQ(log.last_term(), Term{5});
  }
}

TEST(LogView, TruncationLowersWhatIsDurable) {
  LogView log = log_of(0, 0, {1, 1, 1});

  log.truncate(Index{2}, Term{2});

  EXPECT_EQ(log.last(), Index{1});
  EXPECT_EQ(log.durable(), Index{1});
}

TEST(LogView, ReportOfAWriteBeforeAnOverwriteAndBackDoesNotCount) {
  LogView log = log_of(0, 0, {1});
  log.append(Index{2}, Term{2});    // being written in term 2
  log.truncate(Index{2}, Term{3});  // overwritten in term 3
  log.append(Index{2}, Term{3});
  log.truncate(Index{2}, Term{4});  // and brought back in term 4
  log.append(Index{2}, Term{2});

  log.persisted(Index{2}, Term{2}, Term{2});
  EXPECT_EQ(log.durable(), Index{1});

  log.persisted(Index{2}, Term{2}, Term{4});
  EXPECT_EQ(log.durable(), Index{2});
}

TEST(LogView, ResetIsNotDurableUntilItIsReported) {
  LogView log = log_of(0, 0, {1, 1, 1});

  log.reset(Index{9}, Term{4}, Term{4});

  EXPECT_EQ(log.last(), Index{9});
  EXPECT_LT(log.durable(), Index{9});
  log.persisted(Index{3}, Term{1}, Term{4});
  EXPECT_LT(log.durable(), Index{9});
  log.persisted(Index{9}, Term{4}, Term{4});
  EXPECT_EQ(log.durable(), Index{9});
}

}  // namespace
}  // namespace strandlog::raft
