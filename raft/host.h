// Host: the groups of one shard and the broker sessions their liveness rests on.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "raft/group.h"

namespace strandlog::raft {

struct GroupOutput {
  Uid uid;  ///< of the local replica
  Output output;
};

/// A session per broker pair, named by both boot ids; silence or a reported disconnect ends it.
/// Used by one thread.
class Host : public Liveness {
 public:
  /// A session ends after `silence_ticks` without a message of that broker.
  explicit Host(uint32_t silence_ticks) : silence_ticks_(silence_ticks) {}

  /// Adds a local replica; the uid must be new here.
  Group& add(GroupConfig config, Restored restored, uint64_t seed);
  void remove(Uid uid);
  Group* find(Uid uid);
  const Group* find(Uid uid) const;

  /// Anything at all arrived from `broker`. `leaderships_lost` is the sender's count of step-downs:
  /// when it grew, a StepDown may have been lost and every group led there is woken.
  void heard(BrokerId broker, BootId boot, uint64_t leaderships_lost);
  /// Whether `broker` has told a higher count since, or speaks in another boot now: what came with
  /// these is late, and a silence it announces may be that of a leader which has stepped down.
  bool is_late(BrokerId broker, BootId boot, uint64_t leaderships_lost) const;
  /// The connection was reported broken.
  void disconnected(BrokerId broker);
  bool alive(BrokerId broker) const override;
  /// How often a local group stopped leading; goes into every heartbeat.
  uint64_t leaderships_lost() const { return leaderships_lost_; }

  /// After a lost leadership the other quiet leaders speak again: who hears of the loss elsewhere
  /// no longer trusts their silence. Ages sessions, then ticks every group that is not asleep: a
  /// quiet one sleeps, at no cost, until something is stepped, touched or told to it.
  void tick();
  /// To the group whose local replica is message.to; dropped when there is none. Follow it by
  /// take(), unless the message was dropped.
  void step(const Message& message);
  /// After any call on a group itself (propose, sent, persisted, …): it may have something to take.
  void touch(Uid uid);
  /// The outputs of every touched group, by uid; those with nothing to carry out and an unchanged
  /// commit are left out.
  std::vector<GroupOutput> take();
  /// The same of one group, whatever it has. The uid must be known.
  Output take(Uid uid);

 private:
  struct Session {
    BootId boot;
    bool alive = false;
    uint32_t silent_ticks = 0;
    uint64_t leaderships_lost = 0;
  };
  struct Local {
    std::unique_ptr<Group> group;
    Index taken_commit;
  };

  void session_ended(BrokerId broker);
  void stir_leaders();
  /// The broker of the member that leads `group` as far as it knows; 0 when unknown.
  static BrokerId broker_led_by(const Group& group);
  /// Whether ticks may pass it by: its silence rests on a session that stands.
  bool may_sleep(const Group& group) const;
  template <class Call>
  void for_groups_with(BrokerId broker, Call call);

  uint32_t silence_ticks_;
  uint64_t leaderships_lost_ = 0;
  uint64_t stirred_for_ = 0;  ///< leaderships_lost_ when the other leaders last spoke because of it
  std::map<BrokerId, Session> sessions_;
  std::map<Uid, Local> groups_;
  std::set<Uid> touched_;
  std::map<Uid, Group*> awake_;
};

}  // namespace strandlog::raft
