// Network: connections between hosts in virtual time, with cuts, resets and what comes out of them.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "tests/sim/remembered.h"
#include "tests/sim/schedule.h"

namespace strandlog::sim {

struct NetworkOptions {
  int64_t latency_us = 200;         ///< about; drawn anew for each message
  uint64_t bytes_per_ms = 200'000;  ///< of one connection and direction
};

/// A message that a process hands over, before it is under way.
struct Sighting {
  uint64_t connection = 0;  ///< one per link and time it came up
  ListenerKind kind = ListenerKind::kClient;
  bool to_server = false;   ///< towards the side that listens
  const std::string& from;  ///< host
  const Message& message;
  uint64_t process = 0;  ///< who hands it over; a host's next process has another number
};

/// Behaves as the contract of Transport says and as ZmqTransport does: links made by connect()
/// connect again by themselves and tell it, what is sent before waits in a small queue, the
/// listening side is told nothing. A host is the part of an address before its colon. One thread.
class Network {
 public:
  Network(Schedule& schedule, Dice dice, NetworkOptions options = {});
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// A process on `host`; `wake` is called when something arrived for it. Its connections are
  /// reset when the transport goes.
  std::unique_ptr<Transport> attach(const std::string& host, std::function<void()> wake);

  // ---- faults
  /// From now on nothing arrives at `to` from `from`. What is under way is kept and delivered when
  /// the cut is healed, unless the connection gives up before (1 to 15 s). Cuts of the same two add
  /// up: each is healed on its own.
  void cut(const std::string& from, const std::string& to) { ++cuts_[{from, to}]; }
  void heal(const std::string& from, const std::string& to);
  void heal_all();
  bool is_cut(const std::string& from, const std::string& to) const {
    return cuts_.contains({from, to});
  }
  /// Breaks the connections between two hosts. What is under way is lost, or, `late`, what is on
  /// its way to the listening side still arrives there, perhaps behind what a new connection
  /// carries; where nothing is on its way, the connection breaks right behind the next message.
  /// False when there is none.
  bool reset(const std::string& a, const std::string& b, bool late = false);
  /// The processes of this host vanish without a word: the others notice by silence.
  void silence(const std::string& host);
  /// Delivers once more a message that one host sent to a peer listener of another, seconds or
  /// minutes ago. False when there is none, or no connection for it.
  bool replay(const std::string& from, const std::string& to);
  /// As they are from now on; the default heals.
  struct Weather {
    int64_t extra_latency_us = 0;  ///< of every message, about
    uint64_t lost_percent = 0;     ///< of what peers say to each other
    uint64_t doubled_percent = 0;  ///< the same
    uint64_t bytes_per_ms = 0;     ///< of one connection and direction; 0: as ever
    Time narrow_until;             ///< what is under way then, comes as fast as ever
  };
  Weather& weather() { return weather_; }

  /// Called with every message that a process hands over, not with the copies that faults make.
  void set_tap(std::function<void(const Sighting&)> tap) { tap_ = std::move(tap); }

  struct Figures {
    uint64_t delivered = 0, resets = 0;
    uint64_t replayed = 0, lost = 0, doubled = 0;  ///< between peers
    uint64_t delayed = 0, narrowed = 0;            ///< later than without the weather
    uint64_t held_up = 0;                          ///< at a cut, for a while or for ever
    uint64_t late = 0;                             ///< arrived behind the end of their connection
  };
  const Figures& figures() const { return figures_; }

 private:
  class Endpoint;
  enum Direction : size_t { kToServer = 0, kToClient = 1 };
  struct Waiting {
    Message message;
    Time since;
  };
  struct Lane {
    Time last_arrival;
    uint64_t queued_bytes = 0;  ///< sent and not arrived
    std::deque<Message> stuck;  ///< arrived at a cut, in order
  };
  struct Connection {
    uint64_t client = 0;  ///< endpoint
    LinkId client_link;
    std::string from, to;  ///< host and address
    bool up = false;
    uint64_t epoch = 0;        ///< counts how often it came up: older deliveries are void
    uint64_t server = 0;       ///< endpoint, while up
    uint64_t late = 0;         ///< the epoch that ended by a reset which lets things arrive late
    uint64_t breaks_late = 0;  ///< the epoch that ends so behind the next message to the server
    LinkId server_link;
    ListenerKind kind = ListenerKind::kClient;
    std::array<Lane, 2> lanes;
    std::deque<Waiting> waiting;  ///< until it is up
    uint64_t waiting_bytes = 0;
  };

  Endpoint* endpoint(uint64_t id);
  void let_pass(const std::string& from, const std::string& to);
  void detach(uint64_t id);
  void drop_connections_of(uint64_t id, bool in_silence);
  void try_connect(uint64_t id);
  void came_up(uint64_t id, Connection& connection);
  void break_late(uint64_t id, Connection& connection);
  void went_down(uint64_t id, Connection& connection, int64_t told_after_us);
  bool transmit(uint64_t id, Connection& connection, Direction direction, Message message);
  void show(uint64_t id, const Connection& connection, Direction direction, const Message& message);
  bool is_full(const Connection& connection, Direction direction, const Message& message) const;
  void carry(uint64_t id, Connection& connection, Direction direction, Message message);
  void put_under_way(uint64_t id, Connection& connection, Direction direction, Message message);
  struct Way {
    uint64_t connection = 0, epoch = 0, server = 0;
    LinkId server_link;
    Direction direction = kToServer;
  };
  Time arrival(const Lane& lane, uint64_t bytes);
  void arrive(const Way& way, Message message);
  void arrive_late(const Way& way, ListenerKind kind, Message message);
  void deliver(Connection& connection, Direction direction, Message message);
  void give_up_later(uint64_t id, uint64_t epoch);
  std::string host_from(const Connection& connection, Direction direction) const;
  std::string host_to(const Connection& connection, Direction direction) const;

  Schedule& schedule_;
  Dice dice_;
  NetworkOptions options_;
  Weather weather_;
  std::map<uint64_t, Endpoint*> endpoints_;
  std::map<uint64_t, Connection> connections_;
  struct Listener {
    uint64_t endpoint;
    ListenerKind kind;
  };
  std::map<std::string, Listener> listeners_;
  std::map<std::pair<std::string, std::string>, uint64_t> cuts_;  ///< how many; never none
  std::map<std::pair<std::string, std::string>, Remembered> remembered_;
  std::function<void(const Sighting&)> tap_;
  uint64_t next_id_ = 1;
  Figures figures_;
};

std::string host_of(const std::string& address);

}  // namespace strandlog::sim
