// From the question to the majority, from its answer to the applied catalog.
#include "broker/confirmed_reads.h"

namespace strandlog::broker {
namespace {
constexpr size_t kMostWaiting = 10'000;
}  // namespace

void ConfirmedReads::wait(const ReplyTo& to, Replica& catalog, Time deadline,
                          std::function<void()> then) {
  if (waiting_.size() >= kMostWaiting) {
    context_.fail(to, Code::kBusy,
                  std::to_string(waiting_.size()) +
                      " requests wait for a majority's word already, the bound is reached: retry");
    return;
  }
  uint64_t token = kCatalogTickets | ++next_token_;
  waiting_[token] = {to, catalog.spec.group, deadline, std::move(then), std::nullopt};
  context_.replicas.read_index(catalog, token);
}

void ConfirmedReads::on_read_index(const raft::ReadReady& ready) {
  auto found = waiting_.find(ready.token);
  if (found == waiting_.end()) return;
  if (ready.index) {
    found->second.confirmed = ready.index;
    applied();
    return;
  }
  context_.fail(found->second.to, context_.not_leader(found->second.group, "the catalog"));
  waiting_.erase(found);
}

void ConfirmedReads::applied() {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (!it->second.confirmed || *it->second.confirmed > context_.catalog.applied()) {
      ++it;
      continue;
    }
    auto then = std::move(it->second.then);
    it = waiting_.erase(it);
    then();
  }
}

void ConfirmedReads::expire() {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (it->second.deadline > context_.now) {
      ++it;
      continue;
    }
    context_.fail(it->second.to, Code::kTimeout,
                  "no majority confirmed the catalog's leader in time: retry");
    it = waiting_.erase(it);
  }
}

}  // namespace strandlog::broker
