// Mutants: bugs put in on purpose, in a build of their own, to see that the tests find them.
#pragma once

namespace strandlog {

/// tests/sim/mutants.cc says what each does and what must find it.
enum class Mutant {
  kNone,
  kAckBeforeFlush,
  kNamesNotFlushed,
  kVoteBeforeDurable,
  kVoteInSecondWrite,
  kCommitOlderTerm,
  kReadBeforeCommitInTerm,
  kVoteByIndexAlone,
  kHalfIsMajority,
  kTruncateMatching,
  kCommitBeyondProof,
  kNoPreVoteNoCheckQuorum,
  kReadWithoutQuorum,
  kCutAtDamage,
  kReadsUnverified,
  kFlushErrorIgnored,
  kHighWatermarkOnAppend,
  kStuckDiskKeepsLeading,
  kAbsentMeansDeleted,
  kBootUnchecked,
};

#ifdef STRANDLOG_MUTANTS
inline Mutant active_mutant = Mutant::kNone;  ///< set before anything runs, by one thread
inline bool is_mutant(Mutant mutant) { return active_mutant == mutant; }
#else
constexpr bool is_mutant(Mutant) { return false; }
#endif

}  // namespace strandlog
