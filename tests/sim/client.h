// SimClient: the shipping client core on a simulated network, with a producer and a consumer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/core.h"
#include "client/port.h"
#include "tests/sim/broker.h"
#include "tests/sim/history.h"

namespace strandlog::sim {

/// One process on a host of its own. One thread.
class SimClient : public client::FetchSink {
 public:
  struct Options {
    uint32_t number = 0;
    std::vector<std::string> servers;
    client::ProducerConfig producer;
  };
  SimClient(Schedule& schedule, Network& network, Dice dice, const Options& options,
            History& history);
  ~SimClient() override;
  SimClient(const SimClient&) = delete;
  SimClient& operator=(const SimClient&) = delete;

  /// Sends a record with a value of its own; false when the producer takes none now.
  bool produce(const Place& where, uint32_t partitions, size_t bytes);
  /// Reads these from their starts, from now on, and nothing else; what comes goes to the history.
  void consume(const std::vector<Place>& places);
  /// Asks one broker for the end of a partition; what it says goes to the history.
  void ask_end(const Place& where, const std::string& address);
  /// Asks one broker anything; `then` is called if there is an answer within 5 s.
  void ask(const std::string& address, wire::RequestBody body,
           std::function<void(const wire::Answer&)> then);

  /// The run of the last consume().
  /// The offset its reader comes to next.
  int64_t position(const Place& where) const { return reading_.at(where).position; }
  const Run& run_of(const Place& where) const;
  uint64_t open_sends() const { return open_sends_; }
  uint64_t records_read() const { return records_read_; }  ///< again and again, of all runs
  const std::string& host() const { return host_; }
  client::Core& core() { return core_; }
  Time now() { return clock_.now(); }
  SimClock& clock() { return clock_; }
  Dice& dice() { return dice_; }
  /// Runs a turn of the core soon.
  void wake() { wake_at(schedule_.now()); }

  void deliver(client::FetchedRun run) override;
  void trouble(client::FetchTrouble trouble) override;

 private:
  void wake_at(Time when);
  void turn();
  void find(const std::string& topic);
  /// The run that what a consumer is given of this group belongs to; a new one when its topic is
  /// another than before. None: the topic was made anew twice before anything of it came.
  Run* run_for(const Place& where, const GroupId& group);
  Run* begin_run(const Place& where, const std::string& incarnation, bool from_start);
  std::string known_as(const std::string& topic);

  Schedule& schedule_;
  Dice dice_;
  SimClock clock_;
  std::string host_;
  uint32_t number_;
  History& history_;
  std::unique_ptr<Transport> transport_;
  client::Core core_;
  client::Accumulator accumulator_;
  client::ProducerConfig producer_config_;
  std::unique_ptr<client::ProducerCore> producer_;
  std::unique_ptr<client::ConsumerCore> consumer_;
  uint64_t generation_ = 0;
  struct Reading {
    Place where;     ///< in the history
    size_t run = 0;  ///< its place there
    int64_t position = 0;
  };
  std::map<Place, Reading> reading_;
  std::map<GroupId, std::string> topics_;  ///< as the history calls them
  std::vector<client::FetchedRun> fetched_;
  uint64_t next_value_ = 0;
  uint64_t open_sends_ = 0;
  uint64_t records_read_ = 0;
  Time next_turn_{INT64_MAX};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// Blocking calls for a simulation's driver: they run the world until the answer. Never from
/// inside an event.
class SimPort : public client::Port {
 public:
  SimPort(Schedule& schedule, SimClient& client) : schedule_(schedule), client_(client) {}
  Time now() override { return client_.now(); }
  int64_t wall_ms() override { return client_.clock().wall_ms(); }
  Random& random() override { return client_.dice(); }
  void pause(int64_t ms) override { schedule_.run_until(schedule_.now().plus_ms(ms)); }
  client::Reply call(const std::string& address, wire::RequestBody body,
                     int64_t timeout_ms) override;
  client::AnyReply ask_any(wire::RequestBody body, int64_t timeout_ms, int64_t attempt_ms) override;
  void require_catalog(uint64_t index) override { client_.core().any().require_catalog(index); }

 private:
  template <class T>
  T await(std::optional<T>& slot);
  Schedule& schedule_;
  SimClient& client_;
};

}  // namespace strandlog::sim
