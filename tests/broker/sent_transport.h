// SentTransport: a Transport for tests of what a broker tells its peers.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/env.h"
#include "wire/codec.h"

namespace strandlog::broker {

/// Keeps what is sent; every link exists.
class SentTransport : public Transport {
 public:
  Result<void> listen(ListenerKind, const std::string&) override { return {}; }
  LinkId connect(const std::string& address) override {
    addresses[++last_] = address;
    return LinkId{last_};
  }
  void close(LinkId link) override { closed.push_back(link.value); }
  bool send(LinkId link, Message message) override {
    auto decoded = wire::decode_peer_message(message.control);
    EXPECT_TRUE(decoded.ok());
    if (full) return false;
    sent.emplace_back(link.value, *decoded);
    return true;
  }
  void poll(std::vector<NetEvent>&) override {}

  std::map<uint64_t, std::string> addresses;
  std::vector<uint64_t> closed;
  bool full = false;
  std::vector<std::pair<uint64_t, wire::PeerMessage>> sent;

 private:
  uint64_t last_ = 0;
};

}  // namespace strandlog::broker
