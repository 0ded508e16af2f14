// Remembered: some of what one host said to another, to be said again seconds or minutes later.
#pragma once

#include <deque>

#include "base/env.h"
#include "tests/dice.h"

namespace strandlog::sim {

/// Two sets: of the last seconds many messages, of the last minutes one of each ten seconds. One
/// set whose places are given away at random forgets what is minutes old: between busy brokers each
/// of 64 stays for half a minute.
class Remembered {
 public:
  /// Keeps about one message in twenty.
  void keep(const Message& message, Time now, Dice& dice);
  bool empty() const { return recent_.empty(); }
  /// Half the time of the last seconds, half the time of the last minutes. Not when empty.
  const Message& draw(Dice& dice) const;

 private:
  std::deque<Message> recent_, spread_;  ///< `spread_` by age
  Time spread_since_;                    ///< when the last of spread_ was said
};

}  // namespace strandlog::sim
