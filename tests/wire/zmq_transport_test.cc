// Two transports over loopback, connections that come and go, and hostile peers.
#include "wire/zmq_transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "wire/messages.h"

namespace strandlog::wire {
namespace {

constexpr auto kDeadline = std::chrono::seconds(30);
constexpr const char* kAnyPort = "127.0.0.1:0";

/// A transport with all it has reported.
struct Node {
  explicit Node(ZmqOptions options = {}) : transport(options) {}

  ZmqTransport transport;
  std::vector<NetEvent> events;

  uint16_t listen(ListenerKind kind, const std::string& address) {
    auto result = transport.listen(kind, address);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().text);
    return transport.bound_port(kind);
  }
  std::vector<const NetEvent*> of(NetEvent::Kind kind) const {
    std::vector<const NetEvent*> found;
    for (const NetEvent& event : events)
      if (event.kind == kind) found.push_back(&event);
    return found;
  }
  size_t count(NetEvent::Kind kind) const { return of(kind).size(); }
};

std::string at(uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

/// Turns all nodes until `condition` holds or the deadline passed.
bool run_until(std::vector<Node*> nodes, const std::function<bool()>& condition) {
  auto end = std::chrono::steady_clock::now() + kDeadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    for (Node* node : nodes) {
      node->transport.wait(1000, {});
      node->transport.poll(node->events);
    }
  }
  return true;
}

Bytes pattern(size_t size, uint8_t seed) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(seed + i * 7);
  return Bytes::take(std::move(bytes));
}

Message message(const std::string& control, std::vector<Bytes> blobs = {}) {
  return {Bytes::copy(control), std::move(blobs)};
}

constexpr auto kMessage = NetEvent::Kind::kMessage;
constexpr auto kUp = NetEvent::Kind::kUp;
constexpr auto kDown = NetEvent::Kind::kDown;

// ------------------------------------------------------------------------------------- exchange

TEST(ZmqTransport, CarriesMessagesWithBlobsOfAllSizesBothWays) {
  Node server;
  Node client;
  LinkId link = client.transport.connect(at(server.listen(ListenerKind::kPeer, kAnyPort)));
  const std::vector<size_t> sizes = {0, 1, 1023, 1024, 8191, 8192, 8193, 65536, 1u << 20};
  for (size_t size : sizes)
    ASSERT_TRUE(client.transport.send(
        link, message("to", {pattern(size, 1), pattern(size + 1, 2), pattern(size, 3)})));

  ASSERT_TRUE(
      run_until({&server, &client}, [&] { return server.count(kMessage) == sizes.size(); }));
  for (size_t i = 0; i < sizes.size(); ++i) {
    const NetEvent& event = *server.of(kMessage)[i];
    EXPECT_EQ(event.listener, ListenerKind::kPeer);
    EXPECT_TRUE(event.incoming);
    EXPECT_EQ(event.message.control.text(), "to");
    ASSERT_EQ(event.message.blobs.size(), 3u);
    EXPECT_EQ(event.message.blobs[0].text(), pattern(sizes[i], 1).text());
    EXPECT_EQ(event.message.blobs[1].text(), pattern(sizes[i] + 1, 2).text());
    EXPECT_EQ(event.message.blobs[2].text(), pattern(sizes[i], 3).text());
    ASSERT_TRUE(server.transport.send(event.link, message("back", event.message.blobs)));
  }

  ASSERT_TRUE(
      run_until({&server, &client}, [&] { return client.count(kMessage) == sizes.size(); }));
  for (size_t i = 0; i < sizes.size(); ++i) {
    const NetEvent& event = *client.of(kMessage)[i];
    EXPECT_EQ(event.link, link);
    EXPECT_FALSE(event.incoming);
    EXPECT_EQ(event.message.blobs[1].text(), pattern(sizes[i] + 1, 2).text());
  }
  EXPECT_EQ(client.events.front().kind, kUp);
}

TEST(ZmqTransport, KeepsTheOrderOfALinkAndTellsClientsApart) {
  Node server;
  Node a;
  Node b;
  uint16_t port = server.listen(ListenerKind::kClient, kAnyPort);
  LinkId to_a = a.transport.connect(at(port));
  LinkId to_b = b.transport.connect(at(port));
  constexpr int kEach = 1000;
  int sent_a = 0;
  int sent_b = 0;

  ASSERT_TRUE(run_until({&server, &a, &b}, [&] {
    while (sent_a < kEach && a.transport.send(to_a, message("a" + std::to_string(sent_a))))
      ++sent_a;
    while (sent_b < kEach && b.transport.send(to_b, message("b" + std::to_string(sent_b))))
      ++sent_b;
    return server.count(kMessage) == 2 * kEach;
  }));

  std::map<LinkId, int> next;
  std::map<LinkId, char> name;
  for (const NetEvent* event : server.of(kMessage)) {
    std::string text(event->message.control.text());
    char who = name.emplace(event->link, text[0]).first->second;
    EXPECT_EQ(text, who + std::to_string(next[event->link]++));
  }
  EXPECT_EQ(name.size(), 2u);
}

