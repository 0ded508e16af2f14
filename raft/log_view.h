// LogView: what the core knows of its log: terms by runs, both ends, and how much is durable.
#pragma once

#include <optional>
#include <vector>

#include "raft/message.h"

namespace strandlog::raft {

/// Entries (start, last]. Costs memory per term, not per entry. Used by one thread.
class LogView {
 public:
  LogView() = default;
  /// All of it durable. `runs` are the terms of (start, last].
  LogView(Index start, Term start_term, std::vector<TermRun> runs, Index last);

  Index start() const { return start_; }
  Index last() const { return last_; }
  Term last_term() const { return runs_.empty() ? start_term_ : runs_.back().term; }
  /// Never above last(). Below start() only between reset() and the report that it is durable.
  Index durable() const { return durable_; }
  /// The term of an entry in [start, last]; none outside.
  std::optional<Term> term_at(Index index) const;
  /// The highest index in [start, upto] whose term is at most `term`; start if there is none.
  Index last_with_term_at_most(Index upto, Term term) const;
  /// The first entry of (prev, last] that is here with another term than `runs` say; none if all
  /// that is here agrees. `prev` >= start.
  std::optional<Index> first_conflict(Index prev, Index last,
                                      const std::vector<TermRun>& runs) const;

  /// Appends [last() + 1, last] of one term, not below last_term().
  void append(Index last, Term term);
  /// Drops `from` and all later entries; `in` is the replica's term while it does so.
  void truncate(Index from, Term in);
  /// Drops everything; the log is empty at `index`, which is not durable yet.
  void reset(Index index, Term index_term, Term in);
  /// Forgets the entries up to `start`, inside [start(), last()].
  void trim(Index start);
  /// A write that ended at (last, last_term) is durable; the replica's term was `in` then.
  void persisted(Index last, Term last_term, Term in);

  /// Run order and ends; for broken_invariants().
  bool is_sound() const;

 private:
  /// Writes begun in a term below `term` say nothing about entries from `first` on: those were
  /// overwritten since, perhaps by ones with the same index and term, in these steps:
  /// 1. (5, term 2) is being written; 2. term 3 overwrites 5; 3. term 4 brings (5, term 2) back;
  /// 4. the write of step 1 is reported.
  struct Fence {
    Index first;
    Term term;
  };

  void raise_fence(Index first, Term in);
  /// The run that holds `index` of (start, last].
  size_t run_of(Index index) const;

  Index start_;
  Term start_term_;
  std::vector<TermRun> runs_;  ///< ascending; the first begins at start + 1
  Index last_;
  Index durable_;
  std::optional<Fence> fence_;
};

}  // namespace strandlog::raft
