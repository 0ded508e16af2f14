// Store: all durable state of one shard; turns appends of many replicas into journal rounds.
//
// Durability is a value: an entry is *appended* (in the gathering round, readable at once),
// *written* (its round is with the disk) and *durable* (its round's flush returned). Byte formats:
// store/format.md.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/entry.h"
#include "base/env.h"

namespace strandlog::store {

struct StoreOptions {
  uint64_t journal_file_bytes = 16u << 20;  ///< size of one journal file at first
  uint64_t journal_max_bytes = 256u << 20;  ///< of all journal files, unless one append is longer
  uint64_t segment_bytes = 64u << 20;       ///< a segment is ended once it is this long; at least
                                            ///< 8 KiB: its header is a page
  uint64_t tail_cache_bytes = 64u << 20;    ///< round buffers kept in memory for readers
  uint64_t round_bytes = 1u << 20;          ///< a round is full from here on; what was begun may
                                            ///< carry it beyond by one request
  uint64_t reserve_bytes = 64u << 20;       ///< free space that appends may not touch
};

enum class Life : uint8_t {
  kMade = 1,       ///< journalled; the catalog has not confirmed its creation yet
  kLive = 2,       ///< created
  kReceiving = 3,  ///< reserved: a learner's bulk catch-up
  kDead = 4,       ///< deleted or given up; its uid never acts again
};

/// What a replica is, fixed when it is made.
struct ReplicaSpec {
  Uid uid;
  GroupId group;
  TopicId topic;
  std::string topic_name;  ///< "__catalog" for group 0
  uint32_t partition = 0;
  uint64_t creation = 0;  ///< the catalog's creation number
  bool operator==(const ReplicaSpec&) const = default;
};

struct TermStart {
  Index first;
  Term term;
  bool operator==(const TermStart&) const = default;
};

/// Where the kept log begins: the last entry no longer kept (all zero: nothing was trimmed).
struct LogStart {
  Index index;
  Term term;
  Offset offset;  ///< of the first record kept
  uint64_t chain = 0;
  bool operator==(const LogStart&) const = default;
};

/// What comes after an entry depends on this much of it.
struct LogPoint {
  Index index;
  Term term;
  Offset next_offset;
  uint64_t chain = 0;
  int64_t append_time_ms = 0;
  bool operator==(const LogPoint&) const = default;
};

/// A stretch of a log as its disk holds it: a segment file, or what is in none yet.
struct LogPiece {
  LogPoint end;  ///< its last entry
  uint64_t bytes = 0;
};

/// A trim entry (EntryKind::kTrim) of the log: once `index` is committed, the log may begin there.
struct WantedTrim {
  Index index;
  LogStart start;
  bool operator==(const WantedTrim&) const = default;
};

/// A configuration entry, or the one a replica was made with (index 0); opaque to the store.
struct KeptConfiguration {
  Index index;
  Bytes value;
};

/// One replica as the store knows it now.
struct ReplicaState {
  ReplicaSpec spec;
  Life life = Life::kMade;
  Term term;  ///< hard state, as last set
  Uid vote;
  LogStart start;
  std::vector<TermStart> terms;  ///< of the kept entries, ascending
  Index last;                    ///< appended
  Index durable;                 ///< every entry up to it survives a power cut
  Offset next_offset;            ///< of the next record
  uint64_t chain = 0;            ///< of entry `last`
  int64_t last_append_time_ms = 0;
  std::deque<KeptConfiguration> configurations;  ///< the last few of the log, oldest first
  /// Trim entries that trim() has not carried out, oldest first: a few, and since the start of the
  /// process at least those of rounds after the last base image. One that is forgotten costs disk
  /// space until the next one.
  std::deque<WantedTrim> trims;
  /// Why this replica is out of service; all else may be partial then.
  std::optional<std::string> fault;
  uint64_t bytes = 0;  ///< of all kept entries, headers included; segments that a trim cut count
                       ///< as wholes
};

/// A leader's new entry; the store gives it index, base offset and chain, and stamps a batch.
struct NewEntry {
  EntryKind kind = EntryKind::kData;
  Term term;
  uint32_t record_count = 0;
  int64_t append_time_ms = 0;  ///< raised to the previous entry's when lower
  ByteView body;
};

struct ReadRequest {
  Uid uid;
  /// An offset means: the entry that holds it, or the first after.
  std::variant<Index, Offset> from;
  Index last;                     ///< nothing above it (a commit index, say)
  uint64_t max_bytes = 1u << 20;  ///< stop before exceeding it, but never before the first entry
};

/// What one message may carry bounds this, with room for others beside it.
constexpr size_t kMaxReadPieces = 512;

/// A run of stored entries, in order, each whole; checked when it came from disk.
struct ReadResult {
  Index first;
  Index last;                 ///< < first: nothing to read
  std::vector<Bytes> pieces;  ///< concatenated: the entries; a piece holds whole entries;
                              ///< at most kMaxReadPieces
  uint64_t bytes = 0;
};

/// Something that finished; a closed list.
struct RoundDurable {
  RoundNumber round;
  struct Touched {
    Uid uid;
    Index last;      ///< highest entry of this replica now durable …
    Term last_term;  ///< … and its term
    Term term;       ///< its durable hard state
    Uid vote;
  };
  std::vector<Touched> touched;  ///< by uid
};
struct ReadDone {
  uint64_t ticket = 0;
  Result<ReadResult> result;  ///< kCorruption: the replica is faulty now
};
struct ReplicaFault {
  Uid uid;
  std::string what;
};
struct StoreFailed {  ///< a write or flush failed: the process must stop
  Error error;
};
using StoreEvent = std::variant<RoundDurable, ReadDone, ReplicaFault, StoreFailed>;

/// What one lane of the disk was given and has not answered, and what it has answered ever.
struct DiskLane {
  uint64_t open = 0, answered = 0;
};
using DiskLanes = std::array<DiskLane, DiskOp::kLanes>;

/// One shard's thread uses it. Nothing but open() blocks for longer than a metadata call: a new
/// journal or segment file, the walk to a truncation inside a segment.
class Store {
 public:
  /// Opens the formatted directory behind `disk` (see data_directory.h): finds the journal's end,
  /// judges its last round, flushes a boot round, restores every replica. kCorruption when the
  /// journal as a whole cannot be trusted; damage of one replica is its `fault` alone.
  static Result<std::unique_ptr<Store>> open(StoreOptions options, Disk& disk, Random& random,
                                             StoreId store);
  virtual ~Store() = default;

