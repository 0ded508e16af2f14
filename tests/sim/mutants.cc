// Mutants of the shipping code, switched on one at a time; see base/mutant.h.
#include "tests/sim/mutants.h"

namespace strandlog::sim {
namespace {

// A follower that is to give up what it has committed ends its process: I15 before any disk shows
// it, and what is left of the seed is not judged.
constexpr const char* kGivesUpCommitted = "CHECK raft/follower.cc";

}  // namespace

const std::vector<MutantRow>& all_mutants() {
  static const std::vector<MutantRow> all = {
      {Mutant::kAckBeforeFlush, "1", "acknowledged before it is flushed", {"I18", "I1:"}},
      {Mutant::kNamesNotFlushed, "2", "the names of new segments are not flushed", {"I1:"}},
      {Mutant::kVoteBeforeDurable, "3", "votes leave before they are durable", {"I14"}},
      {Mutant::kVoteInSecondWrite, "4", "a vote is not written with its term", {"I14"}},
      {Mutant::kCommitOlderTerm,
       "5",
       "entries of older terms commit by counting",
       {"I15", kGivesUpCommitted}},
      {Mutant::kReadBeforeCommitInTerm, "6", "reads before a commit in the own term", {"I7"}},
      {Mutant::kVoteByIndexAlone, "7", "votes compare the index alone", {"I15", "I1:"}},
      {Mutant::kHalfIsMajority, "8", "half of the voters are a majority", {"I14", "I15"}},
      // Who truncates is sent the same again, and the logs match in the end; unless others lead
      // meanwhile, and then what was acknowledged is not there.
      {Mutant::kTruncateMatching,
       "9",
       "a late append truncates what matches",
       {"I15", "I1:", kGivesUpCommitted}},
      {Mutant::kCommitBeyondProof,
       "10",
       "a follower commits beyond what an append proves",
       {"I15", "I6", kGivesUpCommitted}},
      {Mutant::kBootUnchecked,
       "13b",
       "older copies and clones of a store are heard",
       {},
       "Identity.AnOlderCopyOfAStoreIsRefused"},
      {Mutant::kNoPreVoteNoCheckQuorum, "14", "no pre-vote, no lease, no check-quorum", {"I24"}},
      {Mutant::kReadWithoutQuorum, "15", "a read index is not confirmed by a quorum", {"I7"}},
      {Mutant::kCutAtDamage,
       "17",
       "a start cuts the log at the first damage",
       {},
       "Damage.RotInAJournalPutsItsReplicaOutOfServiceAndCutsNothing"},
      {Mutant::kReadsUnverified,
       "18",
       "what is read is not verified",
       {},
       "Damage.RotInALeadersSegmentIsNeverServed"},
      {Mutant::kFlushErrorIgnored,
       "19",
       "a failed write or flush does not end the process",
       {"I1:"}},
      // That only what is there in the end is read, is I4 of our checkers.
      {Mutant::kHighWatermarkOnAppend,
       "24",
       "the high watermark moves at the append",
       {"I4", "I6", "I10"}},
      {Mutant::kStuckDiskKeepsLeading, "25", "a stuck disk keeps its leaderships", {"I24"}},
      {Mutant::kAbsentMeansDeleted, "25c", "what the catalog does not name is deleted", {"I1:"}},
  };
  return all;
}

}  // namespace strandlog::sim
