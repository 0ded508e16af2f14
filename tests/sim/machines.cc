// Digests of tables by the index that they are at.
#include "tests/sim/machines.h"

#include "base/crc32c.h"

namespace strandlog::sim {
namespace {

constexpr size_t kPageBytes = 1u << 20;
constexpr size_t kMostViolations = 20;

}  // namespace

void Machines::saw(const std::string& broker, const store::StateStore& state) {
  Index applied = state.applied(name_).value();
  if (applied == Index{}) return;
  Seen now{broker, digest_of(state)};
  const Seen& first = by_applied_.try_emplace(applied, now).first->second;
  compared_ += first.broker == broker ? 0 : 1;
  if (first.digest == now.digest || violations_.size() >= kMostViolations) return;
  violations_.push_back("I16: the " + name_ + " of " + broker + " at entry " +
                        std::to_string(applied.value) + " is not what " + first.broker +
                        " had there");
}

uint32_t Machines::digest_of(const store::StateStore& state) const {
  uint32_t crc = 0;
  auto add = [&](std::string_view text) {
    crc = crc32c(view_of(std::to_string(text.size()) + ":"), crc);
    crc = crc32c(view_of(text), crc);
  };
  std::string after;
  for (bool more = true; more;) {
    store::StatePage page = state.scan(name_, {}, after, kPageBytes).value();
    for (const store::StateRow& row : page.rows) {
      add(row.key);
      add(row.value.text());
      after = row.key;
    }
    more = page.more;
  }
  return crc;
}

}  // namespace strandlog::sim
