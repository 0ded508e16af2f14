// The Transport over ZeroMQ; the only user of the library.
#include "wire/zmq_transport.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <zmq.hpp>

#include "base/endian.h"
#include "base/log.h"
#include "wire/incoming_links.h"
#include "wire/messages.h"

namespace strandlog::wire {
namespace {

constexpr size_t kMaxMessageBytes = 16u << 20;
constexpr size_t kMaxIncomingLinks = 65536;
constexpr size_t kCopyBelow = 1024;  // a smaller frame is cheaper to copy than to share
constexpr size_t kWaitingMessages = 64;
constexpr size_t kWaitingBytes = 4u << 20;
constexpr auto kWaitingAge = std::chrono::seconds(2);
constexpr int kLingerMs = 100;
// Bounds of one poll().
constexpr size_t kPollMessages = 256;
constexpr size_t kPollBytes = 8u << 20;
constexpr size_t kPollFrames = 8192;
constexpr size_t kPollTurn = 8;  // messages of one socket before the next one's turn
constexpr size_t kMonitorEvents = 16;

using SteadyTime = std::chrono::steady_clock::time_point;

// ------------------------------------------------------------------------------------- sending

/// Keeps shared bytes alive until the library has written them.
struct Held {
  Bytes bytes;
  UnsentBytes unsent;
  size_t count;
};

/// Runs on the library's thread; the count in Bytes and `unsent` are atomic.
void release(void*, void* hint) {
  std::unique_ptr<Held> held(static_cast<Held*>(hint));
  held->unsent->remove(held->count);
}

/// A frame that shares `bytes` and answers for `count` unsent bytes.
zmq::message_t shared_frame(Bytes bytes, const UnsentBytes& unsent, size_t count) {
  if (bytes.empty()) return zmq::message_t();
  // The library only reads what it sends; its interface has no const.
  void* data = const_cast<uint8_t*>(bytes.data());
  size_t size = bytes.size();
  auto held = std::make_unique<Held>(Held{std::move(bytes), unsent, count});
  zmq::message_t frame(data, size, release, held.get());
  (void)held.release();  // NOLINT: now release() owns it
  unsent->add(count);
  return frame;
}

/// The library looks for new connections only now and then while sending; asking for the socket's
/// events makes it look.
void process_commands(zmq::socket_t& socket) {
  int events = 0;
  size_t size = sizeof events;
  (void)zmq_getsockopt(socket.handle(), ZMQ_EVENTS, &events, &size);
}

/// One multipart message on its way out. The first frame decides; if a later one fails then the
/// connection broke, and the rest is handed over all the same so that the socket finds the end.
class Sending {
 public:
  explicit Sending(zmq::socket_t& socket) : socket_(socket) {}

  /// 0, or the errno of the first frame: nothing was sent.
  int frame(zmq::message_t frame, bool more) {
    int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
    bool sent = zmq_msg_send(frame.handle(), socket_.handle(), flags) >= 0;
    if (!sent && first_ && errno == EAGAIN) {
      process_commands(socket_);
      sent = zmq_msg_send(frame.handle(), socket_.handle(), flags) >= 0;
    }
    if (!sent && first_) return errno;
    broken_ = broken_ || !sent;
    first_ = false;
    return 0;
  }
  bool broken() const { return broken_; }

