// Connections: coming up, carrying messages in order, breaking.
#include "tests/sim/network.h"

#include <algorithm>

#include "base/check.h"

namespace strandlog::sim {
namespace {

constexpr size_t kWaitingMessages = 64;
constexpr uint64_t kWaitingBytes = 4u << 20;
constexpr int64_t kWaitingMs = 2000;
constexpr uint64_t kQueuedBytes = 64u << 20;
constexpr int64_t kMostQueuedMs = 5'000;  // of a narrow connection
constexpr size_t kPollMessages = 256;

}  // namespace

std::string host_of(const std::string& address) { return address.substr(0, address.find(':')); }

class Network::Endpoint : public Transport {
 public:
  Endpoint(Network& network, uint64_t id, std::string host, std::function<void()> wake)
      : network_(network), id_(id), host_(std::move(host)), wake_(std::move(wake)) {}
  ~Endpoint() override { network_.detach(id_); }

  Result<void> listen(ListenerKind kind, const std::string& address) override {
    if (network_.listeners_.contains(address)) {
      return Error{Code::kConflict, address + " is in use"};
    }
    network_.listeners_[address] = {id_, kind};
    return {};
  }

  LinkId connect(const std::string& address) override {
    uint64_t id = network_.next_id_++;
    Connection& connection = network_.connections_[id];
    connection.client = id_;
    connection.client_link = LinkId{++last_link_};
    connection.from = host_;
    connection.to = address;
    outgoing_[connection.client_link] = id;
    network_.schedule_.after_us(network_.dice_.spread(network_.options_.latency_us),
                                [&network = network_, id] { network.try_connect(id); });
    return connection.client_link;
  }

  void close(LinkId link) override {
    if (incoming_.erase(link) > 0) return;
    auto found = outgoing_.find(link);
    if (found == outgoing_.end()) return;
    network_.connections_.erase(found->second);
    outgoing_.erase(found);
  }

  bool send(LinkId link, Message message) override {
    auto out = outgoing_.find(link);
    auto in = incoming_.find(link);
    if (out == outgoing_.end() && in == incoming_.end()) return false;
    uint64_t id = out != outgoing_.end() ? out->second : in->second;
    auto connection = network_.connections_.find(id);
    if (connection == network_.connections_.end()) return false;
    Connection& c = connection->second;
    if (out == outgoing_.end()) {
      bool current = c.up && c.server == id_ && c.server_link == link;
      return current && network_.transmit(id, c, kToClient, std::move(message));
    }
    if (c.up) return network_.transmit(id, c, kToServer, std::move(message));
    uint64_t bytes = message.byte_count();
    if (c.waiting.size() >= kWaitingMessages || c.waiting_bytes + bytes > kWaitingBytes) {
      return false;
    }
    c.waiting_bytes += bytes;
    c.waiting.push_back({std::move(message), network_.schedule_.now()});
    return true;
  }

  void poll(std::vector<NetEvent>& events) override {
    for (size_t n = 0; n < kPollMessages && !inbox_.empty(); ++n) {
      events.push_back(std::move(inbox_.front()));
      inbox_.pop_front();
    }
    if (!inbox_.empty()) wake_();
  }

  const std::string& host() const { return host_; }
  LinkId accept(uint64_t connection) {
    LinkId link{++last_link_};
    incoming_[link] = connection;
    return link;
  }
  void forget(LinkId link) { incoming_.erase(link); }
  void push(NetEvent event) {
    inbox_.push_back(std::move(event));
    wake_();
  }

