// The newest configuration and the one before it.
#include "raft/memberships.h"

#include "base/check.h"
#include "base/mark.h"

namespace strandlog::raft {

Memberships::Memberships(std::vector<Membership> kept) : kept_(std::move(kept)) {
  CHECK(!kept_.empty());
}

void Memberships::append(Membership next) {
  CHECK(next.index > current().index);
  if (kept_.size() > 1) kept_.erase(kept_.begin(), kept_.end() - 1);
  kept_.push_back(std::move(next));
}

void Memberships::truncate(Index from) {
  while (current().index >= from && current().index != Index{}) {
    CHECK(kept_.size() > 1);  // all below the newest are committed, and nobody overwrites those
    mark<"raft 10: a configuration is overwritten">();
    kept_.pop_back();
  }
}

void Memberships::reset(Membership only) {
  kept_.clear();
  kept_.push_back(std::move(only));
}

bool Memberships::is_sound(Index last) const {
  for (size_t i = 1; i < kept_.size(); ++i) {
    if (kept_[i].index <= kept_[i - 1].index) return false;
  }
  return current().index <= last;
}

}  // namespace strandlog::raft
