// AnyBroker: which broker to ask next, and when to stop.
#include "client/any_broker.h"

#include <algorithm>

#include "client/error.h"

namespace strandlog::client {
namespace {
// How long a named leader's link may take to come up before others are asked again.
constexpr int64_t kHintMs = 500;
constexpr size_t kMaxServers = 256;
}  // namespace

AnyBroker::AnyBroker(RequestTable& requests, std::vector<std::string> servers, Limits limits)
    : requests_(requests), limits_(limits), servers_(std::move(servers)) {}

void AnyBroker::learn(const std::string& address) {
  if (address.empty() || servers_.size() >= kMaxServers) return;
  if (std::find(servers_.begin(), servers_.end(), address) == servers_.end()) {
    servers_.push_back(address);
  }
}

void AnyBroker::turn_to(const std::string& address) {
  learn(address);
  auto found = std::find(servers_.begin(), servers_.end(), address);
  if (found != servers_.end()) cursor_ = static_cast<size_t>(found - servers_.begin());
}

std::string AnyBroker::addresses() const {
  std::string text;
  for (const std::string& server : servers_) text += (text.empty() ? "" : ", ") + server;
  return text;
}

uint64_t AnyBroker::ask(Time now, wire::RequestBody body, Time deadline, AnyHandler handler,
                        int64_t attempt_ms) {
  now_ = now;
  uint64_t id = next_id_++;
  Inquiry& inquiry = inquiries_[id];
  inquiry.body = std::move(body);
  inquiry.started = now;
  inquiry.deadline = deadline;
  inquiry.attempt_ms = attempt_ms > 0 ? attempt_ms : limits_.attempt_ms;
  inquiry.handler = std::move(handler);
  attempt(now, id, inquiry);
  return id;
}

void AnyBroker::cancel(uint64_t id) {
  auto inquiry = inquiries_.find(id);
  if (inquiry == inquiries_.end()) return;
  if (inquiry->second.request != 0) requests_.cancel(inquiry->second.request);
  inquiries_.erase(inquiry);
}

// The hinted one, else the first one that is connected, from the last that answered on.
std::string AnyBroker::choose(Time now, Inquiry& inquiry) {
  if (!inquiry.hint.empty()) {
    if (requests_.is_up(inquiry.hint)) return inquiry.hint;
    if (now < inquiry.hint_until) {
      requests_.want(now, inquiry.hint);
      return {};
    }
    inquiry.hint.clear();
  }
  for (size_t i = 0; i < servers_.size(); ++i) {
    size_t at = (cursor_ + i) % servers_.size();
    if (requests_.is_up(servers_[at])) {
      cursor_ = at;
      return servers_[at];
    }
    requests_.want(now, servers_[at]);  // its turn has come: next time it may be up
  }
  return {};
}

void AnyBroker::attempt(Time now, uint64_t id, Inquiry& inquiry) {
  if (inquiry.request != 0 || now < inquiry.not_before) return;
  std::string address = choose(now, inquiry);
  if (address.empty()) return;
  inquiry.hint.clear();
  Outgoing outgoing;
  outgoing.address = address;
  outgoing.body = inquiry.body;
  outgoing.deadline = std::min(now.plus_ms(inquiry.attempt_ms), inquiry.deadline);
  if (std::holds_alternative<wire::MetadataRequest>(inquiry.body)) {
    outgoing.minimum_catalog_index = catalog_index_;
  }
  inquiry.request = requests_.send(now, std::move(outgoing),
                                   [this, id](Reply reply) { on_reply(id, std::move(reply)); });
}

void AnyBroker::next_server() { cursor_ = servers_.empty() ? 0 : (cursor_ + 1) % servers_.size(); }

void AnyBroker::on_reply(uint64_t id, Reply reply) {
  auto found = inquiries_.find(id);
  if (found == inquiries_.end()) return;
  Inquiry& inquiry = found->second;
  inquiry.request = 0;
  if (reply.failure) {
    inquiry.repeated |= reply.failure->written != Written::kNo;
    inquiry.last_error = std::move(reply.failure);
    inquiry.not_before = now_.plus_ms(inquiry.backoff.next_ms());
    next_server();
    return;
  }
  inquiry.heard = true;
  if (!reply.answer.error) {
    bool repeated = inquiry.repeated;
    finish(id, AnyReply{std::nullopt, std::move(reply.answer), repeated});
    return;
  }
  const wire::WireError& error = *reply.answer.error;
  if (!is_retriable(error.code)) {
    bool repeated = inquiry.repeated;
    finish(id, AnyReply{public_error(error, ""), {}, repeated});
    return;
  }
  on_error(inquiry, error);
}

void AnyBroker::on_error(Inquiry& inquiry, const wire::WireError& error) {
  inquiry.last_error = public_error(error, "");
  inquiry.repeated |= !certainly_not_written(error.code);
  bool first = inquiry.not_before == Time{};
  int64_t wait_ms = inquiry.backoff.next_ms();
  if (error.code == strandlog::Code::kNotLeader && !error.leader_address.empty()) {
    inquiry.hint = error.leader_address;
    inquiry.hint_until = now_.plus_ms(kHintMs + wait_ms);
    // The first hint is followed at once; brokers that name each other get a pause.
    if (first) wait_ms = 0;
  } else {
    next_server();
  }
  inquiry.not_before = now_.plus_ms(wait_ms);
}

void AnyBroker::finish(uint64_t id, AnyReply reply) {
  auto inquiry = inquiries_.find(id);
  AnyHandler handler = std::move(inquiry->second.handler);
  if (inquiry->second.request != 0) requests_.cancel(inquiry->second.request);
  inquiries_.erase(inquiry);
  handler(std::move(reply));
}

Error AnyBroker::give_up(const Inquiry& inquiry) const {
  Written written = inquiry.repeated ? Written::kMaybe : Written::kNo;
  if (!inquiry.heard) {
    int64_t waited_ms = (now_.us - inquiry.started.us) / 1000;
    return public_error(
        strandlog::Code::kUnreachable,
        "no broker answered within " + std::to_string(waited_ms) + " ms; tried " + addresses(),
        written);
  }
  Error error = inquiry.last_error.value_or(
      public_error(strandlog::Code::kTimeout, "no answer in time; tried " + addresses()));
  error.written = written;
  return error;
}

void AnyBroker::turn(Time now) {
  now_ = now;
  std::vector<uint64_t> over;
  for (auto& [id, inquiry] : inquiries_) {
    bool silent = !inquiry.heard && now >= inquiry.started.plus_ms(limits_.connect_timeout_ms);
    if (silent || now >= inquiry.deadline) {
      over.push_back(id);
    } else {
      attempt(now, id, inquiry);
    }
  }
  for (uint64_t id : over) {
    auto inquiry = inquiries_.find(id);
    if (inquiry == inquiries_.end()) continue;
    finish(id, AnyReply{give_up(inquiry->second), {}, inquiry->second.repeated});
  }
}

Time AnyBroker::next_deadline() const {
  Time next = kNoDeadline;
  for (const auto& [id, inquiry] : inquiries_) {
    next = std::min(next, inquiry.deadline);
    if (!inquiry.heard) {
      next = std::min(next, inquiry.started.plus_ms(limits_.connect_timeout_ms));
    }
    if (inquiry.request != 0) continue;
    if (inquiry.not_before > now_) {
      next = std::min(next, inquiry.not_before);
    } else {
      next = std::min(next, now_.plus_ms(50));  // waits for a link
    }
  }
  return next;
}

}  // namespace strandlog::client
