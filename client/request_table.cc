// RequestTable: links, deadlines and the delivery of answers.
#include "client/request_table.h"

#include <algorithm>

#include "client/error.h"
#include "wire/codec.h"

namespace strandlog::client {

void RequestTable::connect(Link& link, const std::string& address) {
  link.id = transport_.connect(address);
  link.state = State::kConnecting;
  addresses_[link.id] = address;
}

void RequestTable::want(Time now, const std::string& address) {
  Link& link = links_[address];
  if (link.state == State::kIdle && now >= link.not_before) connect(link, address);
}

bool RequestTable::is_up(const std::string& address) const {
  auto link = links_.find(address);
  return link != links_.end() && link->second.state == State::kUp;
}

uint64_t RequestTable::send(Time now, Outgoing outgoing, ReplyHandler handler) {
  uint64_t id = next_id_++;
  Pending& pending = pending_[id];
  pending.address = outgoing.address;
  pending.deadline = outgoing.deadline;
  pending.drop_link_on_timeout = outgoing.drop_link_on_timeout;
  pending.handler = std::move(handler);
  deadlines_.insert({outgoing.deadline, id});
  std::string address = outgoing.address;
  want(now, address);
  Link& link = links_[address];
  if (link.state == State::kUp) {
    dispatch(now, link, id, std::move(outgoing));
  } else {
    link.waiting.emplace_back(id, std::move(outgoing));
  }
  return id;
}

bool RequestTable::send_only(Time now, Outgoing outgoing) {
  auto link = links_.find(outgoing.address);
  if (link == links_.end() || link->second.state != State::kUp) return false;
  return transmit(now, link->second.id, next_id_++, std::move(outgoing));
}

void RequestTable::dispatch(Time now, Link& link, uint64_t id, Outgoing outgoing) {
  std::string address = outgoing.address;
  pending_[id].link = link.id;
  if (!transmit(now, link.id, id, std::move(outgoing))) {
    fail(id, public_error(strandlog::Code::kBusy, "the send queue to " + address + " is full"));
  }
}

bool RequestTable::transmit(Time now, LinkId link, uint64_t id, Outgoing outgoing) {
  wire::Request request;
  request.id = id;
  // A tenth less than is left: what a broker says at its deadline is still heard. An answer about
  // several partitions waits for the slowest of them.
  int64_t left_ms = (outgoing.deadline.us - now.us) * 9 / 10'000;
  request.deadline_ms = static_cast<uint32_t>(std::clamp<int64_t>(left_ms, 1, 3'600'000));
  request.cluster = cluster_;
  request.client_id = client_id_;
  request.trace_id = id;
  request.minimum_catalog_index = outgoing.minimum_catalog_index;
  request.body = std::move(outgoing.body);
  return transport_.send(link, Message{wire::encode(request), std::move(outgoing.blobs)});
}

bool RequestTable::has_failed(uint64_t id) const {
  return std::any_of(failed_.begin(), failed_.end(),
                     [id](const Failed& failed) { return failed.id == id; });
}

void RequestTable::cancel(uint64_t id) {
  auto pending = pending_.find(id);
  if (pending != pending_.end()) {
    deadlines_.erase({pending->second.deadline, id});
    auto link = links_.find(pending->second.address);
    if (link != links_.end()) {
      std::erase_if(link->second.waiting,
                    [id](const auto& waiting) { return waiting.first == id; });
    }
    pending_.erase(pending);
  }
  std::erase_if(failed_, [id](const Failed& failed) { return failed.id == id; });
}

void RequestTable::handle(Time now, NetEvent event) {
  auto address = addresses_.find(event.link);
  if (address == addresses_.end()) return;  // of a link closed meanwhile
  switch (event.kind) {
    case NetEvent::Kind::kUp:
      went_up(now, address->second);
      break;
    case NetEvent::Kind::kDown:
      drop(now, std::string(address->second), "the connection was lost");
      break;
    case NetEvent::Kind::kMessage:
      answered(event);
      break;
  }
}

void RequestTable::went_up(Time now, const std::string& address) {
  Link& link = links_[address];
  link.state = State::kUp;
  link.backoff.reset();
  auto waiting = std::move(link.waiting);
  link.waiting.clear();
  for (auto& [id, outgoing] : waiting) {
    if (pending_.contains(id)) dispatch(now, link, id, std::move(outgoing));
  }
}

void RequestTable::answered(const NetEvent& event) {
  strandlog::Result<wire::Answer> answer = wire::decode_answer(event.message.control);
  if (!answer.ok()) return;  // the request meets its deadline
  auto pending = pending_.find(answer->id);
  // A late answer, or one to a request that went over another link.
  if (pending == pending_.end() || pending->second.link != event.link) return;
  ReplyHandler handler = std::move(pending->second.handler);
  deadlines_.erase({pending->second.deadline, answer->id});
  pending_.erase(pending);
  handler(Reply{std::nullopt, std::move(*answer), event.message.blobs});
}

void RequestTable::drop(Time now, const std::string& address, const std::string& reason) {
  Link& link = links_[address];
  if (link.state == State::kIdle) return;
  LinkId gone = link.id;
  transport_.close(gone);
  addresses_.erase(gone);
  link.state = State::kIdle;
  link.id = {};
  link.not_before = now.plus_ms(link.backoff.next_ms());
  std::vector<uint64_t> lost;
  for (const auto& [id, pending] : pending_) {
    if (pending.link == gone) lost.push_back(id);
  }
  for (uint64_t id : lost) {
    fail(id, public_error(strandlog::Code::kUnreachable, address + ": " + reason, Written::kMaybe));
  }
}

void RequestTable::fail(uint64_t id, Error error) {
  auto pending = pending_.find(id);
  if (pending == pending_.end()) return;
  failed_.push_back({id, std::move(pending->second.handler), std::move(error)});
  deadlines_.erase({pending->second.deadline, id});
  pending_.erase(pending);
}

void RequestTable::expire(Time now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    uint64_t id = deadlines_.begin()->second;
    Pending& pending = pending_[id];
    std::string address = pending.address;
    bool sent = pending.link != LinkId{};
    bool drop_link = sent && pending.drop_link_on_timeout;
    if (!sent) {
      std::erase_if(links_[address].waiting, [id](const auto& w) { return w.first == id; });
    }
    fail(id, sent ? public_error(strandlog::Code::kTimeout, address + ": no answer in time",
                                 Written::kMaybe)
                  : public_error(strandlog::Code::kUnreachable, address + ": cannot connect"));
    if (drop_link) drop(now, address, "the connection was dropped after a timeout");
  }
}

void RequestTable::deliver() {
  while (!failed_.empty()) {
    Failed failed = std::move(failed_.front());
    failed_.pop_front();
    Reply reply;
    reply.failure = std::move(failed.error);
    failed.handler(std::move(reply));
  }
}

void RequestTable::turn(Time now) {
  expire(now);
  for (auto& [address, link] : links_) {
    if (!link.waiting.empty()) want(now, address);
  }
  deliver();
}

Time RequestTable::next_deadline() const {
  if (!failed_.empty()) return Time{0};
  Time next = deadlines_.empty() ? kNoDeadline : deadlines_.begin()->first;
  for (const auto& [address, link] : links_) {
    if (!link.waiting.empty() && link.state == State::kIdle) next = std::min(next, link.not_before);
  }
  return next;
}

}  // namespace strandlog::client
