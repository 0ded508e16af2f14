// Runs of stored entries whose checksums are made right, for fuzz inputs that hold them.
#pragma once

#include "base/entry.h"

namespace strandlog::fuzz {

/// What an entry is made to continue.
struct RunEnd {
  Index index;
  Term term;
  Offset next_offset;
  uint64_t chain = 0;
};

/// Makes the bytes at the front of `run` one entry of `group`: lengths inside the run, CRCs right.
/// With `end` also the one that follows it: index, offset and chain continue, the term never falls.
/// Returns the entry's length; 0 when the run is too short for one.
size_t repair_entry(MutableByteView run, const GroupId& group, RunEnd* end);

}  // namespace strandlog::fuzz
