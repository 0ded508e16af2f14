// Checking addresses; see address.h.
#include "broker/address.h"

#include <algorithm>
#include <charconv>

namespace strandlog::broker {
namespace {
constexpr size_t kMaxAddress = 255;

bool is_printable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}
}  // namespace

Result<void> check_address(const std::string& address, bool any_port) {
  if (address.size() > kMaxAddress) {
    return Error{Code::kInvalidArgument, "an address has at most 255 characters, this one " +
                                             std::to_string(address.size())};
  }
  size_t colon = address.rfind(':');
  unsigned port = 0;
  bool good = colon != std::string::npos && colon > 0 && colon + 1 < address.size();
  if (good) {
    const char* end = address.data() + address.size();
    auto [stop, error] = std::from_chars(address.data() + colon + 1, end, port);
    good = error == std::errc() && stop == end && port <= 65535 && (port > 0 || any_port);
  }
  if (!good || !is_printable(address)) {
    return Error{Code::kInvalidArgument,
                 "\"" + address + "\" is no address: HOST:PORT with a port of 1 to 65535 is"};
  }
  return {};
}

Result<void> check_address(const wire::BrokerAddress& address) {
  if (address.broker == BrokerId{} || address.store.is_nil()) {
    return Error{Code::kInvalidArgument, "a broker without a number or a store"};
  }
  TRY(check_address(address.client_address));
  return check_address(address.peer_address);
}

}  // namespace strandlog::broker
