// Elections: timer, pre-vote (Raft thesis 9.6), votes (3.4, 3.6.1), the lease (4.2.3, 6.4.1).
#include <algorithm>

#include "base/check.h"
#include "base/mark.h"
#include "base/mutant.h"
#include "raft/group_impl.h"

namespace strandlog::raft {

uint64_t Group::Impl::random() {  // splitmix64
  random_state_ += 0x9e3779b97f4a7c15u;
  uint64_t mixed = random_state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return mixed ^ (mixed >> 31);
}

// A vote is written on both sides before it counts. Where that takes longer than a timeout no
// election would ever end, so terms in vain make the timeouts longer; the first few do not, they
// may be split votes.
void Group::Impl::restart_timer() {
  constexpr uint32_t kSplitVotes = 2, kLongest = 6;
  if (vain_terms_ > kSplitVotes) mark<"raft 30: elections in vain take longer">();
  const uint32_t factor = std::clamp(vain_terms_, kSplitVotes, kLongest) - kSplitVotes + 1;
  const uint32_t base = factor * config_.election_ticks;
  timer_ticks_ = 0;
  timeout_ticks_ = base + static_cast<uint32_t>(random() % (base + 1));
}

void Group::Impl::hurry_timer() {
  const uint32_t longest = std::max(1u, config_.election_ticks / 4);
  const uint32_t delay = 1 + static_cast<uint32_t>(random() % longest);
  timeout_ticks_ = std::min(timeout_ticks_, timer_ticks_ + delay);
}

void Group::Impl::tick_election() {
  ++timer_ticks_;
  // Nobody else could be heard from; but a campaign whose vote is being written goes on.
  const bool at_once = is_sole_voter() && std::holds_alternative<Follower>(role_);
  if (timer_ticks_ >= timeout_ticks_ || at_once) campaign(false);
}

void Group::Impl::campaign(bool transfer) {
  restart_timer();
  if (!active_ || removed_ || !membership().is_voter(self())) return;
  if (transfer) return start_election(true);
  if (is_mutant(Mutant::kNoPreVoteNoCheckQuorum)) return start_election(false);
  if (hard_is_durable()) start_pre_vote();  // for nothing, else: see start_election()
}

void Group::Impl::start_pre_vote() {
  role_ = PreCandidate{.ballot = {{self(), 1}}};
  request_votes(
      {.pre = true, .transfer = false, .last = log_.last(), .last_term = log_.last_term()});
  decide();
}

// Without its own vote it cannot lead; with a term that only rises it would end all others'
// campaigns. So no campaign goes beyond a term and vote that are not written yet.
void Group::Impl::start_election(bool transfer) {
  if (!hard_is_durable()) return;
  set_hard({term().plus(1), self()});
  role_ = Candidate{.ballot = {}, .transfer = transfer};
  request_votes(
      {.pre = false, .transfer = transfer, .last = log_.last(), .last_term = log_.last_term()});
}

void Group::Impl::request_votes(const VoteRequest& request) {
  for (const Member& member : membership().all()) {
    if (member.uid == self() || !membership().is_voter(member.uid)) continue;
    Message message = message_to(member.uid, request);
    if (request.pre) {
      message.term = term().plus(1);
      out_.at_once.push_back(std::move(message));
    } else {
      out_.after_write.push_back(std::move(message));
    }
  }
}

void Group::Impl::decide() {
  const bool pre = std::holds_alternative<PreCandidate>(role_);
  const auto* candidate = std::get_if<Candidate>(&role_);
  if (!pre && candidate == nullptr) return;
  const Ballot& ballot = pre ? std::get<PreCandidate>(role_).ballot : candidate->ballot;
  const Vote result = vote_result(membership(), [&](Uid uid) {
    auto it = ballot.find(uid);
    return it == ballot.end() ? 0 : it->second;
  });
  switch (result) {
    case Vote::kPending:
      return;
    case Vote::kLost:
      return become_follower(term(), Uid{});
    case Vote::kWon:
      return pre ? start_election(false) : become_leader();
  }
}

bool Group::Impl::in_lease() const {
  if (is_mutant(Mutant::kNoPreVoteNoCheckQuorum)) return false;
  if (leading() != nullptr) return true;  // check-quorum ends a leadership that nobody follows
  const auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || follower->leader.value == 0) return false;
  return follower->quiet || follower->silent_ticks < config_.election_ticks;
}