  // ---- what is known
  virtual BootEpoch boot_epoch() const = 0;  ///< of this start; durable since open()
  virtual BootId boot_id() const = 0;
  virtual const std::map<Uid, ReplicaState>& replicas() const = 0;  ///< dead ones included
  /// Small named facts (founding document, peers' boots); empty when never put.
  virtual Bytes note(const std::string& name) const = 0;

  // ---- into the gathering round. CHECKs that the uid is known, alive and not faulty.
  virtual void make(const ReplicaSpec& spec, Bytes configuration) = 0;
  virtual void set_life(Uid uid, Life life) = 0;  ///< kDead drops its log; files go in background
  virtual void set_hard_state(Uid uid, Term term, Uid vote) = 0;
  virtual void truncate(Uid uid, Index from) = 0;  ///< drops `from` and later; above log start
  /// Moves the log start up to `start`, which is an entry of this log, durable here and committed
  /// (raft knows). Files go once no base image needs them. Only when may_trim().
  virtual void trim(Uid uid, const LogStart& start) = 0;
  /// Replaces the whole log by `start`, above the present one, with the configuration that is in
  /// force there, as of its index. Only when may_trim().
  virtual void install(Uid uid, const LogStart& start, KeptConfiguration configuration) = 0;
  /// False while a base image is being made: its logs must not begin later than it says.
  virtual bool may_trim() const = 0;
  /// At most 64 KiB each, 256 names.
  virtual void put_note(const std::string& name, Bytes value) = 0;
  /// Appends one entry as leader; returns its header. The body is copied here, once.
  virtual EntryHeader append(Uid uid, const NewEntry& entry) = 0;
  /// Appends entries as they are stored elsewhere: `run` begins at last + 1 and passed
  /// verify_run(). Copied here, once. kCorruption, and nothing is appended, when its chain or base
  /// offset does not continue this log.
  virtual Result<void> append_stored(Uid uid, ByteView run) = 0;

