// Effects: what faults did to somebody, counted where it is done.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/cluster.h"
#include "tests/sim/plan.h"

namespace strandlog::sim {

struct Effect {
  Fault fault;
  const char* name;
  /// Each strike of its kind has it, or did nothing; otherwise: some have it.
  bool is_of_each;
  uint64_t (*count)(SimCluster&);
};
const std::vector<Effect>& all_effects();

/// By name, so far.
using EffectCounts = std::map<std::string, uint64_t>;
EffectCounts count_effects(SimCluster& cluster);

/// How often a kind that each strike must show itself by was seen; none: nothing is counted for it.
std::optional<uint64_t> effect_of_each(Fault fault, SimCluster& cluster);

/// Of many seeds: a line for each kind that was drawn and never did anything, or never one thing
/// that it is for. `strikes`: those that did something, by the kinds' names; a kind that is not
/// there was not drawn.
std::vector<std::string> without_effect(const std::map<std::string, uint64_t>& strikes,
                                        const EffectCounts& effects);

}  // namespace strandlog::sim
