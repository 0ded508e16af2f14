// Reading over the brokers' shoulders.
#include "tests/sim/watch.h"

#include <algorithm>

#include "wire/codec.h"

namespace strandlog::sim {
namespace {

constexpr size_t kMostViolations = 20;

std::string text(Uid uid) { return std::to_string(uid.value); }

}  // namespace

void Watch::saw(const Sighting& sighting) {
  if (sighting.to_server) {
    longest_message_ = std::max<uint64_t>(longest_message_, sighting.message.byte_count());
  }
  if (sighting.kind == ListenerKind::kPeer) return saw_peer(sighting);
  if (sighting.to_server) {
    saw_request(sighting);
  } else {
    saw_answer(sighting);
  }
}

void Watch::saw_peer(const Sighting& sighting) {
  auto message = wire::decode_peer_message(sighting.message.control);
  if (!message.ok()) return;
  registry_.speaks(sighting, *message);
  using Kind = wire::RaftMessage::Kind;
  for (const wire::RaftMessage& raft : message->raft) {
    if (raft.frames > 0) busy_leader_ = sighting.from;
    if (raft.kind == Kind::kAppend && leads(raft.group, raft.term, raft.from)) {
      for (const auto& then : std::exchange(leaders_awaited_, {})) {
        then({sighting.from, raft.group, raft.term});
      }
    }
    if (raft.kind == Kind::kVoteAnswer && raft.granted && !raft.pre) {
      vote_leaves({sighting.from, raft.from, raft.to, raft.term});
    }
    // A candidate votes for itself.
    if (raft.kind == Kind::kVoteRequest && !raft.pre) {
      vote_leaves({sighting.from, raft.from, raft.from, raft.term});
    }
  }
  for (const wire::LeaderNotice& notice : message->leaders) {
    if (notice.leader != Uid{}) leads(notice.group, notice.term, notice.leader);
  }
}

bool Watch::leads(const GroupId& group, Term term, Uid leader) {
  auto [entry, is_new] = leaders_.try_emplace({group, term}, leader);
  Uid known = entry->second;
  if (known == leader || violations_.size() >= kMostViolations) return is_new;
  violations_.push_back("I14: replicas " + text(known) + " and " + text(leader) +
                        " both led a group in term " + std::to_string(term.value));
  return false;
}

std::map<GroupId, uint64_t> Watch::terms_led() const {
  std::map<GroupId, uint64_t> out;
  for (const auto& [led, leader] : leaders_) ++out[led.first];
  return out;
}

std::optional<Watch::Leadership> Watch::newest_leadership(const GroupId& group) const {
  auto behind = leaders_.upper_bound({group, Term{UINT64_MAX}});
  if (behind == leaders_.begin()) return std::nullopt;
  const auto& [key, leader] = *std::prev(behind);
  if (key.first != group) return std::nullopt;
  return Leadership{key.second, leader};
}

void Watch::vote_leaves(const VoteSeen& seen) {
  bool is_own = seen.voter == seen.candidate;
  if (auto look = std::exchange(is_own ? own_vote_look_ : granted_vote_look_, {})) look(seen);
  if (!is_own) {
    for (const auto& then : std::exchange(votes_awaited_, {})) then(seen);
  }
  Uid known = votes_.try_emplace({seen.voter, seen.term}, seen.candidate).first->second;
  if (known == seen.candidate || violations_.size() >= kMostViolations) return;
  violations_.push_back("I14: replica " + text(seen.voter) + " voted for " + text(known) +
                        " and for " + text(seen.candidate) + " in term " +
                        std::to_string(seen.term.value));
}

void Watch::sample_promise(std::function<void(const Promise&)> look) {
  look_ = std::move(look);
  asked_.clear();
}

void Watch::saw_request(const Sighting& sighting) {
  bool produces = !sighting.message.blobs.empty();
  if (produces && !look_) return;  // who asks for ends sends no records
  auto request = wire::decode_request(sighting.message.control);
  if (!request.ok()) return;
  bool is_routine = std::holds_alternative<wire::MetadataRequest>(request->body) ||
                    std::holds_alternative<wire::FetchRequest>(request->body) ||
                    std::holds_alternative<wire::ProduceRequest>(request->body);
  if (!is_routine) ++questions_;
  told_.saw_request(sighting, *request);
  if (!look_) return;
  const auto* produce = std::get_if<wire::ProduceRequest>(&request->body);
  if (produce && produce->acks > 0) {
    asked_[{sighting.connection, request->id}] = produce->acks;
  }
}

void Watch::saw_answer(const Sighting& sighting) {
  auto answer = wire::decode_answer(sighting.message.control);
  if (!answer.ok() || answer->error) return;
  told_.saw_answer(sighting, *answer);
  if (look_) look_for_promise(sighting, *answer);
}

void Watch::look_for_promise(const Sighting& sighting, const wire::Answer& answer) {
  auto asked = asked_.find({sighting.connection, answer.id});
  const auto* produce = std::get_if<wire::ProduceAnswer>(&answer.body);
  if (asked == asked_.end() || !produce) return;
  for (const auto& item : produce->items) {
    if (item.error) continue;
    Promise promise{item.where, item.base_offset, asked->second};
    auto look = std::exchange(look_, nullptr);
    asked_.clear();
    return look(promise);
  }
}

}  // namespace strandlog::sim
