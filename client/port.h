// Port: what a sequence of blocking requests needs from the world.
#pragma once

#include <cstdint>
#include <string>

#include "base/env.h"
#include "client/any_broker.h"
#include "client/request_table.h"

namespace strandlog::client {

/// In a program a call blocks its thread; in a simulation it runs the world until the answer.
class Port {
 public:
  virtual ~Port() = default;
  virtual Time now() = 0;
  virtual int64_t wall_ms() = 0;
  virtual Random& random() = 0;
  virtual void pause(int64_t ms) = 0;
  /// One request to one broker.
  virtual Reply call(const std::string& address, wire::RequestBody body, int64_t timeout_ms) = 0;
  /// One request to any broker; see AnyBroker.
  virtual AnyReply ask_any(wire::RequestBody body, int64_t timeout_ms, int64_t attempt_ms) = 0;
  /// Metadata must be at least this new from now on.
  virtual void require_catalog(uint64_t index) = 0;
};

/// The answer's body as `Body`, else the failure, the broker's error, or kInternal for another.
template <class Body>
Result<Body> body_of(const Reply& reply, const std::string& address);
template <class Body>
Result<Body> body_of(AnyReply reply);

/// kInvalidArgument unless HOST:PORT with a port from 1 to 65535.
Result<void> check_address(const std::string& address);

}  // namespace strandlog::client