bool Group::Impl::is_up_to_date(const VoteRequest& request) const {
  if (is_mutant(Mutant::kVoteByIndexAlone)) return request.last >= log_.last();
  if (request.last_term != log_.last_term()) return request.last_term > log_.last_term();
  return request.last >= log_.last();
}

void Group::Impl::refuse_in_lease(const Message& message, const VoteRequest& request) {
  // A member that asks does not hear its leader: end the silence it may have slept through.
  if (Leader* leader = leading()) {
    auto follower = leader->followers.find(message.from);
    if (follower != leader->followers.end()) {
      mark<"raft 16: a stuck candidate is told of its leader">();
      stir(*leader);
      follower->second.tell = true;
    }
  }
  tell_gone(message);
  if (request.pre) send_now(message.from, VoteAnswer{.pre = true, .granted = false});
}

void Group::Impl::on_vote_request(const Message& message, const VoteRequest& request) {
  const bool newer = message.term > term();
  // A leader also helps a member whose term lags behind.
  if ((newer || leading() != nullptr) && !request.transfer && in_lease()) {
    mark<"raft 16: a vote is refused in the lease of a leader">();
    return refuse_in_lease(message, request);
  }
  if (newer && !is_up_to_date(request)) mark<"raft 18: a higher term with an older log">();
  if (request.pre) {
    const bool granted = newer && is_up_to_date(request);
    if (granted) mark<"raft 17: a pre-vote is granted">();
    Message answer = message_to(message.from, VoteAnswer{.pre = true, .granted = granted});
    if (granted) answer.term = message.term;
    out_.at_once.push_back(std::move(answer));
    return;
  }
  if (newer) become_follower(message.term, Uid{});
  if (!membership().is_voter(self())) mark<"raft 8: who is no voter is asked for a vote">();
  const bool current = message.term == term();
  const bool free = hard_.vote == message.from || (hard_.vote.value == 0 && leader().value == 0);
  const bool granted = current && free && is_up_to_date(request);
  if (!free && current) mark<"raft 7: a second vote in a term is refused">();
  if (newer && !granted) mark<"raft 7: a higher term without a vote does not reset the timer">();
  if (granted) {
    if (hard_.vote.value == 0) set_hard({term(), message.from});
    restart_timer();
  }
  send_durably(message.from, VoteAnswer{.pre = false, .granted = granted});
}

void Group::Impl::on_vote_answer(const Message& message, const VoteAnswer& answer) {
  Ballot* ballot = nullptr;
  if (answer.pre) {
    auto* candidate = std::get_if<PreCandidate>(&role_);
    // A grant names the term it was asked for; one of an earlier campaign does not count.
    const Term expected = answer.granted ? term().plus(1) : term();
    if (candidate != nullptr && message.term != expected) mark<"raft 17: a pre-vote of the past">();
    if (candidate != nullptr && message.term == expected) ballot = &candidate->ballot;
  } else if (auto* candidate = std::get_if<Candidate>(&role_)) {
    ballot = &candidate->ballot;
  }
  if (ballot == nullptr) {
    mark<"raft 19: a vote that comes too late">();
    return;
  }
  ballot->try_emplace(message.from, answer.granted ? 1 : -1);
  decide();
}

void Group::Impl::become_follower(Term new_term, Uid leader) {
  if (leading() != nullptr) {
    lose_leadership();
    restart_timer();
  }
  if (new_term > term()) set_hard({new_term, Uid{}});
  role_ = Follower{.leader = leader};
}

}  // namespace strandlog::raft
