// Repairs: makes checksums of journal and segment files right again after damage, so that nonsense
// reaches the code behind them. Written against store/format.md, not with the store's own encoders.
#pragma once

#include <vector>

#include "base/ids.h"

namespace strandlog::fuzz {

/// What is repaired; bits.
enum Repair : uint8_t {
  kRepairFileHeader = 1,  ///< of a journal or segment
  kRepairRoundHead = 2,   ///< its fixed part and its lists
  kRepairSequence = 4,    ///< rounds belong to the file's present use
  kRepairItems = 8,       ///< the CRC of each item over its payload
  kRepairEntries = 16,    ///< each entry's CRCs
  kRepairChain = 32,      ///< with kRepairEntries: entries of a run also continue each other
};

void repair_journal(std::vector<uint8_t>& file, uint8_t repairs);
/// The replica's group is its uid, repeated.
void repair_segment(std::vector<uint8_t>& file, uint8_t repairs);

}  // namespace strandlog::fuzz
