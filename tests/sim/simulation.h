// Simulation: one seed, one cluster: drawn, run through faults, healed, read to the end and judged.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/effects.h"
#include "tests/sim/plan.h"

namespace strandlog::sim {

struct Outcome {
  std::vector<std::string> violations;
  uint64_t promises_checked = 0;  ///< acknowledgements whose durable images were looked at
  uint64_t votes_checked = 0;     ///< the same of votes
  uint64_t replicas_compared = 0;
  uint64_t entries_compared = 0;   ///< with the same of another replica
  uint64_t deletions_checked = 0;  ///< topics that were deleted and are nowhere
  uint64_t followers_cut_off = 0;
  uint64_t undisturbed = 0;                ///< 1: nothing was done to anybody, and it was looked at
  uint64_t full_disks_not_started_on = 0;  ///< excused
  uint64_t catalogs_compared = 0;
  uint64_t resources_checked = 0;   ///< answers of brokers about what they use
  uint64_t admissions_checked = 0;  ///< notes of brokers about the others
  uint64_t marks_checked = 0;       ///< ends that brokers told clients
  uint64_t votes_seen = 0;          ///< between brokers
  uint64_t ends_seen = 0;
  uint64_t records_read = 0;  ///< by the clients that lived through the faults
  uint64_t operations = 0;    ///< of clients, that left them: records, and questions but polls
  uint64_t sent = 0, acked = 0, failed = 0;
  std::map<Fault, uint64_t> faults;  ///< drawn kinds, with how often each did something
  EffectCounts effects;              ///< what faults did
  int64_t virtual_ms = 0;
  uint64_t fingerprint = 0;  ///< of everything that clients saw and the number of events
};

struct SimulateOptions {
  bool trace = false;       ///< one line for each thing done to the cluster, on stderr
  bool judges_all = false;  ///< goes on to the end, and judges all, though something is broken
};
/// The same plan gives the same outcome, on every machine.
Outcome simulate(const Plan& plan, SimulateOptions options = {});

}  // namespace strandlog::sim
