// Two copies of every machine and the steps between them; see memory_state_store.h.
#include "store/memory_state_store.h"

#include <algorithm>

#include "base/check.h"

namespace strandlog::store {
namespace {
constexpr size_t kMaxSteps = 4096;  // beyond, the oldest reach the disk, as in a real store
}  // namespace

void MemoryStateStore::Tables::apply(Index index, const StateBatch& batch) {
  CHECK(index > applied);
  applied = index;
  for (const StateBatch::Change& change : batch.changes()) {
    if (change.value) {
      rows[change.key] = *change.value;
    } else {
      rows.erase(change.key);
    }
  }
}

void MemoryStateStore::crash(Random& random) {
  for (auto& [name, machine] : machines_) {
    for (uint64_t kept = random.next() % (machine.since.size() + 1); kept > 0; --kept) {
      machine.flushed.apply(machine.since.front().applied, machine.since.front().batch);
      machine.since.pop_front();
    }
    machine.since.clear();
    machine.now = machine.flushed;
  }
}

const MemoryStateStore::Tables* MemoryStateStore::find(std::string_view machine) const {
  auto found = machines_.find(machine);
  return found == machines_.end() ? nullptr : &found->second.now;
}

Result<Index> MemoryStateStore::applied(std::string_view machine) const {
  TRY(check_machine(machine));
  const Tables* tables = find(machine);
  return tables ? tables->applied : Index{};
}

Result<void> MemoryStateStore::apply(std::string_view machine, Index applied,
                                     const StateBatch& batch) {
  TRY(check_batch(machine, batch));
  Machine& known = machines_[std::string(machine)];
  known.now.apply(applied, batch);
  known.since.push_back({applied, batch});
  if (known.since.size() > kMaxSteps) {
    known.flushed.apply(known.since.front().applied, known.since.front().batch);
    known.since.pop_front();
  }
  return {};
}

Result<std::optional<Bytes>> MemoryStateStore::get(std::string_view machine,
                                                   std::string_view key) const {
  TRY(check_machine(machine));
  const Tables* tables = find(machine);
  if (!tables) return std::optional<Bytes>{};
  auto row = tables->rows.find(key);
  return row == tables->rows.end() ? std::nullopt : std::optional<Bytes>(row->second);
}

Result<StatePage> MemoryStateStore::scan(std::string_view machine, std::string_view prefix,
                                         std::string_view after, size_t max_bytes) const {
  TRY(check_machine(machine));
  StatePage page;
  const Tables* tables = find(machine);
  if (!tables) return page;
  size_t bytes = 0;
  auto row = after < prefix ? tables->rows.lower_bound(prefix) : tables->rows.upper_bound(after);
  for (; row != tables->rows.end() && row->first.starts_with(prefix); ++row) {
    bytes += row->first.size() + row->second.size();
    if (bytes > max_bytes && !page.rows.empty()) {
      page.more = true;
      break;
    }
    page.rows.push_back({row->first, row->second});
  }
  return page;
}

Result<void> MemoryStateStore::drop(std::string_view machine) {
  TRY(check_machine(machine));
  if (auto found = machines_.find(machine); found != machines_.end()) machines_.erase(found);
  return {};
}

Result<void> MemoryStateStore::flush() {
  for (auto& [name, machine] : machines_) {
    machine.flushed = machine.now;
    machine.since.clear();
  }
  return {};
}

}  // namespace strandlog::store
