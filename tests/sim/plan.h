// Plan: everything a seed decides before its cluster lives: topology, knobs, workload and faults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/config.h"
#include "tests/sim/disk.h"

namespace strandlog::sim {

/// What may be done to a cluster. Each seed draws a subset; some draw none.
enum class Fault {
  kKill,        ///< SIGKILL of a broker, started again later
  kVoterDies,   ///< of a broker, right after its next vote; it is back at once
  kPowerLoss,   ///< of one broker or some; what was not flushed is gone or there, file by file
  kTornWrites,  ///< a loss of power that leaves sectors old, new or garbage
  kLostNames,   ///< a loss of power that undoes names not flushed, each on its own
  kPause,       ///< SIGSTOP for up to 10 s
  kSleepwalk,   ///< the same; the other brokers cannot be reached for a while when it goes on
  kCleanStop,
  kCut,          ///< nothing passes between a broker and some others
  kOneWay,       ///< the same in one direction
  kLeadersFall,  ///< the busy leader is cut off, then its successors, each right after its election
  kAdrift,       ///< the busy leader is cut off and its disk stalls; its successors fall briefly
  kReset,        ///< connections break; what was under way is lost, or arrives late
  kReplay,       ///< old messages of peers arrive once more
  kLose,         ///< messages of peers vanish for a while
  kDouble,       ///< messages of peers arrive twice for a while
  kNarrow,       ///< little bandwidth for a while
  kLatency,      ///< everything takes longer for a while
  kDiskStall,    ///< a disk does not answer for up to 5 s
  kDiskError,    ///< a write or flush fails; the process must stop
  kDiskFull,     ///< no space is left for a while
  kClock,        ///< clocks run up to 2 % fast or slow, wall clocks jump
  kWipe,         ///< a disk is replaced by a blank one, where all groups can spare it
};
const char* name_of(Fault fault);
const std::vector<Fault>& all_faults();

/// One fault at one time, with chances of its own: leaving out others does not change it.
struct Strike {
  int64_t at_ms = 0;  ///< after the cluster came to life
  Fault fault = Fault::kKill;
  uint64_t seed = 0;
};

struct Plan {
  uint64_t seed = 0;
  size_t brokers = 3;
  size_t clients = 2;
  uint32_t partitions = 1;  ///< of the topic that stays
  uint32_t replication = 3;
  int64_t busy_ms = 110'000;
  uint64_t sends = 5'000;        ///< about, by all clients
  uint64_t most_burst = 4;       ///< sends of a client at once
  uint64_t asking_percent = 40;  ///< of bursts, behind which the client asks for an end
  size_t record_bytes = 100;
  bool topics_come_and_go = false;
  std::vector<Fault> drawn;
  std::vector<Strike> strikes;  ///< by time
  broker::BrokerConfig config;  ///< what all brokers have in common
};

/// The same on every machine.
Plan draw_plan(uint64_t seed);

/// What is left out of a plan to find the smallest one that still shows a bug; empty: nothing.
/// Written as words: "clients=1 busy=40000 strikes=3,7,12".
struct Cuts {
  std::optional<size_t> clients;
  std::optional<int64_t> busy_ms;
  std::optional<bool> topics_come_and_go;
  std::optional<std::vector<size_t>> strikes;  ///< those that stay, by place in the plan
};
constexpr int64_t kShortestBusyMs = 1'000;  ///< less leaves clients no time between their sends

Plan cut_down(Plan plan, const Cuts& cuts);
std::string to_text(const Cuts& cuts);
/// kInvalidArgument for what `plan` cannot lose: all its clients, time below kShortestBusyMs,
/// strikes that it does not have.
Result<Cuts> parse_cuts(const std::vector<std::string>& words, const Plan& plan);

}  // namespace strandlog::sim
