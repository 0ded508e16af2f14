// Retention: what of a log is old enough, or too much, to be kept.
//
// Whole segments go, the oldest first, as with Kafka; a log whose records are all too old goes as a
// whole. Only the leader decides, and only by an entry of the log (EntryKind::kTrim), so that all
// replicas begin at the same record.
#pragma once

#include <optional>
#include <vector>

#include "broker/context.h"
#include "store/store.h"

namespace strandlog::broker {

struct RetentionRule {
  int64_t ms = -1;     ///< after their append records may go; -1: never for their age
  int64_t bytes = -1;  ///< the kept log is as long as this before anything goes; -1: no bound
};

/// Where a log may begin: behind pieces whose newest record is older than the rule says, and behind
/// pieces that the rest is long enough without. Nothing that is not committed goes, nor what holds
/// no record alone, nor anything when the configuration at the new start is not known any more.
/// None: it stays as it is. Pure.
std::optional<store::LogStart> decide_trim(const RetentionRule& rule,
                                           const store::ReplicaState& state,
                                           const std::vector<store::LogPiece>& pieces,
                                           Index committed, int64_t now_ms);

/// The leader's part: looks at every partition this broker leads from time to time. A shard's
/// thread.
class Retention {
 public:
  explicit Retention(Context& context) : context_(context) {}
  void tick();

 private:
  RetentionRule rule_of(const store::ReplicaSpec& spec) const;
  void look_at(Replica& replica);

  Context& context_;
  Time next_look_;
};

}  // namespace strandlog::broker
