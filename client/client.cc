// Client: the connection's front.
#include "strandlog/client.h"

#include "client/error.h"
#include "client/port.h"
#include "client/runtime.h"
#include "strandlog/admin.h"

namespace strandlog::client {

Client::Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::connect(ClientConfig config) {
  if (config.servers.empty()) {
    return public_error(strandlog::Code::kInvalidArgument, "no broker address was given");
  }
  for (const std::string& server : config.servers) {
    if (auto checked = check_address(server); !checked.ok()) return checked.error();
  }
  if (config.request_timeout.count() <= 0 || config.connect_timeout.count() <= 0) {
    return public_error(strandlog::Code::kInvalidArgument, "timeouts must be at least 1 ms");
  }
  return Client(std::make_shared<Impl>(std::move(config)));
}

Admin Client::admin() { return Admin(impl_); }
void Client::interrupt() noexcept { impl_->runtime.interrupt(); }

}  // namespace strandlog::client