 private:
  Network& network_;
  uint64_t id_;
  std::string host_;
  std::function<void()> wake_;
  uint64_t last_link_ = 0;
  std::map<LinkId, uint64_t> outgoing_, incoming_;
  std::deque<NetEvent> inbox_;
};

Network::Network(Schedule& schedule, Dice dice, NetworkOptions options)
    : schedule_(schedule), dice_(dice), options_(options) {}

Network::~Network() { CHECK(endpoints_.empty()); }

Network::Endpoint* Network::endpoint(uint64_t id) {
  auto found = endpoints_.find(id);
  return found == endpoints_.end() ? nullptr : found->second;
}

std::unique_ptr<Transport> Network::attach(const std::string& host, std::function<void()> wake) {
  uint64_t id = next_id_++;
  auto made = std::make_unique<Endpoint>(*this, id, host, std::move(wake));
  endpoints_[id] = made.get();
  return made;
}

void Network::detach(uint64_t id) {
  std::erase_if(listeners_, [&](const auto& entry) { return entry.second.endpoint == id; });
  drop_connections_of(id, false);
  endpoints_.erase(id);
}

void Network::drop_connections_of(uint64_t id, bool in_silence) {
  std::vector<uint64_t> accepted;
  for (auto it = connections_.begin(); it != connections_.end();) {
    if (it->second.up && it->second.server == id) accepted.push_back(it->first);
    it = it->second.client == id ? connections_.erase(it) : std::next(it);
  }
  for (uint64_t one : accepted) {
    auto found = connections_.find(one);
    if (found == connections_.end()) continue;
    int64_t told =
        in_silence ? dice_.between(1'000'000, 15'000'000) : dice_.spread(options_.latency_us);
    went_down(one, found->second, told);
  }
}

void Network::silence(const std::string& host) {
  for (const auto& [id, endpoint] : endpoints_) {
    if (endpoint->host() == host) drop_connections_of(id, true);
  }
}

// ------------------------------------------------------------------------------------ connecting

void Network::try_connect(uint64_t id) {
  auto found = connections_.find(id);
  if (found == connections_.end() || found->second.up) return;
  Connection& c = found->second;
  auto listener = listeners_.find(c.to);
  std::string to = host_of(c.to);
  bool reachable = listener != listeners_.end() && !is_cut(c.from, to) && !is_cut(to, c.from);
  if (reachable) return came_up(id, c);
  schedule_.after_us(dice_.between(50'000, 400'000), [this, id] { try_connect(id); });
}

void Network::came_up(uint64_t id, Connection& c) {
  const Listener& listener = listeners_.at(c.to);
  c.up = true;
  ++c.epoch;
  c.server = listener.endpoint;
  c.kind = listener.kind;
  c.server_link = endpoint(c.server)->accept(id);
  c.lanes = {};
  std::deque<Waiting> waiting = std::move(c.waiting);
  c.waiting = {};
  c.waiting_bytes = 0;
  for (Waiting& one : waiting) {
    if (schedule_.now() > one.since.plus_ms(kWaitingMs)) continue;
    transmit(id, c, kToServer, std::move(one.message));
  }
  NetEvent event;
  event.kind = NetEvent::Kind::kUp;
  event.link = c.client_link;
  endpoint(c.client)->push(std::move(event));
}

void Network::went_down(uint64_t id, Connection& c, int64_t told_after_us) {
  if (!c.up) return;
  ++figures_.resets;
  c.up = false;
  if (Endpoint* server = endpoint(c.server)) server->forget(c.server_link);
  schedule_.after_us(told_after_us, [this, id, epoch = c.epoch] {
    auto found = connections_.find(id);
    if (found == connections_.end() || found->second.epoch != epoch) return;
    NetEvent event;
    event.kind = NetEvent::Kind::kDown;
    event.link = found->second.client_link;
    endpoint(found->second.client)->push(std::move(event));
    try_connect(id);
  });
}

bool Network::reset(const std::string& a, const std::string& b, bool late) {
  bool any = false;
  for (auto& [id, c] : connections_) {
    std::string to = host_of(c.to);
    bool between = (c.from == a && to == b) || (c.from == b && to == a);
    if (!between || !c.up) continue;
    any = true;
    if (late && c.lanes[kToServer].queued_bytes == 0) {
      c.breaks_late = c.epoch;
    } else if (late) {
      break_late(id, c);
    } else {
      went_down(id, c, dice_.spread(options_.latency_us));
    }
  }
  return any;
}

// Behind what is held up by a cut nothing arrives: a connection is one stream.
void Network::break_late(uint64_t id, Connection& c) {
  if (c.lanes[kToServer].stuck.empty()) c.late = c.epoch;
  went_down(id, c, dice_.spread(options_.latency_us));
}

// -------------------------------------------------------------------------------------- carrying

std::string Network::host_from(const Connection& c, Direction direction) const {
  return direction == kToServer ? c.from : host_of(c.to);
}
std::string Network::host_to(const Connection& c, Direction direction) const {
  return direction == kToServer ? host_of(c.to) : c.from;
}

bool Network::transmit(uint64_t id, Connection& c, Direction direction, Message message) {
  if (is_full(c, direction, message)) return false;
  if (tap_) show(id, c, direction, message);
  carry(id, c, direction, std::move(message));
  bool breaks = direction == kToServer && c.breaks_late == c.epoch;
  if (breaks) {
    schedule_.after_us(0, [this, id, epoch = c.epoch] {
      auto found = connections_.find(id);
      if (found == connections_.end() || !found->second.up || found->second.epoch != epoch) return;
      break_late(id, found->second);
    });
  }
  return true;
}

bool Network::is_full(const Connection& c, Direction direction, const Message& message) const {
  const Lane& lane = c.lanes[direction];
  return lane.queued_bytes + message.byte_count() > kQueuedBytes ||
         lane.last_arrival > schedule_.now().plus_ms(kMostQueuedMs);
}

void Network::show(uint64_t id, const Connection& c, Direction direction, const Message& message) {
  bool to_server = direction == kToServer;
  std::string from = host_from(c, direction);
  uint64_t process = to_server ? c.client : c.server;
  tap_({id << 20 | c.epoch, c.kind, to_server, from, message, process});
}

void Network::carry(uint64_t id, Connection& c, Direction direction, Message message) {
  bool between_peers = c.kind == ListenerKind::kPeer;
  if (between_peers && dice_.percent(weather_.lost_percent)) {
    ++figures_.lost;
    return;
  }
  if (between_peers && dice_.percent(weather_.doubled_percent)) {
    ++figures_.doubled;
    put_under_way(id, c, direction, message);
  }
  put_under_way(id, c, direction, std::move(message));
}

void Network::put_under_way(uint64_t id, Connection& c, Direction direction, Message message) {
  Lane& lane = c.lanes[direction];
  uint64_t bytes = message.byte_count();
  lane.queued_bytes += bytes;
  lane.last_arrival = arrival(lane, bytes);
  auto shared = std::make_shared<Message>(std::move(message));
  // Two events of one time come in any order: a lane's arrivals are never of one time.
  ++lane.last_arrival.us;
  Way under{id, c.epoch, c.server, c.server_link, direction};
  schedule_.at(lane.last_arrival, [this, under, shared] { arrive(under, std::move(*shared)); });
}

// Behind what is under way already.
Time Network::arrival(const Lane& lane, uint64_t bytes) {
  int64_t way = dice_.spread(options_.latency_us);
  if (weather_.extra_latency_us > 0) {
    way += dice_.spread(weather_.extra_latency_us);
    ++figures_.delayed;
  }
  auto at_rate = [&](Time sent, uint64_t bytes_per_ms) {
    auto busy = static_cast<int64_t>(bytes * 1000 / bytes_per_ms);
    return Time{std::max(sent.us + way, lane.last_arrival.us) + busy};
  };
  Time usual = at_rate(schedule_.now(), options_.bytes_per_ms);
  if (weather_.bytes_per_ms == 0) return usual;
  Time at_end = std::max(usual, at_rate(weather_.narrow_until, options_.bytes_per_ms));
  Time arrives = std::min(at_rate(schedule_.now(), weather_.bytes_per_ms), at_end);
  if (arrives > usual) ++figures_.narrowed;
  return arrives;
}

void Network::arrive(const Way& way, Message message) {
  auto found = connections_.find(way.connection);
  if (found == connections_.end()) return;
  Connection& c = found->second;
  if (!c.up || c.epoch != way.epoch) {
    if (c.late == way.epoch) arrive_late(way, c.kind, std::move(message));
    return;
  }
  Lane& lane = c.lanes[way.direction];
  lane.queued_bytes -= std::min<uint64_t>(lane.queued_bytes, message.byte_count());
  if (lane.stuck.empty() && !is_cut(host_from(c, way.direction), host_to(c, way.direction))) {
    return deliver(c, way.direction, std::move(message));
  }
  if (lane.stuck.empty()) give_up_later(way.connection, way.epoch);
  lane.stuck.push_back(std::move(message));
  ++figures_.held_up;
}

// The listening side had it in its buffers when the connection broke.
void Network::arrive_late(const Way& way, ListenerKind kind, Message message) {
  Endpoint* server = endpoint(way.server);
  if (way.direction != kToServer || !server) return;
  ++figures_.late;
  NetEvent event;
  event.listener = kind;
  event.incoming = true;
  event.link = way.server_link;
  event.message = std::move(message);
  server->push(std::move(event));
}

void Network::give_up_later(uint64_t id, uint64_t epoch) {
  schedule_.after_us(dice_.between(1'000'000, 15'000'000), [this, id, epoch] {
    auto found = connections_.find(id);
    if (found == connections_.end() || found->second.epoch != epoch) return;
    const auto& lanes = found->second.lanes;
    bool stuck = !lanes[kToServer].stuck.empty() || !lanes[kToClient].stuck.empty();
    if (stuck) went_down(id, found->second, 0);
  });
}

void Network::deliver(Connection& c, Direction direction, Message message) {
  ++figures_.delivered;
  NetEvent event;
  event.listener = c.kind;
  if (direction == kToServer) {
    event.incoming = true;
    event.link = c.server_link;
    if (c.kind == ListenerKind::kPeer) {
      remembered_[{c.from, host_of(c.to)}].keep(message, schedule_.now(), dice_);
    }
  } else {
    event.link = c.client_link;
  }
  event.message = std::move(message);
  endpoint(direction == kToServer ? c.server : c.client)->push(std::move(event));
}

void Network::heal(const std::string& from, const std::string& to) {
  auto found = cuts_.find({from, to});
  if (found == cuts_.end() || --found->second > 0) return;
  cuts_.erase(found);
  let_pass(from, to);
}

void Network::heal_all() {
  for (const auto& [ends, count] : std::exchange(cuts_, {})) let_pass(ends.first, ends.second);
}

void Network::let_pass(const std::string& from, const std::string& to) {
  for (auto& [id, c] : connections_) {
    for (Direction direction : {kToServer, kToClient}) {
      if (!c.up || host_from(c, direction) != from || host_to(c, direction) != to) continue;
      std::deque<Message> stuck = std::move(c.lanes[direction].stuck);
      c.lanes[direction].stuck = {};
      for (Message& message : stuck) deliver(c, direction, std::move(message));
    }
  }
}

bool Network::replay(const std::string& from, const std::string& to) {
  auto kept = remembered_.find({from, to});
  if (kept == remembered_.end() || kept->second.empty()) return false;
  for (auto& [id, c] : connections_) {
    if (!c.up || c.kind != ListenerKind::kPeer || c.from != from || host_of(c.to) != to) continue;
    Message old = kept->second.draw(dice_);
    if (is_full(c, kToServer, old)) return false;
    ++figures_.replayed;
    carry(id, c, kToServer, std::move(old));
    return true;
  }
  return false;
}

}  // namespace strandlog::sim
