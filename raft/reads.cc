// ReadIndex (Raft thesis 6.4): a read is as new as the commit a quorum still let us lead at.
#include "base/mark.h"
#include "base/mutant.h"
#include "raft/group_impl.h"

namespace strandlog::raft {

void Group::Impl::read_index(uint64_t token) {
  Leader* leader = leading();
  if (leader == nullptr) {
    out_.reads.push_back({.token = token, .index = std::nullopt});
    return;
  }
  stir(*leader);
  leader->waiting_reads.push_back(token);
}

void Group::Impl::start_read_round(Leader& leader) {
  // Before a commit in its own term a leader does not know what is committed.
  const bool knows = committed_in_term() || is_mutant(Mutant::kReadBeforeCommitInTerm);
  if (!leader.waiting_reads.empty() && !knows) {
    mark<"raft 20: a read waits for a commit in the leader's term">();
  }
  if (leader.waiting_reads.empty() || !knows) return;
  ++leader.read_round;
  leader.reads.push_back(
      {.round = leader.read_round, .index = commit_, .tokens = std::move(leader.waiting_reads)});
  leader.waiting_reads.clear();
  tell_all(leader);
  confirm_reads(leader);  // a single voter needs nobody
}

void Group::Impl::confirm_reads(Leader& leader) {
  size_t confirmed = 0;
  for (const ReadBatch& batch : leader.reads) {
    if (confirmed > 0) mark<"raft 20: a round confirms the ones before">();
    const bool held = has_quorum(membership(), [&](Uid uid) {
      return uid == self() || leader.followers.at(uid).read_round >= batch.round;
    });
    if (!held && !is_mutant(Mutant::kReadWithoutQuorum)) break;
    for (uint64_t token : batch.tokens)
      out_.reads.push_back({.token = token, .index = batch.index});
    ++confirmed;
  }
  leader.reads.erase(leader.reads.begin(),
                     leader.reads.begin() + static_cast<ptrdiff_t>(confirmed));
}

void Group::Impl::drop_reads(Leader& leader) {
  if (!leader.reads.empty()) mark<"raft 20: reads end with the leadership">();
  for (const ReadBatch& batch : leader.reads) {
    for (uint64_t token : batch.tokens) {
      out_.reads.push_back({.token = token, .index = std::nullopt});
    }
  }
  for (uint64_t token : leader.waiting_reads) {
    out_.reads.push_back({.token = token, .index = std::nullopt});
  }
}

}  // namespace strandlog::raft
