// SentTransport: a Transport for tests of what a broker tells its peers and its clients.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/env.h"
#include "wire/codec.h"

namespace strandlog::broker {

/// Keeps what is sent; every link exists. Those it made lead to peers, all others to clients.
class SentTransport : public Transport {
 public:
  Result<void> listen(ListenerKind, const std::string&) override { return {}; }
  LinkId connect(const std::string& address) override {
    addresses[++last_] = address;
    return LinkId{last_};
  }
  void close(LinkId link) override { closed.push_back(link.value); }
  bool send(LinkId link, Message message) override {
    if (full) return false;
    if (addresses.contains(link.value)) {
      auto decoded = wire::decode_peer_message(message.control);
      EXPECT_TRUE(decoded.ok());
      sent.emplace_back(link.value, *decoded);
    } else {
      auto decoded = wire::decode_answer(message.control);
      EXPECT_TRUE(decoded.ok());
      answers.push_back(*decoded);
    }
    return true;
  }
  void poll(std::vector<NetEvent>&) override {}

  std::map<uint64_t, std::string> addresses;
  std::vector<uint64_t> closed;
  bool full = false;
  std::vector<std::pair<uint64_t, wire::PeerMessage>> sent;
  std::vector<wire::Answer> answers;

 private:
  uint64_t last_ = 0;
};

}  // namespace strandlog::broker
