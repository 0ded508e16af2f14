// Counting heads.
#include "tests/sim/voters.h"

#include <algorithm>

#include "wire/codec.h"

namespace strandlog::sim {
namespace {

std::set<Uid> uids_of(const std::vector<wire::CatalogReplica>& replicas) {
  std::set<Uid> out;
  for (const auto& replica : replicas) out.insert(replica.uid);
  return out;
}

}  // namespace

void Voters::saw(size_t broker, const store::InspectedReplica& replica) {
  homes_[replica.spec.uid] = broker;
  auto members = wire::decode_configuration(replica.configuration);
  if (!members.ok()) return;
  sets_.insert(uids_of(members->voters));
  if (!members->outgoing.empty()) sets_.insert(uids_of(members->outgoing));
}

bool Voters::have_majority(const Counts& counts) const {
  return std::all_of(sets_.begin(), sets_.end(), [&](const std::set<Uid>& voters) {
    auto count = std::count_if(voters.begin(), voters.end(), [&](Uid uid) {
      auto home = homes_.find(uid);
      return home != homes_.end() && counts(home->second);
    });
    return static_cast<size_t>(count) > voters.size() / 2;
  });
}

bool Voters::are_on(size_t broker) const {
  return std::any_of(sets_.begin(), sets_.end(), [&](const std::set<Uid>& voters) {
    return std::any_of(voters.begin(), voters.end(), [&](Uid uid) {
      auto home = homes_.find(uid);
      return home != homes_.end() && home->second == broker;
    });
  });
}

bool Voters::are_whole() const {
  return sets_.size() == 1 && std::all_of(sets_.begin()->begin(), sets_.begin()->end(),
                                          [&](Uid uid) { return homes_.contains(uid); });
}

std::string Voters::text() const {
  std::string out;
  for (const std::set<Uid>& voters : sets_) {
    if (!out.empty()) out += " or";
    for (Uid uid : voters) {
      auto home = homes_.find(uid);
      out += " " + std::to_string(uid.value) + "@";
      out += home == homes_.end() ? "-" : std::to_string(home->second);
    }
  }
  return out;
}

}  // namespace strandlog::sim
