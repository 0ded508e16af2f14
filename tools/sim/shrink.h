// Shrink: the least that must happen for a seed to break its promise still.
#pragma once

#include <cstdint>

namespace strandlog::sim {

/// Leaves out faults, clients, topics and time, as long as the same kind of finding stays, and
/// prints what is left as a command. False: the seed breaks no promise. Each attempt runs in a
/// process of its own; at most 400 of them.
bool shrink(uint64_t seed);

}  // namespace strandlog::sim
