// Admin: each call runs its sequence of requests on the caller's thread.
#include "strandlog/admin.h"

#include "client/admin_core.h"
#include "client/error.h"
#include "client/founding.h"
#include "client/runtime.h"

namespace strandlog::client {
namespace {

AdminCore::Timeouts timeouts(const ClientConfig& config) {
  return {config.request_timeout.count(), config.connect_timeout.count()};
}

}  // namespace

Admin::Admin(std::shared_ptr<Client::Impl> impl) : impl_(std::move(impl)) {}

Result<TopicDescription> Admin::create_topic(const TopicSpec& spec) {
  return AdminCore(impl_->runtime, timeouts(impl_->config)).create_topic(spec);
}
Result<void> Admin::delete_topic(const std::string& name) {
  return AdminCore(impl_->runtime, timeouts(impl_->config)).delete_topic(name);
}
Result<std::vector<TopicSummary>> Admin::list_topics() {
  return AdminCore(impl_->runtime, timeouts(impl_->config)).list_topics();
}
Result<TopicSummary> Admin::find_topic(const std::string& name) {
  return AdminCore(impl_->runtime, timeouts(impl_->config)).find_topic(name);
}
Result<TopicDescription> Admin::describe_topic(const std::string& name) {
  return AdminCore(impl_->runtime, timeouts(impl_->config)).describe_topic(name);
}
Result<ClusterDescription> Admin::describe_cluster() {
  return AdminCore(impl_->runtime, timeouts(impl_->config)).describe_cluster();
}
Result<BrokerStatus> Admin::broker_status(const std::string& address) {
  return AdminCore(impl_->runtime, timeouts(impl_->config)).broker_status(address);
}
Result<ClusterDescription> Admin::found(const std::vector<std::string>& addresses) {
  return found_cluster(impl_->runtime, timeouts(impl_->config), addresses);
}

}  // namespace strandlog::client
