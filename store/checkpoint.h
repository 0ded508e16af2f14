// Checkpoint: freezes the state shown by a round, sees its entries into segments, and makes the
// base image of it, so that the journal before that round may be used again.
#pragma once

#include <map>
#include <set>
#include <string>

#include "store/journal.h"
#include "store/segment_filer.h"

namespace strandlog::store {

/// kIdle → begin() → kFiling → kReady → end() → kIdle.
class Checkpoint {
 public:
  enum class Phase { kIdle, kFiling, kReady };
  Phase phase() const { return phase_; }
  RoundNumber shows() const { return shows_; }

  /// Freezes the table, which holds what rounds up to `shows` did and nothing later.
  void begin(RoundNumber shows, const ReplicaTable& table, SegmentFiler& filer);
  /// Files and flushes what is missing, as far as pieces are free. Once round `shows` is durable.
  Result<void> advance(ReplicaTable& table, SegmentFiler& filer);
  /// Whether entries of the replica wait to be filed for the image: until then nobody else may
  /// file any, for the ranges in the image end where its log ends.
  bool files(Uid uid) const { return phase_ == Phase::kFiling && to_file_.contains(uid); }
  /// The log was cut to its present end: later rounds tell why, so the image may show it already.
  void on_cut(const ReplicaLog& log, const SegmentFiler& filer);
  /// The replica died.
  void on_dead(Uid uid);
  /// Something of this replica was written or flushed.
  void on_filed(Uid uid, const SegmentFiler& filer);

  struct Image {
    std::vector<Item> items;  ///< positions from the image's first byte
    Bytes payload;            ///< whole pages
    uint64_t bytes = 0;       ///< without the last padding
  };
  Image image() const;
  /// Its image has a place.
  void end();

 private:
  void capture(Uid uid, ImageReplica& part, const ReplicaLog& log, SegmentFiler& filer);
  void finish_if_done();

  Phase phase_ = Phase::kIdle;
  RoundNumber shows_;
  std::map<Uid, ImageReplica> parts_;
  std::map<std::string, Bytes> notes_;
  std::set<Uid> to_file_;   ///< entries are not all handed over
  std::set<Uid> to_flush_;  ///< handed over, not durable yet
};

}  // namespace strandlog::store
