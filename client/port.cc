// Port: telling an answer from its failures.
#include "client/port.h"

#include <charconv>

#include "client/error.h"

namespace strandlog::client {

template <class Body>
Result<Body> body_of(const Reply& reply, const std::string& address) {
  if (reply.failure) return *reply.failure;
  if (reply.answer.error) return public_error(*reply.answer.error, address);
  if (const auto* body = std::get_if<Body>(&reply.answer.body)) return *body;
  return public_error(strandlog::Code::kInternal, address + " answered another kind of request");
}

template <class Body>
Result<Body> body_of(AnyReply reply) {
  if (reply.failure) return *reply.failure;
  if (auto* body = std::get_if<Body>(&reply.answer.body)) return std::move(*body);
  return public_error(strandlog::Code::kInternal, "a broker answered another kind of request");
}

template Result<wire::StatusAnswer> body_of(const Reply&, const std::string&);
template Result<wire::FoundAnswer> body_of(const Reply&, const std::string&);
template Result<wire::MetadataAnswer> body_of(const Reply&, const std::string&);
template Result<wire::ListOffsetsAnswer> body_of(const Reply&, const std::string&);
template Result<wire::FetchAnswer> body_of(const Reply&, const std::string&);
template Result<wire::DescribePartitionsAnswer> body_of(const Reply&, const std::string&);
template Result<wire::MetadataAnswer> body_of(AnyReply);
template Result<wire::CreateTopicAnswer> body_of(AnyReply);
template Result<wire::DeleteTopicAnswer> body_of(AnyReply);

Result<void> check_address(const std::string& address) {
  size_t colon = address.rfind(':');
  bool shaped = colon != std::string::npos && colon > 0;
  int port = 0;
  if (shaped) {
    const char* end = address.data() + address.size();
    auto [rest, error] = std::from_chars(address.data() + colon + 1, end, port);
    shaped = error == std::errc{} && rest == end && port >= 1 && port <= 65535;
  }
  if (shaped) return {};
  return public_error(strandlog::Code::kInvalidArgument,
                      "\"" + address +
                          "\" is no broker address: HOST:PORT is needed, as in "
                          "127.0.0.1:7400");
}

}  // namespace strandlog::client
