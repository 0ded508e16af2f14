// From the question to the majority, from its answer to the applied catalog.
#include "broker/confirmed_reads.h"

namespace strandlog::broker {
namespace {
constexpr size_t kMostWaiting = 1'000;
}  // namespace

void ConfirmedReads::wait(const ReplyTo& to, Replica& catalog, Time deadline, Then then,
                          Otherwise otherwise) {
  Waiting waiting{to, catalog.spec.group, deadline, std::move(then), std::move(otherwise), {}};
  if (waiting_.size() >= kMostWaiting) {
    return refuse(waiting, {Code::kBusy,
                            std::to_string(waiting_.size()) +
                                " requests wait for a majority's word already: retry",
                            {},
                            {}});
  }
  uint64_t token = kCatalogTickets | ++next_token_;
  waiting_[token] = std::move(waiting);
  context_.replicas.read_index(catalog, token);
}

void ConfirmedReads::refuse(const Waiting& waiting, const wire::WireError& error) {
  if (waiting.otherwise) return waiting.otherwise(error);
  context_.fail(waiting.to, error);
}

void ConfirmedReads::on_read_index(const raft::ReadReady& ready) {
  auto found = waiting_.find(ready.token);
  if (found == waiting_.end()) return;
  if (ready.index) {
    found->second.confirmed = ready.index;
    applied();
    return;
  }
  Waiting waiting = std::move(found->second);
  waiting_.erase(found);
  refuse(waiting, context_.not_leader(waiting.group, "the catalog"));
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
    Waiting waiting = std::move(it->second);
    it = waiting_.erase(it);
    refuse(waiting,
           {Code::kTimeout, "no majority confirmed the catalog's leader in time: retry", {}, {}});
  }
}

}  // namespace strandlog::broker