 private:
  zmq::socket_t& socket_;
  bool first_ = true;
  bool broken_ = false;
};

/// 0, or why nothing was sent.
int send_message(zmq::socket_t& socket, std::optional<uint32_t> route, Message message,
                 const UnsentBytes& unsent) {
  Sending sending(socket);
  if (route) {
    std::array<uint8_t, 5> id{};
    store_be(id.data() + 1, *route);
    if (int error = sending.frame(zmq::message_t(id.data(), id.size()), true)) return error;
  }
  // The control frame answers for the copied frames, too: they are written right after it.
  size_t count = message.control.size();
  for (const Bytes& blob : message.blobs) count += blob.size() < kCopyBelow ? blob.size() : 0;
  zmq::message_t control = shared_frame(std::move(message.control), unsent, count);
  if (int error = sending.frame(std::move(control), !message.blobs.empty())) return error;
  for (size_t i = 0; i < message.blobs.size(); ++i) {
    Bytes& blob = message.blobs[i];
    size_t size = blob.size();
    zmq::message_t frame = size < kCopyBelow ? zmq::message_t(blob.data(), size)
                                             : shared_frame(std::move(blob), unsent, size);
    (void)sending.frame(std::move(frame), i + 1 < message.blobs.size());
  }
  return sending.broken() ? EHOSTUNREACH : 0;
}

// ------------------------------------------------------------------------------------- sockets

void set_common_options(zmq::socket_t& socket, const ZmqOptions& options,
                        const std::string& address) {
  socket.set(zmq::sockopt::maxmsgsize, options.max_message_bytes);
  socket.set(zmq::sockopt::sndhwm, options.send_high_water_mark);
  socket.set(zmq::sockopt::rcvhwm, options.receive_high_water_mark);
  socket.set(zmq::sockopt::handshake_ivl, 3000);
  socket.set(zmq::sockopt::heartbeat_ivl, 2000);
  socket.set(zmq::sockopt::heartbeat_timeout, 6000);
  socket.set(zmq::sockopt::heartbeat_ttl, 6000);
  socket.set(zmq::sockopt::reconnect_ivl, 50);
  socket.set(zmq::sockopt::reconnect_ivl_max, 1000);
  socket.set(zmq::sockopt::linger, kLingerMs);
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::tcp_keepalive_idle, 30);
  socket.set(zmq::sockopt::tcp_keepalive_intvl, 10);
  socket.set(zmq::sockopt::tcp_keepalive_cnt, 3);
  // Only for a literal: a name would resolve to one family and never try the other.
  socket.set(zmq::sockopt::ipv6, address.starts_with('['));
}

/// A socket and the message it is in the middle of receiving.
struct Inbox {
  zmq::socket_t socket;
  bool incoming = false;  ///< a ROUTER: messages begin with the connection's routing id
  ListenerKind listener = ListenerKind::kClient;
  LinkId link;  ///< a DEALER's own; a ROUTER's current message's

  enum class Next { kRoute, kControl, kBlob };
  Next next = Next::kControl;
  bool dropping = false;
  size_t bytes = 0;
  Message message;
};

struct Waiting {
  Message message;
  SteadyTime since;
};

/// A link made by connect().
struct Outgoing {
  Inbox inbox;
  zmq::socket_t monitor;
  UnsentBytes unsent = std::make_shared<UnsentCount>();
  bool up = false;
  std::deque<Waiting> waiting;  ///< while not up
  size_t waiting_bytes = 0;
};

struct Listener {
  Inbox inbox;
  uint16_t port = 0;
};

}  // namespace

// ------------------------------------------------------------------------------------ transport

class ZmqTransport::Impl {
 public:
  explicit Impl(ZmqOptions options);
  ~Impl();

  Result<void> listen(ListenerKind kind, const std::string& address);
  LinkId connect(const std::string& address);
  void close(LinkId link);
  bool send(LinkId link, Message message);
  void poll(std::vector<NetEvent>& events);
  void wait(int64_t timeout_us, const std::vector<int>& fds);
  void wake();
  uint16_t bound_port(ListenerKind kind) const;
  uint64_t dropped_messages() const { return dropped_; }

 private:
  LinkId fresh_link() { return {++last_link_}; }
  bool acceptable(const Message& message) const;
  bool send_outgoing(Outgoing& link, Message message);
  bool send_incoming(IncomingLinks::Entry& link, Message message);
  void read_monitor(Outgoing& link, std::vector<NetEvent>& events);
  void came_up(Outgoing& link);
  void receive(std::vector<NetEvent>& events);
  bool take_frame(Inbox& inbox, std::vector<NetEvent>& events);
  void take_route(Inbox& inbox, ByteView id);

  ZmqOptions options_;
  int wake_fd_;
  zmq::context_t context_;
  std::map<ListenerKind, Listener> listeners_;
  std::map<LinkId, std::unique_ptr<Outgoing>> outgoing_;
  IncomingLinks incoming_{kMaxIncomingLinks};
  std::vector<NetEvent> stillborn_;  // kDown of links that never got a socket
  std::vector<zmq_pollitem_t> poll_items_;
  std::vector<Inbox*> turns_;
  size_t first_turn_ = 0;
  uint64_t last_link_ = 0;
  uint64_t dropped_ = 0;
};

ZmqTransport::Impl::Impl(ZmqOptions options)
    : options_(options), wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(wake_fd_ >= 0);
  context_.set(zmq::ctxopt::io_threads, 1);
  context_.set(zmq::ctxopt::max_sockets, options_.max_sockets);
}

ZmqTransport::Impl::~Impl() {
  while (!outgoing_.empty()) close(outgoing_.begin()->first);
  listeners_.clear();
  context_.close();  // waits for what lingers, and for the release of all shared bytes
  ::close(wake_fd_);
}

// ----------------------------------------------------------------------- listen, connect, close