TEST(ZmqTransport, ReleasesSentBytesAndRefusesBeyondItsQueue) {
  Node server;
  ZmqOptions options;
  options.queued_bytes_per_link = 32u << 20;
  Node client(options);
  LinkId link = client.transport.connect(at(server.listen(ListenerKind::kPeer, kAnyPort)));
  ASSERT_TRUE(run_until({&server, &client}, [&] { return client.count(kUp) == 1; }));

  Bytes blob = pattern(1u << 20, 1);
  size_t sent = 0;
  while (sent < 100000 && client.transport.send(link, message("m", {blob}))) ++sent;

  EXPECT_GE(sent, 31u);
  EXPECT_LT(sent, 100000u);
  ASSERT_TRUE(run_until({&server, &client}, [&] {
    return server.count(kMessage) == sent && blob.owner().use_count() == 1;
  }));
  EXPECT_TRUE(client.transport.send(link, message("again", {blob})));
}

TEST(ZmqTransport, RefusesMessagesNoReceiverWouldTake) {
  Node node;
  LinkId link = node.transport.connect("127.0.0.1:1");

  EXPECT_FALSE(node.transport.send(link, message(std::string(kMaxControlFrame + 1, 'x'))));
  EXPECT_FALSE(node.transport.send(link, message("m", std::vector<Bytes>(kMaxBlobFrames + 1))));
  EXPECT_FALSE(node.transport.send(link, message("m", {pattern((4u << 20) + 1, 0)})));
  Bytes large = pattern(4u << 20, 0);
  EXPECT_FALSE(node.transport.send(link, message("m", {large, large, large, large})));
  EXPECT_FALSE(node.transport.send({99}, message("unknown link")));
}

TEST(ZmqTransport, OnePollIsBounded) {
  Node server;
  Node client;
  LinkId link = client.transport.connect(at(server.listen(ListenerKind::kPeer, kAnyPort)));
  ASSERT_TRUE(run_until({&server, &client}, [&] { return client.count(kUp) == 1; }));
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(client.transport.send(link, message("m")));

  size_t most = 0;
  ASSERT_TRUE(run_until({&client}, [&] {
    std::vector<NetEvent> events;
    server.transport.wait(1000, {});
    server.transport.poll(events);
    most = std::max(most, events.size());
    for (NetEvent& event : events) server.events.push_back(std::move(event));
    return server.count(kMessage) == 2000;
  }));

  EXPECT_LE(most, 256u);
}

// -------------------------------------------------------------------------------- up and down

TEST(ZmqTransport, ReportsDownWhenTheListenerGoesAndUpWhenItReturns) {
  Node client;
  auto server = std::make_unique<Node>();
  uint16_t port = server->listen(ListenerKind::kPeer, kAnyPort);
  LinkId link = client.transport.connect(at(port));
  ASSERT_TRUE(run_until({server.get(), &client}, [&] { return client.count(kUp) == 1; }));

  server.reset();
  ASSERT_TRUE(run_until({&client}, [&] { return client.count(kDown) == 1; }));

  server = std::make_unique<Node>();
  server->listen(ListenerKind::kPeer, at(port));
  ASSERT_TRUE(run_until({server.get(), &client}, [&] { return client.count(kUp) == 2; }));
  ASSERT_TRUE(client.transport.send(link, message("hello again")));
  ASSERT_TRUE(run_until({server.get(), &client}, [&] { return server->count(kMessage) == 1; }));
  EXPECT_EQ(client.count(kDown), 1u);
}

TEST(ZmqTransport, WhatIsSentBeforeTheListenerIsThereWaitsInASmallQueue) {
  Node probe;
  uint16_t port = probe.listen(ListenerKind::kPeer, kAnyPort);
  LinkId early = probe.transport.connect(at(port));

  size_t sent = 0;
  while (sent < 1000 && probe.transport.send(early, message(std::to_string(sent)))) ++sent;

  EXPECT_EQ(sent, 64u);
  ASSERT_TRUE(run_until({&probe}, [&] { return probe.count(kMessage) == 64; }));
  for (size_t i = 0; i < sent; ++i)
    EXPECT_EQ(probe.of(kMessage)[i]->message.control.text(), std::to_string(i));
}

