// The log's terms as runs; every look-up is a binary search over terms.
#include "raft/log_view.h"

#include <algorithm>

#include "base/check.h"
#include "base/mark.h"

namespace strandlog::raft {

LogView::LogView(Index start, Term start_term, std::vector<TermRun> runs, Index last)
    : start_(start), start_term_(start_term), runs_(std::move(runs)), last_(last), durable_(last) {
  CHECK(start <= last && (start == last) == runs_.empty());
  CHECK(is_sound());
}

bool LogView::is_sound() const {
  if (start_ > last_ || durable_ > last_ || (start_ == last_) != runs_.empty()) return false;
  Index expected = start_;
  Term term = start_term_;
  for (const TermRun& run : runs_) {
    if (run.first <= expected || run.first > last_ || run.term < term) return false;
    if (expected == start_ && run.first != start_.plus(1)) return false;
    expected = run.first;
    term = run.term;
  }
  return true;
}

size_t LogView::run_of(Index index) const {
  auto after =
      std::upper_bound(runs_.begin(), runs_.end(), index,
                       [](Index wanted, const TermRun& run) { return wanted < run.first; });
  CHECK(after != runs_.begin());
  return static_cast<size_t>(after - runs_.begin()) - 1;
}

std::optional<Term> LogView::term_at(Index index) const {
  if (index < start_ || index > last_) return std::nullopt;
  if (index == start_) return start_term_;
  return runs_[run_of(index)].term;
}

Index LogView::last_with_term_at_most(Index upto, Term term) const {
  upto = std::min(upto, last_);
  if (upto <= start_) return start_;
  for (size_t i = run_of(upto) + 1; i-- > 0;) {
    if (runs_[i].term <= term) return upto;
    upto = runs_[i].first.previous();
  }
  return start_;
}

std::optional<Index> LogView::first_conflict(Index prev, Index last,
                                             const std::vector<TermRun>& runs) const {
  const Index end = std::min(last, last_);
  for (size_t i = 0; i < runs.size(); ++i) {
    Index at = std::max(runs[i].first, prev.plus(1));
    const Index run_end = i + 1 < runs.size() ? runs[i + 1].first.previous() : last;
    while (at <= std::min(run_end, end)) {
      const size_t own = run_of(at);
      if (runs_[own].term != runs[i].term) return at;
      at = own + 1 < runs_.size() ? runs_[own + 1].first : last_.plus(1);
    }
  }
  return std::nullopt;
}

void LogView::append(Index last, Term term) {
  CHECK(last > last_ && term >= last_term());
  if (runs_.empty() || runs_.back().term != term) runs_.push_back({last_.plus(1), term});
  last_ = last;
}

void LogView::raise_fence(Index first, Term in) {
  if (fence_) first = std::min(first, fence_->first);
  fence_ = Fence{first, in};
}

void LogView::truncate(Index from, Term in) {
  CHECK(from > start_ && from <= last_);
  while (!runs_.empty() && runs_.back().first >= from) runs_.pop_back();
  last_ = from.previous();
  durable_ = std::min(durable_, last_);
  raise_fence(from, in);
}

void LogView::reset(Index index, Term index_term, Term in) {
  CHECK(index > start_);
  raise_fence(std::min(index, start_.plus(1)), in);
  runs_.clear();
  durable_ = std::min(durable_, start_);
  start_ = index;
  start_term_ = index_term;
  last_ = index;
}

void LogView::trim(Index start) {
  CHECK(start >= start_ && start <= last_);
  if (start == start_) return;
  const Term term = *term_at(start);
  runs_.erase(runs_.begin(), runs_.begin() + static_cast<ptrdiff_t>(run_of(start)));
  runs_.front().first = start.plus(1);
  // The run ends at `start` when nothing of its term is left.
  if (start == last_ || (runs_.size() > 1 && runs_[1].first <= start.plus(1))) {
    runs_.erase(runs_.begin());
  }
  start_ = start;
  start_term_ = term;
}

void LogView::persisted(Index last, Term last_term, Term in) {
  if (term_at(last) != last_term) {
    mark<"raft 6: what was written is overwritten already">();
    return;
  }
  if (fence_ && in >= fence_->term) fence_.reset();
  if (fence_) mark<"raft 6: a write from before a truncation">();
  if (fence_) last = std::min(last, fence_->first.previous());
  if (last >= start_) durable_ = std::max(durable_, last);
}

}  // namespace strandlog::raft