static Error listen_error(const std::string& address, int error) {
  std::string text = "cannot listen on " + address + ": ";
  if (error == EADDRINUSE) return {Code::kConflict, text + "address in use"};
  if (error == ENODEV || error == EADDRNOTAVAIL)
    return {Code::kInvalidArgument, text + "no such address or interface on this machine"};
  if (error == EINVAL) return {Code::kInvalidArgument, text + "not HOST:PORT"};
  return {Code::kIo, text + zmq_strerror(error)};
}

Result<void> ZmqTransport::Impl::listen(ListenerKind kind, const std::string& address) {
  if (listeners_.contains(kind))
    return Error{Code::kConflict, "cannot listen on " + address + ": listening already on port " +
                                      std::to_string(listeners_[kind].port)};
  try {
    Listener listener;
    Inbox& inbox = listener.inbox;
    inbox.socket = zmq::socket_t(context_, zmq::socket_type::router);
    inbox.incoming = true;
    inbox.listener = kind;
    inbox.next = Inbox::Next::kRoute;
    set_common_options(inbox.socket, options_, address);
    inbox.socket.set(zmq::sockopt::router_mandatory, true);
    std::string host = address;
    if (host.starts_with("localhost:")) host.replace(0, 9, "127.0.0.1");
    inbox.socket.bind("tcp://" + host);
    std::string bound = inbox.socket.get(zmq::sockopt::last_endpoint);
    listener.port = static_cast<uint16_t>(std::stoul(bound.substr(bound.rfind(':') + 1)));
    listeners_[kind] = std::move(listener);
    return {};
  } catch (const zmq::error_t& e) {
    return listen_error(address, e.num());
  }
}