TEST(ZmqTransport, ACloseLetsWhatWasSentLeave) {
  Node server;
  Node client;
  LinkId link = client.transport.connect(at(server.listen(ListenerKind::kPeer, kAnyPort)));
  ASSERT_TRUE(run_until({&server, &client}, [&] { return client.count(kUp) == 1; }));

  ASSERT_TRUE(client.transport.send(link, message("goodbye")));
  client.transport.close(link);

  EXPECT_FALSE(client.transport.send(link, message("too late")));
  ASSERT_TRUE(run_until({&server, &client}, [&] { return server.count(kMessage) == 1; }));
}

TEST(ZmqTransport, SendingToAClientThatLeftIsRefused) {
  Node server;
  auto client = std::make_unique<Node>();
  LinkId link = client->transport.connect(at(server.listen(ListenerKind::kClient, kAnyPort)));
  ASSERT_TRUE(client->transport.send(link, message("hello")));
  ASSERT_TRUE(run_until({&server, client.get()}, [&] { return server.count(kMessage) == 1; }));
  LinkId back = server.of(kMessage)[0]->link;

  client.reset();

  ASSERT_TRUE(run_until({&server}, [&] { return !server.transport.send(back, message("?")); }));
}

TEST(ZmqTransport, AnAddressThatCanNeverWorkIsDownAtOnce) {
  Node node;
  LinkId link = node.transport.connect("no port here");

  ASSERT_TRUE(run_until({&node}, [&] { return node.count(kDown) == 1; }));

  EXPECT_EQ(node.events[0].link, link);
  EXPECT_FALSE(node.transport.send(link, message("m")));
}

