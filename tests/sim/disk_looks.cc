// What a simulation finds on its brokers' disks.
#include <algorithm>

#include "base/crc32c.h"
#include "store/inspect.h"
#include "tests/sim/simulation.h"

namespace strandlog::sim {
namespace {

constexpr int64_t kLookEveryUs = 20'000'000;
constexpr int64_t kEqualMs = 30'000;

/// What makes an entry itself; of equal entries nothing differs.
struct Print {
  Index index;
  Term term;
  uint32_t crc = 0;
  auto operator<=>(const Print&) const = default;
};

Print print_of(const EntryView& entry) {
  return {entry.header.index, entry.header.term, crc32c(entry.whole)};
}

}  // namespace

void Simulation::schedule_look_at_disks() {
  schedule_.after_us(dice_.between(0, kLookEveryUs), [this] {
    if (!abusing_) return;
    watch_.sample_promise([this](const Promise& promise) { check_durable(promise); });
    schedule_look_at_disks();
  });
}

// I18: what is acknowledged survives the loss of power of all brokers at this very moment.
void Simulation::check_durable(const Promise& promise) {
  ++outcome_.promises_checked;
  std::map<Print, size_t> holders;
  for (const auto& broker : brokers_) {
    store::FakeDisk image = broker->disk();
    image.lose_unflushed();
    auto seen = store::inspect(image, broker->store_id(), [&](const auto& one) {
      const EntryHeader& header = one.entry.header;
      bool is_it = one.replica.topic == promise.where.topic &&
                   one.replica.partition == promise.where.partition &&
                   header.kind == EntryKind::kData && header.base_offset <= promise.offset &&
                   promise.offset < header.next_offset();
      if (is_it) ++holders[print_of(one.entry)];
    });
    if (!seen.ok()) violated(broker->host() + " cannot be inspected: " + seen.error().text);
  }
  size_t most = 0;
  for (const auto& [print, count] : holders) most = std::max(most, count);
  size_t needed = promise.acks == 1 ? 1 : replication_ / 2 + 1;
  if (most >= needed) return;
  violated("I18: offset " + std::to_string(promise.offset.value) + " of partition " +
           std::to_string(promise.where.partition) + " was acknowledged while " +
           std::to_string(most) + " of " + std::to_string(needed) + " disks held it for good");
}

// All replicas of a partition end up with the same entries, byte for byte.
void Simulation::compare_replicas() {
  auto are_equal = [&] {
    std::map<GroupId, std::multiset<Index>> ends;
    for (const auto& broker : brokers_) {
      for (const auto& [uid, replica] : broker->store().replicas()) {
        if (replica.spec.topic_name != kTopic || replica.life != store::Life::kLive) continue;
        ends[replica.spec.group].insert(replica.durable);
      }
    }
    return ends.size() == partitions_ &&
           std::all_of(ends.begin(), ends.end(), [&](const auto& group) {
             const std::multiset<Index>& of = group.second;
             return of.size() == replication_ && *of.begin() == *of.rbegin();
           });
  };
  bool equal = wait_for(kEqualMs, are_equal);
  if (!equal) return violated("I24: not all replicas are equally long 30 s after the last record");
  std::map<std::pair<GroupId, Index>, Print> known;
  for (const auto& broker : brokers_) {
    store::FakeDisk image = broker->disk();
    image.end_process(0);
    auto seen = store::inspect(image, broker->store_id(), [&](const auto& one) {
      Print print = print_of(one.entry);
      Print other = known.try_emplace({one.replica.group, print.index}, print).first->second;
      if (other != print) {
        violated("I15: " + broker->host() + " holds another entry " +
                 std::to_string(print.index.value) + " of " + one.replica.topic_name + "/" +
                 std::to_string(one.replica.partition) + " than another broker");
      }
    });
    if (!seen.ok()) return violated(broker->host() + " cannot be inspected: " + seen.error().text);
    for (const auto& damage : seen->damage) {
      violated(broker->host() + " has damage in " + damage.file + ": " + damage.what);
    }
    outcome_.replicas_compared += seen->replicas.size();
  }
}

}  // namespace strandlog::sim
