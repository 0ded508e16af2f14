// Printing the judgement of a history.
#include "tools/sim/check.h"

#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tests/sim/history_figures.h"
#include "tests/sim/history_file.h"

namespace strandlog::sim {
namespace {

uint64_t count_of(const Judgement& judgement, const char* invariant) {
  auto found = judgement.broken.find(invariant);
  return found == judgement.broken.end() ? 0 : found->second;
}

// I3 is the order of one producer's sends, I5 that of sends behind acknowledgements.
uint64_t reordered(const Judgement& judgement) {
  return count_of(judgement, "I3") + count_of(judgement, "I5");
}

void print_json(const Judgement& judgement, const Figures& figures) {
  nlohmann::ordered_json line = {{"sent", figures.sent},
                                 {"acked", figures.acked},
                                 {"failed", figures.failed},
                                 {"open", figures.open},
                                 {"lost", count_of(judgement, "I1")},
                                 {"reordered", reordered(judgement)},
                                 {"twice", judgement.twice},
                                 {"possible_duplicates", figures.possible_duplicates},
                                 {"seen", figures.seen},
                                 {"ends", figures.ends},
                                 {"final", figures.final},
                                 {"unfinished", figures.unfinished},
                                 {"unread", nlohmann::ordered_json::object()},
                                 {"longest_gap_ms", figures.gap_us / 1000},
                                 {"longest_gap_ms_by_partition", nlohmann::ordered_json::object()},
                                 {"broken", judgement.broken},
                                 {"violations", judgement.violations}};
  for (const auto& [partition, gap] : figures.gaps_us) {
    line["longest_gap_ms_by_partition"][std::to_string(partition)] = gap / 1000;
  }
  for (const auto& [partition, records] : figures.unread) {
    line["unread"][std::to_string(partition)] = records;
  }
  std::printf("%s\n", line.dump().c_str());
}

void print_text(const Judgement& judgement, const Figures& figures) {
  for (const std::string& violation : judgement.violations) std::printf("%s\n", violation.c_str());
  for (const auto& [invariant, count] : judgement.broken) {
    std::printf("%s is broken %" PRIu64 " times\n", invariant.c_str(), count);
  }
  std::printf("%" PRIu64 " sent, %" PRIu64 " acked, %" PRIu64 " failed, %" PRIu64 " open, %" PRIu64
              " lost, %" PRIu64 " reordered, %" PRIu64 " twice of %" PRIu64 " announced\n",
              figures.sent, figures.acked, figures.failed, figures.open, count_of(judgement, "I1"),
              reordered(judgement), judgement.twice, figures.possible_duplicates);
  std::printf("%" PRIu64 " records at the end, %" PRIu64 " reads and %" PRIu64
              " ends meanwhile; longest time without an acknowledgement %" PRId64 " ms",
              figures.final, figures.seen, figures.ends, figures.gap_us / 1000);
  for (const auto& [partition, gap] : figures.gaps_us) {
    std::printf(", partition %d %" PRId64, partition, gap / 1000);
  }
  std::printf("\n");
  for (const auto& [client, partition] : figures.unfinished) {
    std::printf("the last record of client %u in partition %d was not acknowledged\n", client,
                partition);
  }
  for (const auto& [partition, records] : figures.unread) {
    std::printf("the last %" PRIu64 " records of partition %d were not read meanwhile\n", records,
                partition);
  }
}

}  // namespace

Result<bool> check_files(const std::vector<std::string>& paths, bool json) {
  ASSIGN(History history, read_history(paths));
  Judgement judgement = judge(history);
  Figures figures = figures_of(history);
  json ? print_json(judgement, figures) : print_text(judgement, figures);
  return judgement.broken.empty() && figures.acked > 0;
}

}  // namespace strandlog::sim
