// First come, only one.
#include "tests/sim/registry.h"

#include <algorithm>

namespace strandlog::sim {
namespace {

constexpr size_t kMostViolations = 20;

}  // namespace

void Registry::violated(const std::string& what) {
  if (violations_.size() < kMostViolations) violations_.push_back("I19: " + what);
}

void Registry::speaks(const Sighting& sighting, const wire::PeerMessage& message) {
  Speaker now{sighting.from, sighting.process, message.from};
  auto [known, is_new] = speakers_.try_emplace({message.store, message.boot_id}, now);
  if (!is_new && known->second != now) {
    violated("boot " + std::to_string(message.boot_id.value) + " of store " + message.store.text() +
             " speaks from " + known->second.host + " and from another process on " + now.host);
  }
  using Kind = wire::RaftMessage::Kind;
  for (const wire::RaftMessage& raft : message.raft) {
    if (raft.kind == Kind::kVoteRequest || raft.kind == Kind::kAppend) asks(raft, message);
    if (raft.kind == Kind::kVoteAnswer || raft.kind == Kind::kAppendAnswer) {
      answers(sighting.from, raft);
    }
  }
}

void Registry::asks(const wire::RaftMessage& raft, const wire::PeerMessage& message) {
  Asker now{message.store, message.boot_epoch, message.boot_id};
  Asker& known = askers_.try_emplace({raft.from, raft.term}, now).first->second;
  if (known.boot != now.boot) known.alone = false;
}

void Registry::answers(const std::string& host, const wire::RaftMessage& raft) {
  auto asker = askers_.find({raft.to, raft.term});
  if (asker == askers_.end() || !asker->second.alone) return;
  admit(host, asker->second.store, asker->second.epoch, asker->second.boot);
}

void Registry::admit(const std::string& who, const StoreId& store, BootEpoch epoch, BootId boot) {
  BootId first = admitted_.try_emplace({store, epoch}, boot).first->second;
  if (first == boot) return;
  violated(who + " admits boot " + std::to_string(boot.value) + " of epoch " +
           std::to_string(epoch.value) + " of store " + store.text() + ", and boot " +
           std::to_string(first.value) + " was admitted before");
}

void Registry::admits(const std::string& process, const std::vector<wire::RememberedStore>& note) {
  ++notes_;
  for (const wire::RememberedStore& store : note) {
    admit(process, store.store, store.boot_epoch, store.boot_id);
    BootEpoch& newest = newest_[{process, store.store}];
    if (store.boot_epoch < newest) {
      violated(process + " admits epoch " + std::to_string(store.boot_epoch.value) + " of store " +
               store.store.text() + " after epoch " + std::to_string(newest.value));
    }
    newest = std::max(newest, store.boot_epoch);
  }
}

}  // namespace strandlog::sim
