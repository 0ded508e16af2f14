// The executable invariants of one replica (Raft thesis figure 3.2 and our own rules).
#include "raft/group_impl.h"

namespace strandlog::raft {
namespace {

class Findings {
 public:
  void expect(bool holds, std::string what) {
    if (!holds) broken_.push_back(std::move(what));
  }
  std::vector<std::string> take() { return std::move(broken_); }

 private:
  std::vector<std::string> broken_;
};

std::string text(Index index) { return std::to_string(index.value); }
std::string text(Term term) { return std::to_string(term.value); }

}  // namespace

std::vector<std::string> Group::Impl::broken_invariants() const {
  Findings found;
  found.expect(log_.is_sound(), "the log's runs or ends are out of order");
  found.expect(log_.start() <= commit_ && commit_ <= log_.last(),
               "commit " + text(commit_) + " lies outside [" + text(log_.start()) + ", " +
                   text(log_.last()) + "]");
  found.expect(commit_ >= taken_commit_, "commit moved back to " + text(commit_));
  found.expect(memberships_.is_sound(log_.last()), "a configuration lies beyond the log");
  found.expect(log_.last_term() <= term(), "an entry of term " + text(log_.last_term()) +
                                               " is newer than term " + text(term()));
  found.expect(durable_hard_.term <= term(), "the durable term is newer than the term");
  found.expect(following_.verified <= log_.last(), "entries were verified that are not there");
  if (const auto* follower = std::get_if<Follower>(&role_)) {
    found.expect(follower->leader != self(), "a follower follows itself");
    found.expect(!follower->quiet || follower->leader.value != 0, "a quiet follower has no leader");
  }
  if (std::holds_alternative<Candidate>(role_)) {
    found.expect(hard_.vote == self(), "a candidate voted for another");
    found.expect(membership().is_voter(self()), "a candidate is no voter");
  }
  if (const Leader* leader = leading()) {
    found.expect(hard_.vote == self() && hard_is_durable(), "a leader's own vote is not durable");
    found.expect(active_, "an inactive replica leads");
    found.expect(log_.last_term() == term(), "a leader's log ends in another term");
    found.expect(!leader->followers.contains(self()), "a leader follows itself");
    for (const Member& member : membership().all()) {
      found.expect(member.uid == self() || leader->followers.contains(member.uid),
                   "a leader does not know a member");
    }
    for (const auto& [uid, progress] : leader->followers) {
      found.expect(progress.is_sound(log_.last()),
                   "progress of replica " + std::to_string(uid.value) + ": match " +
                       text(progress.match()) + ", next " + text(progress.next()) +
                       ", unanswered bytes " + std::to_string(progress.unanswered_bytes()));
    }
    if (committed_in_term()) {
      found.expect(log_.term_at(commit_) == term(), "a leader committed an older term by counting");
    }
  }
  return found.take();
}

}  // namespace strandlog::raft
