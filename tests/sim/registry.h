// Registry: who speaks as which start of a store, and whom brokers took for it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/network.h"
#include "wire/messages.h"

namespace strandlog::sim {

/// I19. A boot id is drawn for each start and durable before it is said: only one process ever
/// speaks as that start of that store, whatever was copied. Copies of one directory do start under
/// one boot epoch; of these only one process is *admitted*. That a broker names a process as whom
/// it talks to proves nothing, it does so before it trusts it, nor does a question that it sends.
/// What proves it is an answer to a question of Raft that only this process has put, and the note
/// that each broker keeps of the stores whose messages it acted on. One thread.
class Registry {
 public:
  /// A message that a process hands over.
  void speaks(const Sighting& sighting, const wire::PeerMessage& message);
  /// The note of a broker's process, one after the other. Its epochs never fall; and no two notes
  /// name two boots of one epoch of a store.
  void admits(const std::string& process, const std::vector<wire::RememberedStore>& note);
  const std::vector<std::string>& violations() const { return violations_; }
  uint64_t notes() const { return notes_; }

 private:
  void violated(const std::string& what);
  void asks(const wire::RaftMessage& raft, const wire::PeerMessage& message);
  void answers(const std::string& host, const wire::RaftMessage& raft);
  void admit(const std::string& who, const StoreId& store, BootEpoch epoch, BootId boot);

  struct Speaker {
    std::string host;
    uint64_t process = 0;
    BrokerId broker;
    bool operator==(const Speaker&) const = default;
  };
  struct Asker {
    StoreId store;
    BootEpoch epoch;
    BootId boot;
    bool alone = true;  ///< nobody else asked in this replica's name and term
  };
  std::map<std::pair<StoreId, BootId>, Speaker> speakers_;
  std::map<std::pair<Uid, Term>, Asker> askers_;
  std::map<std::pair<StoreId, BootEpoch>, BootId> admitted_;
  std::map<std::pair<std::string, StoreId>, BootEpoch> newest_;  ///< by process that keeps it
  std::vector<std::string> violations_;
  uint64_t notes_ = 0;
};

}  // namespace strandlog::sim
