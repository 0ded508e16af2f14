// Choosing what to remember.
#include "tests/sim/remembered.h"

namespace strandlog::sim {
namespace {

constexpr uint64_t kKeptPercent = 5;
constexpr size_t kRecentMessages = 64;
constexpr size_t kSpreadMessages = 24;  // four minutes
constexpr int64_t kSpreadMs = 10'000;

}  // namespace

void Remembered::keep(const Message& message, Time now, Dice& dice) {
  if (!dice.percent(kKeptPercent)) return;
  recent_.push_back(message);
  if (recent_.size() > kRecentMessages) {
    recent_.erase(recent_.begin() + static_cast<ptrdiff_t>(dice.below(recent_.size())));
  }
  if (!spread_.empty() && now < spread_since_.plus_ms(kSpreadMs)) return;
  spread_since_ = now;
  spread_.push_back(message);
  if (spread_.size() > kSpreadMessages) spread_.pop_front();
}

const Message& Remembered::draw(Dice& dice) const {
  const std::deque<Message>& from = dice.percent(50) ? spread_ : recent_;
  return from[dice.below(from.size())];
}

}  // namespace strandlog::sim
