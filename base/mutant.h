// Mutants: bugs put in on purpose, in a build of their own, to see that the tests find them.
#pragma once

namespace strandlog {

/// The numbers are those of tests/sim/mutants.cc, which says what each does and what must find it.
enum class Mutant {
  kNone = 0,
  kAckBeforeFlush = 1,
  kNamesNotFlushed = 2,
  kVoteBeforeDurable = 3,
  kCommitOlderTerm = 5,
  kReadBeforeCommitInTerm = 6,
  kVoteByIndexAlone = 7,
  kHalfIsMajority = 8,
  kTruncateMatching = 9,
  kCommitBeyondProof = 10,
  kNoPreVoteNoCheckQuorum = 14,
  kReadWithoutQuorum = 15,
  kHighWatermarkOnAppend = 24,
  kStuckDiskKeepsLeading = 25,
  kAbsentMeansDeleted = 26,
};

#ifdef STRANDLOG_MUTANTS
inline Mutant active_mutant = Mutant::kNone;  ///< set before anything runs, by one thread
inline bool is_mutant(Mutant mutant) { return active_mutant == mutant; }
#else
constexpr bool is_mutant(Mutant) { return false; }
#endif

}  // namespace strandlog