LinkId ZmqTransport::Impl::connect(const std::string& address) {
  LinkId id = fresh_link();
  try {
    auto link = std::make_unique<Outgoing>();
    zmq::socket_t& socket = link->inbox.socket;
    socket = zmq::socket_t(context_, zmq::socket_type::dealer);
    link->inbox.link = id;
    set_common_options(socket, options_, address);
    socket.set(zmq::sockopt::immediate, true);  // no pipe, no queue, without a connection

    std::string name = "inproc://link-" + std::to_string(id.value);
    if (zmq_socket_monitor(socket.handle(), name.c_str(),
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0)
      throw zmq::error_t();
    link->monitor = zmq::socket_t(context_, zmq::socket_type::pair);
    link->monitor.set(zmq::sockopt::linger, 0);
    // A full monitor would block the library's thread; two events per reconnect stay few.
    link->monitor.set(zmq::sockopt::rcvhwm, 0);
    link->monitor.connect(name);
    socket.connect("tcp://" + address);
    outgoing_[id] = std::move(link);
  } catch (const zmq::error_t& e) {
    LOG(kWarn, "cannot connect", kv("address", address), kv("reason", zmq_strerror(e.num())));
    NetEvent down;
    down.kind = NetEvent::Kind::kDown;
    down.link = id;
    stillborn_.push_back(std::move(down));
    wake();
  }
  return id;
}

void ZmqTransport::Impl::close(LinkId link) {
  incoming_.forget(link);
  auto known = outgoing_.find(link);
  if (known == outgoing_.end()) return;
  (void)zmq_socket_monitor(known->second->inbox.socket.handle(), nullptr, 0);
  outgoing_.erase(known);
}

uint16_t ZmqTransport::Impl::bound_port(ListenerKind kind) const {
  auto known = listeners_.find(kind);
  return known == listeners_.end() ? uint16_t{0} : known->second.port;
}

// ---------------------------------------------------------------------------------------- send

bool ZmqTransport::Impl::acceptable(const Message& message) const {
  auto frame_limit = static_cast<size_t>(options_.max_message_bytes);
  bool fits = message.control.size() <= std::min(kMaxControlFrame, frame_limit) &&
              message.blobs.size() <= kMaxBlobFrames && message.byte_count() <= kMaxMessageBytes &&
              std::all_of(message.blobs.begin(), message.blobs.end(),
                          [&](const Bytes& blob) { return blob.size() <= frame_limit; });
  if (!fits)
    LOG(kWarn, "message over the limits not sent", kv("control_bytes", message.control.size()),
        kv("blobs", message.blobs.size()), kv("bytes", message.byte_count()));
  return fits;
}

bool ZmqTransport::Impl::send(LinkId link, Message message) {
  if (!acceptable(message)) return false;
  if (auto known = outgoing_.find(link); known != outgoing_.end())
    return send_outgoing(*known->second, std::move(message));
  if (auto* known = incoming_.find(link)) return send_incoming(*known, std::move(message));
  return false;
}

bool ZmqTransport::Impl::send_outgoing(Outgoing& link, Message message) {
  size_t bytes = message.byte_count();
  if (link.up) {
    if (link.unsent->bytes() + bytes > options_.queued_bytes_per_link) return false;
    return send_message(link.inbox.socket, {}, std::move(message), link.unsent) == 0;
  }
  auto now = std::chrono::steady_clock::now();
  while (!link.waiting.empty() && now - link.waiting.front().since > kWaitingAge) {
    link.waiting_bytes -= link.waiting.front().message.byte_count();
    link.waiting.pop_front();
  }
  size_t limit = std::min(kWaitingBytes, options_.queued_bytes_per_link);
  if (link.waiting.size() >= kWaitingMessages || link.waiting_bytes + bytes > limit) return false;
  link.waiting_bytes += bytes;
  link.waiting.push_back({std::move(message), now});
  return true;
}

bool ZmqTransport::Impl::send_incoming(IncomingLinks::Entry& link, Message message) {
  size_t bytes = message.byte_count();
  if (link.unsent->bytes() + bytes > options_.queued_bytes_per_link) return false;
  if (incoming_.unsent_bytes() + bytes > options_.queued_bytes_incoming) return false;
  Inbox& inbox = listeners_.at(link.listener).inbox;
  int error = send_message(inbox.socket, link.route, std::move(message), link.unsent);
  if (error == EHOSTUNREACH) incoming_.forget(link.link);
  return error == 0;
}

// ---------------------------------------------------------------------------------------- poll

void ZmqTransport::Impl::poll(std::vector<NetEvent>& events) {
  for (NetEvent& down : stillborn_) events.push_back(std::move(down));
  stillborn_.clear();
  // Before messages: a new connection is reported before what came through it.
  for (auto& [id, link] : outgoing_) read_monitor(*link, events);
  receive(events);
}

void ZmqTransport::Impl::read_monitor(Outgoing& link, std::vector<NetEvent>& events) {
  for (size_t i = 0; i < kMonitorEvents; ++i) {
    zmq::message_t what;
    zmq::message_t address;
    if (zmq_msg_recv(what.handle(), link.monitor.handle(), ZMQ_DONTWAIT) < 0) return;
    (void)zmq_msg_recv(address.handle(), link.monitor.handle(), ZMQ_DONTWAIT);
    if (what.size() < sizeof(uint16_t)) continue;
    bool up = load_le<uint16_t>(what.data<uint8_t>()) == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    if (up == link.up) continue;
    link.up = up;
    if (up) came_up(link);
    NetEvent event;
    event.kind = up ? NetEvent::Kind::kUp : NetEvent::Kind::kDown;
    event.link = link.inbox.link;
    events.push_back(std::move(event));
  }
}

void ZmqTransport::Impl::came_up(Outgoing& link) {
  process_commands(link.inbox.socket);
  auto now = std::chrono::steady_clock::now();
  for (Waiting& waiting : link.waiting)
    if (now - waiting.since <= kWaitingAge)
      (void)send_message(link.inbox.socket, {}, std::move(waiting.message), link.unsent);
  link.waiting.clear();
  link.waiting_bytes = 0;
}

void ZmqTransport::Impl::receive(std::vector<NetEvent>& events) {
  turns_.clear();
  for (auto& [kind, listener] : listeners_) turns_.push_back(&listener.inbox);
  for (auto& [id, link] : outgoing_) turns_.push_back(&link->inbox);
  if (turns_.empty()) return;
  first_turn_ = (first_turn_ + 1) % turns_.size();
  std::rotate(turns_.begin(), turns_.begin() + static_cast<ptrdiff_t>(first_turn_), turns_.end());

  size_t frames = 0;
  size_t bytes = 0;
  size_t most = events.size() + kPollMessages;
  while (!turns_.empty()) {
    size_t kept = 0;
    for (Inbox* inbox : turns_) {
      bool more = true;
      for (size_t end = events.size() + kPollTurn; more && events.size() < end;) {
        if (events.size() >= most || frames >= kPollFrames || bytes >= kPollBytes) return;
        size_t before = events.size();
        more = take_frame(*inbox, events);
        ++frames;
        if (events.size() > before) bytes += events.back().message.byte_count();
      }
      if (more) turns_[kept++] = inbox;
    }
    turns_.resize(kept);
  }
}

/// Takes one frame, if there is one, and adds the message it completes.
bool ZmqTransport::Impl::take_frame(Inbox& inbox, std::vector<NetEvent>& events) {
  auto frame = std::make_shared<zmq::message_t>();
  if (zmq_msg_recv(frame->handle(), inbox.socket.handle(), ZMQ_DONTWAIT) < 0) return false;
  bool more = frame->more();
  ByteView view(frame->data<uint8_t>(), frame->size());
  if (inbox.next == Inbox::Next::kRoute) {
    take_route(inbox, view);
    if (more) return true;
    inbox.dropping = true;  // nothing but a routing id
  } else {
    inbox.bytes += view.size();
    if (inbox.bytes > kMaxMessageBytes || inbox.message.blobs.size() >= kMaxBlobFrames + 1)
      inbox.dropping = true;
    if (inbox.dropping) inbox.message = {};
    Bytes bytes(std::move(frame), view);
    if (inbox.next == Inbox::Next::kControl)
      inbox.message.control = std::move(bytes);
    else if (!inbox.dropping)
      inbox.message.blobs.push_back(std::move(bytes));
    inbox.next = Inbox::Next::kBlob;
    if (more) return true;
  }
  if (inbox.dropping || inbox.message.blobs.size() > kMaxBlobFrames) {
    ++dropped_;
  } else {
    NetEvent event;
    event.link = inbox.link;
    event.listener = inbox.listener;
    event.incoming = inbox.incoming;
    event.message = std::move(inbox.message);
    events.push_back(std::move(event));
  }
  inbox.message = {};
  inbox.bytes = 0;
  inbox.dropping = false;
  inbox.next = inbox.incoming ? Inbox::Next::kRoute : Inbox::Next::kControl;
  return true;
}

/// Only ids the library made itself are known: zero and a number. A client that chose its own
/// could pass for another one.
void ZmqTransport::Impl::take_route(Inbox& inbox, ByteView id) {
  inbox.next = Inbox::Next::kControl;
  inbox.dropping = id.size() != 5 || id[0] != 0;
  if (inbox.dropping) return;
  auto fresh = LinkId{last_link_ + 1};
  inbox.link = incoming_.meet(inbox.listener, load_be<uint32_t>(id.data() + 1), fresh).link;
  if (inbox.link == fresh) ++last_link_;
}

// ---------------------------------------------------------------------------------------- wait

void ZmqTransport::Impl::wait(int64_t timeout_us, const std::vector<int>& fds) {
  poll_items_.clear();
  auto add = [&](void* socket, int fd) { poll_items_.push_back({socket, fd, ZMQ_POLLIN, 0}); };
  add(nullptr, wake_fd_);
  for (int fd : fds) add(nullptr, fd);
  for (auto& [kind, listener] : listeners_) add(listener.inbox.socket.handle(), -1);
  for (auto& [id, link] : outgoing_) {
    add(link->inbox.socket.handle(), -1);
    add(link->monitor.handle(), -1);
  }
  auto timeout_ms = static_cast<long>((std::max<int64_t>(timeout_us, 0) + 999) / 1000);
  // A signal ends the wait like an event: the caller looks around in any case.
  (void)zmq_poll(poll_items_.data(), static_cast<int>(poll_items_.size()), timeout_ms);
  uint64_t wakes = 0;
  (void)!::read(wake_fd_, &wakes, sizeof wakes);
}

void ZmqTransport::Impl::wake() {
  uint64_t one = 1;
  (void)!::write(wake_fd_, &one, sizeof one);  // fails only when a wake is pending already
}

// ---------------------------------------------------------------------------------- delegation

ZmqTransport::ZmqTransport(ZmqOptions options) : impl_(std::make_unique<Impl>(options)) {}
ZmqTransport::~ZmqTransport() = default;
Result<void> ZmqTransport::listen(ListenerKind kind, const std::string& address) {
  return impl_->listen(kind, address);
}
LinkId ZmqTransport::connect(const std::string& address) { return impl_->connect(address); }
void ZmqTransport::close(LinkId link) { impl_->close(link); }
bool ZmqTransport::send(LinkId link, Message message) {
  return impl_->send(link, std::move(message));
}
void ZmqTransport::poll(std::vector<NetEvent>& events) { impl_->poll(events); }
void ZmqTransport::wait(int64_t timeout_us, const std::vector<int>& fds) {
  impl_->wait(timeout_us, fds);
}
void ZmqTransport::wake() { impl_->wake(); }
uint16_t ZmqTransport::bound_port(ListenerKind kind) const { return impl_->bound_port(kind); }
uint64_t ZmqTransport::dropped_messages() const { return impl_->dropped_messages(); }

}  // namespace strandlog::wire
