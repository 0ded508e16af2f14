// ZmqTransport: the real Transport over ZeroMQ; ROUTER where it listens, DEALER where it connects.
#pragma once

#include <memory>

#include "base/env.h"

namespace strandlog::wire {

struct ZmqOptions {
  int64_t max_message_bytes = 4 << 20;  ///< one frame; a peer that sends more is dropped
  int send_high_water_mark = 10000;     ///< messages; a backstop behind our own byte bounds
  int receive_high_water_mark = 10000;
  size_t queued_bytes_per_link = 64u << 20;   ///< unsent bytes of one link; send() is false beyond
  size_t queued_bytes_incoming = 512u << 20;  ///< the same of all incoming links together
  int max_sockets = 4096;                     ///< a link takes two, a listener one
};

/// Everything but wake() belongs to the thread that calls wait().
///
/// A link made by connect() connects, and connects again, by itself: kUp when the two sides have
/// shaken hands, kDown when that connection is gone, in turns. What is sent while it is not up
/// waits in a small queue (64 messages, 4 MiB) and goes out right before kUp is reported, unless
/// it is older than two seconds by then; a full queue makes send() false. What was handed to a
/// connection that breaks is gone. kDown comes at once for an address that can never work and when
/// sockets ran out; such a link stays down.
///
/// send() is also false for a message no receiver would take (kMaxControlFrame, kMaxBlobFrames,
/// max_message_bytes, 16 MiB in all), and for an incoming link whose other end is gone. Closing an
/// incoming link only forgets it: a later message of that client is a new link. 65536 incoming
/// links are remembered; the one unused for longest is forgotten first.
class ZmqTransport : public Transport {
 public:
  explicit ZmqTransport(ZmqOptions options = {});
  /// Lets what was sent leave for at most 100 ms. Every Bytes handed in is released on return.
  ~ZmqTransport() override;

  /// One listener per kind. HOST is an address or interface of this machine ("localhost" is
  /// 127.0.0.1), [v6] in brackets; port 0 takes a free one. kConflict (in use), kInvalidArgument
  /// or kIo.
  Result<void> listen(ListenerKind kind, const std::string& address) override;
  LinkId connect(const std::string& address) override;
  /// Lets what was sent leave for at most 100 ms, without waiting for it.
  void close(LinkId link) override;
  bool send(LinkId link, Message message) override;
  /// At most 256 messages or about 8 MiB, taken from all sockets in turns.
  void poll(std::vector<NetEvent>& events) override;

  /// Blocks until something arrived, one of `fds` is readable, wake() was called, a signal came or
  /// the time is over (counted in whole milliseconds, rounded up).
  void wait(int64_t timeout_us, const std::vector<int>& fds);
  /// Ends a wait() from any thread; the next one, if there is none now.
  void wake();
  /// The port really bound for `kind` (when the address asked for port 0); 0 if not listening.
  uint16_t bound_port(ListenerKind kind) const;
  /// Messages from the network that broke a limit and were thrown away.
  uint64_t dropped_messages() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strandlog::wire
