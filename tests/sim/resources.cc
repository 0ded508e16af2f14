// A table of figures and bounds.
#include "tests/sim/resources.h"

#include <algorithm>

namespace strandlog::sim {
namespace {

constexpr uint64_t kHeadBytes = 64u << 10;  // of a round, and of the file that it begins

// What a message brings, as entries: a batch is about as long as an entry's header at least.
uint64_t one_message(uint64_t longest) { return 2 * longest; }

uint64_t longest_round(const store::StoreOptions& store, uint64_t longest_message) {
  return store.round_bytes + one_message(longest_message) + kHeadBytes;
}

// It may have grown once to hold the longest round.
uint64_t longest_file(const store::StoreOptions& store, uint64_t longest_message) {
  return std::max(store.journal_file_bytes, longest_round(store, longest_message));
}

}  // namespace

bool is_as_told(uint64_t told, uint64_t journal_bytes, const broker::BrokerConfig& config,
                uint64_t longest_message) {
  uint64_t file = longest_file(config.store, longest_message);
  return told <= journal_bytes + file && journal_bytes <= told + file;
}

std::vector<std::string> beyond_bounds(const wire::StatusAnswer& status,
                                       const broker::BrokerConfig& config, uint64_t longest_message,
                                       uint64_t journal_bytes) {
  std::vector<std::string> out;
  auto told = [&](const std::string& name) -> uint64_t {
    auto found = status.counters.find(name);
    if (found != status.counters.end()) return found->second;
    out.push_back("does not tell " + name);
    return 0;
  };
  auto check = [&](const std::string& name, uint64_t bound) {
    uint64_t used = told(name);
    if (used <= bound) return;
    out.push_back("uses " + std::to_string(used) + " as " + name + ", the bound is " +
                  std::to_string(bound));
  };
  uint64_t one = one_message(longest_message);
  const store::StoreOptions& store = config.store;
  uint64_t round = longest_round(store, longest_message);
  // One begins the image that frees others.
  uint64_t files = store.journal_max_bytes / store.journal_file_bytes + 1;
  uint64_t groups = told("replicas_leading");
  check("uncommitted_bytes",
        std::min(config.uncommitted_bytes_broker, groups * config.uncommitted_bytes_group) +
            groups * one);
  check("journal_bytes", files * longest_file(store, longest_message));
  // What is in no segment yet lies in the journal, too, and is kept in memory as long.
  check("unsegmented_bytes", journal_bytes + round);
  check("tail_cache_bytes", store.tail_cache_bytes + journal_bytes + round);
  check("deferred_bytes", config.max_deferred_bytes + one);
  check("pending_fetches", config.max_pending_fetches);
  check("fetch_held_bytes", config.max_fetch_bytes + told("pending_fetches") * one);
  return out;
}

}  // namespace strandlog::sim
