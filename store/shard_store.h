// ShardStore: the class behind Store::open(); it puts table, journal and rounds together.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>

#include "store/checkpoint.h"
#include "store/counting_disk.h"
#include "store/journal.h"
#include "store/recovery.h"
#include "store/replica_table.h"
#include "store/round_draft.h"
#include "store/segment_filer.h"
#include "store/segment_reads.h"
#include "store/store.h"

namespace strandlog::store {

class ShardStore final : public Store {
 public:
  ShardStore(const StoreOptions& options, Disk& disk, Random& random, StoreId store);
  /// Restores, and makes the boot round durable. Blocks.
  Result<void> start();

  BootEpoch boot_epoch() const override { return boot_epoch_; }
  BootId boot_id() const override { return boot_id_; }
  const std::map<Uid, ReplicaState>& replicas() const override { return table_.states; }
  Bytes note(const std::string& name) const override;

  void make(const ReplicaSpec& spec, Bytes configuration) override;
  void set_life(Uid uid, Life life) override;
  void set_hard_state(Uid uid, Term term, Uid vote) override;
  void truncate(Uid uid, Index from) override;
  void trim(Uid uid, const LogStart& start) override;
  void install(Uid uid, const LogStart& start, KeptConfiguration configuration) override;
  bool may_trim() const override { return checkpoint_.phase() == Checkpoint::Phase::kIdle; }
  std::vector<LogPiece> pieces(Uid uid) const override;
  void put_note(const std::string& name, Bytes value) override;
  EntryHeader append(Uid uid, const NewEntry& entry) override;
  Result<void> append_stored(Uid uid, ByteView run) override;
  Result<void> room_for(uint64_t bytes) const override;

  bool dirty() const override { return !draft_.empty(); }
  bool full() const override;
  bool writing() const override { return in_flight_.has_value(); }
  RoundNumber gathering() const override { return journal_.next_number().plus(unplaced_ ? 1 : 0); }
  RoundNumber durable() const override { return durable_; }
  void submit() override;
  void poll(std::vector<StoreEvent>& events) override;

  Result<bool> read(const ReadRequest& request, uint64_t ticket, ReadResult& result) override;
  std::optional<Term> term_at(Uid uid, Index index) const override;
  std::optional<Offset> next_offset_at(Uid uid, Index index) const override;
  DiskLanes disk_lanes() const override;
  Figures figures() const override;

 private:
  static constexpr uint64_t kKeptFiles = 2;    ///< journal files that appends may not use up
  static constexpr uint64_t kRetryPolls = 64;  ///< between attempts at what had no place
  struct InFlight {
    RoundNumber number;
    uint64_t ticket = 0;  ///< of its write; 0 before
    uint64_t bytes = 0;
    std::vector<RoundDurable::Touched> touched;  ///< by uid
    bool seal = false;
    std::optional<RoundNumber> image_shows;  ///< it carries a base image of that round's state
  };
  /// A replica that died in a round; its files go when that is durable.
  struct Dead {
    Uid uid;
    RoundNumber round;
  };

  /// Segment files that no log needs any more, but perhaps a base image.
  struct Dropped {
    Uid uid;
    std::vector<SegmentName> names;
    RoundNumber round;  ///< tells of it
  };

  ReplicaLog& in_service(Uid uid);
  ReplicaLog& touch(Uid uid);
  std::vector<RoundDurable::Touched> take_touched();
  void clip_in_flight(Uid uid, const LogPoint& end);
  RoundContent take_content();
  void send(RoundContent content, bool seal);
  Result<RoundWrite> place_with_image();
  void give_place(Result<RoundWrite> write);
  void finish_round(const DiskDone& done);
  void seal_when_idle();
  void set_fault(Uid uid, const std::string& why);

  // ---- store_background.cc: segments, checkpoints, memory
  void on_disk_done(const DiskDone& done);
  void background();
  void file_ready();
  void evict();
  bool may_drop_oldest();
  void bury();
  void move_start(ReplicaLog& log, const LogStart& start);
  void drop_segments(const std::vector<SegmentRange>& before, const ReplicaLog& log);
  void look_for_dropped();
  void remove_dropped();
  void remove_file(const std::string& path);
  bool image_is_due() const;
  bool images_are_wanted() const;
  bool checkpoint_due() const;
  void begin_checkpoint();
  RoundContent with_image(RoundContent content) const;
  /// Whether the same may be tried again later: the disk is full, or too many files are open.
  static bool passes(const Error& error);
  void check(Result<void> result);

  // ---- space, in store_background.cc; reading, in store_reading.cc
  void fail(Error error);
  void measure_free_space();
  uint64_t available_bytes() const;
  bool space_is_short() const;
  void keep_spare_files();
  uint64_t unsegmented_bytes() const { return appended_bytes_ - filer_.filed_bytes(); }
  Result<RoundWrite> place_boot_round(Recovered recovered);
  Result<void> write_boot_round(Recovered recovered);
  void read_from_memory(const ReplicaLog& log, Index first, Index last, uint64_t max_bytes,
                        ReadResult& result) const;
  Result<bool> read_from_segments(const ReplicaLog& log, const ReadRequest& request, Index last,
                                  uint64_t ticket);

  StoreOptions options_;
  CountingDisk disk_;
  Random& random_;
  ReplicaTable table_;
  Journal journal_;
  SegmentFiler filer_;
  SegmentReads reads_;
  Checkpoint checkpoint_;
  std::set<Uid> ready_;  ///< have a piece's worth of entries to file
  std::vector<Dead> dead_;
  std::deque<Dropped> dropped_;
  std::deque<Uid> not_looked_at_;  ///< an earlier process may have left files of their trims
  RoundNumber newest_image_, older_image_;  ///< what the durable base images show
  RoundNumber damaged_until_;               ///< rounds up to this one are damaged, or an image
  uint64_t bytes_since_checkpoint_ = 0;
  uint64_t polls_ = 0;
  uint64_t appended_bytes_ = 0;  ///< of entries ever put in memory, less those taken back unfiled
  RoundDraft draft_;
  std::optional<InFlight> in_flight_;
  std::optional<RoundContent> unplaced_;  ///< of the round in flight, while no file has room for it
  uint64_t image_waits_until_ = 0;        ///< polls_; no file had room for it
  BootEpoch boot_epoch_;
  BootId boot_id_;
  RoundNumber durable_;
  uint64_t idle_polls_ = 0;
  bool sealed_ = true;  ///< nothing but seals since the last round worth protecting
  bool failed_ = false;
  struct Space {  ///< the disk's free bytes, and what had been handed to it when they were read
    uint64_t free = 0, filed = 0, unwritten = 0, journal = 0;
  };
  Space measured_;
  std::deque<StoreEvent> events_;
  std::vector<DiskDone> done_;
  std::vector<EntryHeader> headers_;
  Figures figures_;
};

}  // namespace strandlog::store
