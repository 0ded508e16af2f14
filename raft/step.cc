// Messages in: who may speak, the term rule (Raft thesis figure 3.1, "Rules for Servers"),
// dispatch.
#include "base/mark.h"
#include "raft/group_impl.h"

namespace strandlog::raft {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

bool is_answer(const Body& body) {
  return std::holds_alternative<VoteAnswer>(body) || std::holds_alternative<AppendAnswer>(body);
}

}  // namespace

void Group::Impl::step(const Message& message) {
  if (!active_ || message.group != config_.group || message.to != self()) return;
  if (message.from == self() || message.from.value == 0) return;
  // Requests of unknown members count: the configuration that names them may not be here yet.
  if (is_answer(message.body) && membership().find(message.from) == nullptr) {
    mark<"raft 27: an answer of no member">();
    return;
  }
  // Vote requests may be refused without taking over their term.
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    return on_vote_request(message, *request);
  }
  const auto* vote = std::get_if<VoteAnswer>(&message.body);
  const bool asked_term = vote != nullptr && vote->pre && vote->granted;
  if (message.term > term() && !asked_term) become_follower(message.term, Uid{});
  if (message.term < term()) return on_lower_term(message);
  dispatch(message);
}

void Group::Impl::on_lower_term(const Message& message) {
  // Frees a candidate whose term ran ahead while others still follow their leader: the leader
  // learns our term from this answer.
  if (const auto* append = std::get_if<Append>(&message.body)) {
    return send_durably(message.from, AppendAnswer{.accepted = false,
                                                   .match = {},
                                                   .prev = append->prev,
                                                   .hint = {},
                                                   .hint_term = {},
                                                   .commit = commit_});
  }
  if (const auto* offer = std::get_if<SnapshotOffer>(&message.body)) {
    send_durably(message.from, AppendAnswer{.accepted = false,
                                            .match = {},
                                            .prev = offer->index,
                                            .hint = {},
                                            .hint_term = {},
                                            .commit = commit_});
  }
}

void Group::Impl::dispatch(const Message& message) {
  std::visit(Overloaded{
                 [](const VoteRequest&) {},  // taken before the term rule
                 [&](const VoteAnswer& body) { on_vote_answer(message, body); },
                 [&](const Append& body) { on_append(message, body); },
                 [&](const AppendAnswer& body) { on_append_answer(message, body); },
                 [&](const SnapshotOffer& body) { on_snapshot(message, body); },
                 [&](const TimeoutNow&) { on_timeout_now(message); },
                 [&](const StepDown&) { on_step_down(message); },
                 [&](const Gone& body) { on_gone(body); },
             },
             message.body);
}

}  // namespace strandlog::raft
