// Mutants of the shipping code, switched on one at a time; see base/mutant.h.
#include "tests/sim/mutants.h"

namespace strandlog::sim {

const std::vector<MutantRow>& all_mutants() {
  static const std::vector<MutantRow> all = {
      {Mutant::kAckBeforeFlush, "1", "acknowledged before it is flushed", {"I18", "I1:"}},
      {Mutant::kNamesNotFlushed,
       "2",
       "the names of new segments are not flushed",
       {"I18", "I1:", "I24", "broker"}},
      {Mutant::kVoteBeforeDurable, "3", "votes leave before they are durable", {"I14"}},
      {Mutant::kCommitOlderTerm,
       "5",
       "entries of older terms commit by counting",
       {"I15", "I1:", "I4", "CHECK"}},
      {Mutant::kReadBeforeCommitInTerm, "6", "reads before a commit in the own term", {"I7"}},
      {Mutant::kVoteByIndexAlone,
       "7",
       "votes compare the index alone",
       {"I15", "I1:", "I4", "CHECK"}},
      {Mutant::kHalfIsMajority,
       "8",
       "half of the voters are a majority",
       {"I14", "I15", "I18", "I1:"}},
      {Mutant::kTruncateMatching,
       "9",
       "a late append truncates what matches",
       {"I15", "I18", "I1:", "CHECK"}},
      {Mutant::kCommitBeyondProof,
       "10",
       "a follower commits beyond what an append proves",
       {"I15", "I4", "I6", "CHECK"}},
      {Mutant::kNoPreVoteNoCheckQuorum, "14", "no pre-vote, no lease, no check-quorum", {"I24"}},
      {Mutant::kReadWithoutQuorum, "15", "a read index is not confirmed by a quorum", {"I7"}},
      {Mutant::kHighWatermarkOnAppend,
       "24",
       "the high watermark moves at the append",
       {"I4", "I6", "I7", "I8"}},
      {Mutant::kStuckDiskKeepsLeading, "25", "a stuck disk keeps its leaderships", {"I24"}},
      {Mutant::kAbsentMeansDeleted,
       "25c",
       "what the catalog does not name is deleted",
       {"I1:", "I18", "I24"}},
  };
  return all;
}

}  // namespace strandlog::sim
