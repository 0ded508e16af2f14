// A table of figures and bounds.
#include "tests/sim/resources.h"

#include <algorithm>

namespace strandlog::sim {
namespace {

constexpr uint64_t kHeadBytes = 64u << 10;  // of a round, and of the file that it begins
constexpr uint64_t kPage = 4u << 10;
constexpr uint64_t kImagedBytes = 128;  // of one name on the disk, at most, on the average
constexpr size_t kEndedSegments = 8;    // which wait for space or their flush; pieces of the store

// What a message brings, as entries: a batch is about as long as an entry's header at least.
uint64_t one_message(uint64_t longest) { return 2 * longest; }

uint64_t longest_round(const store::StoreOptions& store, uint64_t longest_message) {
  return store.round_bytes + one_message(longest_message) + kHeadBytes;
}

// Whatever has a name on the disk is told of in a base image: a segment with its range and term, a
// replica (which has a directory) with its spec and configuration.
uint64_t longest_image(size_t most_names) { return most_names * kImagedBytes + kHeadBytes; }

}  // namespace

bool is_as_told(uint64_t told, const store::FakeDisk::Folder& journal,
                const broker::BrokerConfig& config) {
  uint64_t file = std::max(journal.longest, config.store.journal_file_bytes);
  return told <= journal.bytes + file && journal.bytes <= told + file;
}

std::vector<std::string> beyond_bounds(const wire::StatusAnswer& status,
                                       const broker::BrokerConfig& config, uint64_t longest_message,
                                       const OnDisk& disk) {
  const store::FakeDisk::Folder& journal = disk.journal;
  std::vector<std::string> out;
  auto told = [&](const std::string& name) -> uint64_t {
    auto found = status.counters.find(name);
    if (found != status.counters.end()) return found->second;
    out.push_back("does not tell " + name);
    return 0;
  };
  auto compare = [&](uint64_t used, const std::string& name, uint64_t bound) {
    if (used <= bound) return;
    out.push_back("uses " + std::to_string(used) + " as " + name + ", the bound is " +
                  std::to_string(bound));
  };
  auto check = [&](const std::string& name, uint64_t bound) { compare(told(name), name, bound); };
  uint64_t one = one_message(longest_message);
  const store::StoreOptions& store = config.store;
  uint64_t round = longest_round(store, longest_message);
  uint64_t groups = told("replicas_leading");
  check("uncommitted_bytes",
        std::min(config.uncommitted_bytes_broker, groups * config.uncommitted_bytes_group) +
            groups * one);
  // One begins the image that frees others, one is being made. A file is as long as the longest
  // round that it ever held, an image of many segments perhaps.
  uint64_t files = store.journal_max_bytes / store.journal_file_bytes;
  compare(journal.files, "files of the journal", files + 2);
  uint64_t longest = std::max(round, longest_image(disk.most_names));
  compare(journal.longest, "a file of the journal",
          std::max(store.journal_file_bytes, longest) + kPage);
  // What is in no segment yet lies in the journal, too, and is kept in memory as long; memory comes
  // in chunks.
  check("unsegmented_bytes", journal.bytes + round);
  uint64_t chunk = std::clamp<uint64_t>(store.tail_cache_bytes / 4, 4'096, 1u << 20);
  check("tail_cache_bytes", store.tail_cache_bytes + chunk + journal.bytes + round);
  check("deferred_bytes", config.max_deferred_bytes + one);
  check("pending_fetches", config.max_pending_fetches);
  check("fetch_held_bytes", config.max_fetch_bytes + told("pending_fetches") * one);
  return out;
}

std::optional<std::string> too_many_open(const store::FakeDisk& disk, size_t replicas) {
  size_t most = disk.folder("journal").files + replicas + kEndedSegments + disk.under_way();
  if (disk.open_handles() <= most) return std::nullopt;
  return "has " + std::to_string(disk.open_handles()) + " files open, the bound is " +
         std::to_string(most);
}

}  // namespace strandlog::sim
