// What must hold for a store on any disk whatsoever.
#pragma once

#include "tests/fuzz/sample_store.h"

namespace strandlog::fuzz {

/// Inspects and opens it, reads every replica in service, writes to it, opens it again. An error
/// must be of a kind that names damage; what is served must be whole. `allowed`, when set: what
/// replicas in service hold must all have been durable together in one of these. What is written is
/// there again, unless `forged`: the disk holds lies with right checksums, which may contradict it.
void check_store(const store::FakeDisk& disk, const std::vector<Snapshot>* allowed, bool forged);

}  // namespace strandlog::fuzz
