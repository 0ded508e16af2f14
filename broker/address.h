// Addresses of brokers as text: HOST:PORT.
#pragma once

#include <string>

#include "base/result.h"
#include "wire/messages.h"

namespace strandlog::broker {

/// "HOST:PORT" of at most 255 characters with a port of 1 to 65535 (0 too where `any_port`).
Result<void> check_address(const std::string& address, bool any_port = false);
/// Both addresses of a broker, and that it has a number and a store.
Result<void> check_address(const wire::BrokerAddress& address);

}  // namespace strandlog::broker
