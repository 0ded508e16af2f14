// Every answer begins the waiting anew: operations of a lane come one after the other.
#include "broker/disk_patience.h"

namespace strandlog::broker {
namespace {
constexpr auto kJournal = static_cast<size_t>(DiskOp::Lane::kJournal);
}  // namespace

void DiskPatience::look(Time now, const store::DiskLanes& lanes) {
  for (size_t i = 0; i < lanes.size(); ++i) {
    bool answered = lanes[i].answered != lanes_[i].answered;
    lanes_[i].answered = lanes[i].answered;
    if (lanes[i].open == 0) {
      lanes_[i].owes_since.reset();
    } else if (answered || !lanes_[i].owes_since) {
      lanes_[i].owes_since = now;
    }
  }
}

bool DiskPatience::is_over(Time now) const {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    int64_t limit_ms = i == kJournal ? stall_ms_ : stall_ms_ * kOthersTimes;
    if (lanes_[i].owes_since && now > lanes_[i].owes_since->plus_ms(limit_ms)) return true;
  }
  return false;
}

std::optional<Time> DiskPatience::owes_round_since() const { return lanes_[kJournal].owes_since; }

}  // namespace strandlog::broker
