// Machines: the tables of state machines that applied the same log up to the same entry are equal.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "store/state_store.h"

namespace strandlog::sim {

/// I16, of one machine; all brokers keep it under the same name. One thread.
class Machines {
 public:
  explicit Machines(std::string name) : name_(std::move(name)) {}
  /// What a broker has of it now; nothing is compared while it has applied nothing.
  void saw(const std::string& broker, const store::StateStore& state);
  const std::vector<std::string>& violations() const { return violations_; }
  /// With what another broker had at the same entry.
  uint64_t compared() const { return compared_; }

 private:
  struct Seen {
    std::string broker;
    uint32_t digest = 0;
  };
  uint32_t digest_of(const store::StateStore& state) const;

  const std::string name_;
  std::map<Index, Seen> by_applied_;
  std::vector<std::string> violations_;
  uint64_t compared_ = 0;
};

}  // namespace strandlog::sim
