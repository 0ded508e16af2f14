// SimBroker: one broker of a simulated cluster: its directory, and the process that uses it now.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "broker/shard.h"
#include "store/data_directory.h"
#include "store/memory_state_store.h"
#include "tests/sim/disk.h"
#include "tests/sim/network.h"

namespace strandlog::sim {

/// A process's clock. It may run fast or slow; its wall part may jump, its monotonic part begins
/// with the process and never does.
class SimClock : public Clock {
 public:
  explicit SimClock(const Schedule& schedule, int64_t drift_ppm = 0)
      : schedule_(schedule), began_(schedule.now()), drift_ppm_(drift_ppm) {}
  Time now() override { return Time{1'000'000 + local(schedule_.now().us - began_.us)}; }
  int64_t wall_ms() override {
    return 1'700'000'000'000 + local(schedule_.now().us) / 1000 + wall_offset_ms;
  }
  /// The moment of the schedule at which now() has reached `local`; about when it ends, of later
  /// ones.
  Time to_world(Time local) const {
    constexpr int64_t kEndUs = 100'000'000'000'000;
    int64_t passed = std::min(local.us - 1'000'000, kEndUs);
    return Time{began_.us + passed - passed * drift_ppm_ / (1'000'000 + drift_ppm_) + 1};
  }

  /// How far ahead of the schedule, without its offset.
  int64_t drifted_us() { return now().us - 1'000'000 - (schedule_.now().us - began_.us); }

  int64_t wall_offset_ms = 0;

 private:
  int64_t local(int64_t passed_us) const { return passed_us + passed_us * drift_ppm_ / 1'000'000; }

  const Schedule& schedule_;
  Time began_;
  int64_t drift_ppm_;
};

/// Composes what strandlogd's main does, over simulated seams. One thread.
class SimBroker {
 public:
  struct Options {
    broker::BrokerConfig config;
    DiskSpeed disk;
    int64_t drift_ppm = 0;
  };
  /// All that it keeps. A copy is a backup.
  struct Directory {
    store::Identity identity;  ///< without the cluster
    store::FakeDisk disk;
    store::MemoryStateStore state;
  };
  /// `ended` is called when a process has ended by itself, with nobody's order: see ended().
  SimBroker(Schedule& schedule, Network& network, Dice dice, Options options,
            std::function<void(SimBroker&)> ended = {});
  ~SimBroker();
  SimBroker(const SimBroker&) = delete;
  SimBroker& operator=(const SimBroker&) = delete;

  /// The same command again; nothing when it runs. False when the start was refused: see ended().
  bool start();
  void kill();  ///< SIGKILL: what was written stays, flushed or not
  void lose_power(store::FakeDisk::Harm harm);
  void begin_stop();  ///< ends by itself, once leaderships are handed over
  void pause();       ///< SIGSTOP
  void resume();
  /// Of its machine: the processes to come have it, too.
  void set_wall_offset(int64_t ms);
  void stall_disk(int64_t ms);
  void end_stall();
  /// Those that a stall made wait, of all processes.
  uint64_t stalled_operations() const;

  // ---- the directory; what changes it kills a process that still runs
  /// The files as they are at this moment, whether a process uses them or not.
  Directory backup() const;
  void restore(Directory directory);
  /// A blank directory under a new store id, as a new disk is formatted.
  void wipe();
  /// What the last of them took away.
  const std::optional<Directory>& lost() const { return lost_; }
  /// Starts on another host from now on, with the same directory, number and ports.
  void move_to(const std::string& host);

  bool is_up() const { return process_ != nullptr; }
  bool is_paused() const { return paused_; }
  /// Why the last process ended by itself, or did not start.
  const std::optional<Error>& ended() const { return ended_; }
  /// Whether it ended by an error that its disk had made up for that process.
  bool disk_failed() const { return disk_failed_; }
  /// Whether it did not start for want of space that its disk does not have: less is free than a
  /// file of the journal takes, and none waits unused (ADR 10).
  bool is_short_of_space() const;
  const std::string& host() const { return host_; }
  const broker::BrokerConfig& config() const { return options_.config; }
  const StoreId& store_id() const { return directory_.identity.store; }
  store::FakeDisk& disk() { return directory_.disk; }
  const store::FakeDisk& disk() const { return directory_.disk; }
  const store::MemoryStateStore& state() const { return directory_.state; }
  /// Another word for each start.
  std::string process() const { return host_ + "#" + std::to_string(boot_); }
  /// Only while up.
  const store::Store& store() const { return *process_->store; }
  SimClock& clock() { return process_->clock; }

 private:
  struct Process {
    Process(SimClock the_clock, Dice the_dice) : clock(the_clock), dice(the_dice) {}
    SimClock clock;
    Dice dice;
    std::unique_ptr<SimDisk> disk;
    std::unique_ptr<Transport> transport;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<broker::Shard> shard;
    Time next_turn{INT64_MAX};
    uint64_t errors_before = 0;  ///< made up by the disk
  };
  SimClock new_clock() const;
  Result<void> compose(Process& process);
  void wake(Time when);
  void turn(uint64_t boot);
  void end();
  void end_by_itself(const Error& why);
  bool ended_by_disk() const;

  Schedule& schedule_;
  Network& network_;
  Dice dice_;
  Options options_;
  std::string host_;
  Directory directory_;
  std::optional<Directory> lost_;
  std::unique_ptr<Process> process_;
  uint64_t boot_ = 0;
  int64_t wall_offset_ms_ = 0;
  bool paused_ = false;
  std::optional<Error> ended_;
  bool disk_failed_ = false;
  uint64_t stalled_before_ = 0;  ///< of processes that have ended
  std::function<void(SimBroker&)> on_end_;
};

}  // namespace strandlog::sim
