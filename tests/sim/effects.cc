// Adding up over the hosts of a cluster.
#include "tests/sim/effects.h"

namespace strandlog::sim {
namespace {

using DiskFigures = store::FakeDisk::Figures;

template <uint64_t Network::Figures::*kFigure>
uint64_t of_network(SimCluster& cluster) {
  return cluster.network().figures().*kFigure;
}

template <uint64_t DiskFigures::*kFigure>
uint64_t of_disks(SimCluster& cluster) {
  uint64_t sum = 0;
  for (const auto& broker : cluster.brokers()) sum += broker->disk().figures().*kFigure;
  return sum;
}

uint64_t stalled(SimCluster& cluster) {
  uint64_t sum = 0;
  for (const auto& broker : cluster.brokers()) sum += broker->stalled_operations();
  return sum;
}

uint64_t drifting(SimCluster& cluster) {
  auto drifts = [](const auto& broker) { return broker->is_up() && broker->clock().drifted_us(); };
  return static_cast<uint64_t>(
      std::count_if(cluster.brokers().begin(), cluster.brokers().end(), drifts));
}

}  // namespace

const std::vector<Effect>& all_effects() {
  using Net = Network::Figures;
  static const std::vector<Effect> all = {
      {Fault::kPowerLoss, "files_undone", false, of_disks<&DiskFigures::files_undone>},
      {Fault::kTornWrites, "torn_sectors", true, of_disks<&DiskFigures::torn_sectors>},
      {Fault::kLostNames, "names_undone", true, of_disks<&DiskFigures::names_undone>},
      {Fault::kSleepwalk, "held_up", true, of_network<&Net::held_up>},
      {Fault::kCut, "held_up", true, of_network<&Net::held_up>},
      {Fault::kOneWay, "held_up", true, of_network<&Net::held_up>},
      {Fault::kLeadersFall, "held_up", true, of_network<&Net::held_up>},
      {Fault::kAdrift, "held_up", true, of_network<&Net::held_up>},
      {Fault::kReset, "late", false, of_network<&Net::late>},
      {Fault::kReplay, "replayed", true, of_network<&Net::replayed>},
      {Fault::kLose, "lost", true, of_network<&Net::lost>},
      {Fault::kDouble, "doubled", true, of_network<&Net::doubled>},
      {Fault::kNarrow, "narrowed", true, of_network<&Net::narrowed>},
      {Fault::kLatency, "delayed", true, of_network<&Net::delayed>},
      {Fault::kDiskStall, "stalled", true, stalled},
      {Fault::kDiskFull, "refused_for_space", true, of_disks<&DiskFigures::refused_for_space>},
      {Fault::kClock, "drifting_clocks", false, drifting},
  };
  return all;
}

EffectCounts count_effects(SimCluster& cluster) {
  EffectCounts out;
  for (const Effect& effect : all_effects()) out[effect.name] = effect.count(cluster);
  return out;
}

std::optional<uint64_t> effect_of_each(Fault fault, SimCluster& cluster) {
  for (const Effect& effect : all_effects()) {
    if (effect.fault == fault && effect.is_of_each) return effect.count(cluster);
  }
  return std::nullopt;
}

std::vector<std::string> without_effect(const std::map<std::string, uint64_t>& strikes,
                                        const EffectCounts& effects) {
  std::vector<std::string> out;
  for (const auto& [name, count] : strikes) {
    if (count == 0) out.push_back("faults of kind " + name + " were drawn and did nothing");
  }
  for (const Effect& effect : all_effects()) {
    std::string kind = name_of(effect.fault);
    auto seen = effects.find(effect.name);
    if (!strikes.contains(kind) || (seen != effects.end() && seen->second > 0)) continue;
    out.push_back("faults of kind " + kind + " were drawn, and \"" + effect.name + "\" is 0");
  }
  return out;
}

}  // namespace strandlog::sim