TEST(ZmqTransport, ListenSaysWhyItCannot) {
  Node one;
  Node two;
  std::string address = at(one.listen(ListenerKind::kClient, kAnyPort));

  auto taken = two.transport.listen(ListenerKind::kClient, address);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, Code::kConflict);
  EXPECT_EQ(taken.error().text, "cannot listen on " + address + ": address in use");

  EXPECT_EQ(two.transport.listen(ListenerKind::kClient, "nonsense").error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(two.transport.listen(ListenerKind::kClient, "203.0.113.1:0").error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(two.transport.bound_port(ListenerKind::kClient), 0);
  EXPECT_EQ(one.transport.listen(ListenerKind::kClient, kAnyPort).error().code, Code::kConflict);
}

TEST(ZmqTransport, WaitEndsByWakeAndByAReadableFile) {
  Node node;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  auto start = std::chrono::steady_clock::now();

  std::thread other([&] { node.transport.wake(); });
  node.transport.wait(3600'000'000, {});
  other.join();
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  node.transport.wait(3600'000'000, {ends[0]});

  EXPECT_LT(std::chrono::steady_clock::now() - start, kDeadline);
  ::close(ends[0]);
  ::close(ends[1]);
}

// --------------------------------------------------------------------------------- the hostile

/// A TCP connection that says whatever it likes; closed with the object.
class RawPeer {
 public:
  explicit RawPeer(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~RawPeer() { ::close(fd_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void say(const std::string& bytes) {
    (void)::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  /// True once the other side has closed the connection; reads what it said.
  bool was_closed() {
    char buffer[4096];
    ssize_t n = 1;
    while (n > 0) {
      n = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (n > 0) heard_ += static_cast<size_t>(n);
    }
    return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }
  /// True once more than `bytes` have come from the other side.
  bool heard_more_than(size_t bytes) {
    (void)was_closed();
    return heard_ > bytes;
  }

 private:
  int fd_;
  size_t heard_ = 0;
};

/// ZMTP 3.x: signature, version, mechanism NULL, filler.
std::string greeting(char major) {
  std::string bytes("\xff\0\0\0\0\0\0\0\x01\x7f", 10);
  bytes += major;
  bytes += '\0';
  bytes += std::string("NULL").append(16, '\0');
  bytes += std::string(32, '\0');
  return bytes;
}

/// The READY command of a DEALER, with a routing id of its own choice if not empty.
std::string ready(const std::string& routing_id) {
  std::string body(
      "\x05READY\x0bSocket-Type\0\0\0\x06"
      "DEALER",
      6 + 12 + 4 + 6);
  body += std::string("\x08Identity\0\0\0", 12);
  body += static_cast<char>(routing_id.size());
  body += routing_id;
  return std::string("\x04", 1) + static_cast<char>(body.size()) + body;
}

/// Both greetings and READYs: what is said after it are messages.
void shake_hands(Node& server, RawPeer& peer, const std::string& routing_id) {
  constexpr size_t kGreetingBytes = 64;
  peer.say(greeting('\x03') + ready(routing_id));
  ASSERT_TRUE(run_until({&server}, [&] { return peer.heard_more_than(kGreetingBytes + 2); }));
}

std::string frame(const std::string& body, bool more) {
  return std::string(1, more ? '\x01' : '\x00') + static_cast<char>(body.size()) + body;
}

void expect_good_client_is_served(Node& server, uint16_t port) {
  Node client;
  LinkId link = client.transport.connect(at(port));
  ASSERT_TRUE(client.transport.send(link, message("good", {pattern(9000, 1)})));
  size_t before = server.count(kMessage);
  ASSERT_TRUE(run_until({&server, &client}, [&] { return server.count(kMessage) == before + 1; }));
  EXPECT_EQ(server.of(kMessage).back()->message.control.text(), "good");
}

TEST(ZmqTransportHostile, RawTcpOfAnyKindLeavesTheListenerServing) {
  Node server;
  uint16_t port = server.listen(ListenerKind::kClient, kAnyPort);
  RawPeer silent(port);
  RawPeer garbage(port);
  garbage.say(std::string(pattern(100000, 0x31).text()));
  RawPeer http(port);
  http.say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  RawPeer old_version(port);
  old_version.say(std::string("\xff\0\0\0\0\0\0\0\x01\x7f\x02\x05", 12));
  RawPeer new_version(port);
  new_version.say(greeting('\x09'));
  RawPeer half(port);
  half.say(greeting('\x03').substr(0, 30));

  expect_good_client_is_served(server, port);
  EXPECT_EQ(server.count(kMessage), 1u);
}

TEST(ZmqTransportHostile, AFrameThatAnnouncesMoreThanTheLimitEndsTheConnection) {
  Node server;
  uint16_t port = server.listen(ListenerKind::kClient, kAnyPort);
  RawPeer huge(port);
  shake_hands(server, huge, "");
  huge.say(std::string("\x02\x40\0\0\0\0\0\0\0abc", 12));  // a long frame of 2^62 bytes

  EXPECT_TRUE(run_until({&server}, [&] { return huge.was_closed(); }));
  expect_good_client_is_served(server, port);
  EXPECT_EQ(server.count(kMessage), 1u);
}

TEST(ZmqTransportHostile, ATcpClientThatSpeaksProperlyIsHeard) {
  // The control for the tests around it: the same bytes without the trick do arrive.
  Node server;
  uint16_t port = server.listen(ListenerKind::kClient, kAnyPort);
  RawPeer proper(port);
  shake_hands(server, proper, "");
  proper.say(frame("control", true) + frame("blob", false));

  ASSERT_TRUE(run_until({&server}, [&] { return server.count(kMessage) == 1; }));
  EXPECT_EQ(server.of(kMessage)[0]->message.blobs.at(0).text(), "blob");
}

TEST(ZmqTransportHostile, AClientThatNamesItselfIsNotHeard) {
  Node server;
  uint16_t port = server.listen(ListenerKind::kClient, kAnyPort);
  RawPeer named(port);
  shake_hands(server, named, "admin");
  named.say(frame("control", false));

  ASSERT_TRUE(run_until({&server}, [&] { return server.transport.dropped_messages() == 1; }));
  EXPECT_EQ(server.count(kMessage), 0u);
  expect_good_client_is_served(server, port);
}

TEST(ZmqTransportHostile, TooManyFramesAreDroppedAndTheNextMessageIsWhole) {
  Node server;
  uint16_t port = server.listen(ListenerKind::kClient, kAnyPort);
  RawPeer chatty(port);
  std::string frames;
  for (size_t i = 0; i < 20000; ++i) frames += frame("x", true);
  shake_hands(server, chatty, "");
  chatty.say(frames + frame("end", false));
  chatty.say(frame("next", false));

  ASSERT_TRUE(run_until({&server}, [&] { return server.count(kMessage) == 1; }));
  EXPECT_EQ(server.of(kMessage)[0]->message.control.text(), "next");
  EXPECT_EQ(server.transport.dropped_messages(), 1u);
}

}  // namespace
}  // namespace strandlog::wire
