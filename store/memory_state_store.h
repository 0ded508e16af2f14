// MemoryStateStore: a StateStore without a disk that can crash, for simulation and tests.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "base/env.h"
#include "store/state_store.h"

namespace strandlog::store {

/// Deterministic. One object stands for the directory: it outlives the broker that uses it.
class MemoryStateStore final : public StateStore {
 public:
  /// What a crash may leave: each machine falls back to an index of its own, drawn from `random`
  /// among those since the last flush (that one and the present one included).
  void crash(Random& random);

  Result<Index> applied(std::string_view machine) const override;
  Result<void> apply(std::string_view machine, Index applied, const StateBatch& batch) override;
  Result<std::optional<Bytes>> get(std::string_view machine, std::string_view key) const override;
  Result<StatePage> scan(std::string_view machine, std::string_view prefix, std::string_view after,
                         size_t max_bytes) const override;
  Result<void> drop(std::string_view machine) override;
  Result<void> flush() override;
  /// What a crash keeps is drawn anyway: nothing to do.
  void start_flush() override {}

 private:
  struct Tables {
    Index applied;
    std::map<std::string, Bytes, std::less<>> rows;
    void apply(Index index, const StateBatch& batch);
  };
  struct Step {
    Index applied;
    StateBatch batch;
  };
  struct Machine {
    Tables now;
    Tables flushed;
    std::deque<Step> since;  ///< flushed + since = now
  };

  const Tables* find(std::string_view machine) const;

  std::map<std::string, Machine, std::less<>> machines_;
};

}  // namespace strandlog::store
