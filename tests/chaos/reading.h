// Reading: consumers that write down what they are given, and what ends they are told.
#pragma once

#include "tests/chaos/producing.h"

namespace strandlog::chaos {

/// Follows all partitions from the start until Load::stop, and then up to their ends; with `anew`
/// it begins again at their ends every few seconds. kTimeout when nothing comes any more before
/// the ends. One thread's work.
Result<void> follow(const Load& load, uint32_t number, bool anew);

/// Asks for the ends of all partitions, again and again until Load::stop.
Result<void> ask_ends(const Load& load, uint32_t number);

/// After everything was healed: every record, as the final log; kTimeout when nothing comes any
/// more.
Result<void> read_everything(const Load& load);

}  // namespace strandlog::chaos