  /// Whether an append of `bytes` may be accepted now: kDiskFull when free space less the reserve
  /// does not cover it and all that is not in segments yet, kBusy when the journal is full. Alone
  /// in its round an append longer than the journal's free files is taken: it makes one file grow.
  virtual Result<void> room_for(uint64_t bytes) const = 0;

  // ---- rounds
  virtual bool dirty() const = 0;             ///< the gathering round holds something
  virtual bool full() const = 0;              ///< it reached round_bytes: take no more for now
  virtual bool writing() const = 0;           ///< a round is with the disk, or waits for a file
  virtual RoundNumber gathering() const = 0;  ///< the number the gathering round will have
  virtual RoundNumber durable() const = 0;
  /// Writes the gathering round: one write, one flush. Only when dirty and not writing. On a full
  /// disk, or with too many files open, a round without a journal file waits for one: until
  /// somebody acts, perhaps for hours. Meanwhile the next one gathers, and has to stay short.
  virtual void submit() = 0;
  /// Finished work, oldest first; also moves entries into segments and takes checkpoints.
  virtual void poll(std::vector<StoreEvent>& events) = 0;

  // ---- reading
  /// Fills `result` and returns true when everything is in memory; otherwise starts reading and a
  /// ReadDone with `ticket` follows. kOutOfRange below the log start.
  virtual Result<bool> read(const ReadRequest& request, uint64_t ticket, ReadResult& result) = 0;
  /// The term of an entry between log start and last; none outside.
  virtual std::optional<Term> term_at(Uid uid, Index index) const = 0;
  /// The offset after the last record of entries up to `index`: of the log's start, its end, and
  /// entries that are in memory, else none (read the entry).
  virtual std::optional<Offset> next_offset_at(Uid uid, Index index) const = 0;

  /// The log in pieces, oldest first: what it may be trimmed to without a look at the disk. The
  /// first may begin below the log start.
  virtual std::vector<LogPiece> pieces(Uid uid) const = 0;

  // ---- figures
  /// By DiskOp::Lane. A round that waits for a journal file is one operation more that the
  /// journal's lane owes.
  virtual DiskLanes disk_lanes() const = 0;
  struct Figures {
    uint64_t rounds = 0, round_bytes = 0, journal_bytes = 0, unsegmented_bytes = 0,
             segment_bytes_written = 0, checkpoints = 0, tail_cache_bytes = 0, disk_reads = 0,
             free_bytes = 0, disk_full = 0;  ///< disk_full: 1 while appends are refused for it
    uint64_t last_write_us = 0;
  };
  virtual Figures figures() const = 0;
};

/// The body of a trim entry; store/format.md, "Entry bodies".
std::vector<uint8_t> encode_log_start(const LogStart& start);
Result<LogStart> decode_log_start(ByteView body);

/// Checks a run of stored entries received for a replica: header and body CRCs under `group`,
/// indexes dense from `first`, terms not falling, chain and offsets continuing inside the run.
/// Returns what a Raft group must know of it; kCorruption with the index that failed otherwise.
struct VerifiedRun {
  Index last;
  std::vector<TermStart> terms;
  std::vector<EntryView> configurations;  ///< the configuration entries; views into the run
};
Result<VerifiedRun> verify_run(ByteView run, const GroupId& group, Index first);

}  // namespace strandlog::store
