// The four seams to the world: Clock, Random, Disk, Transport. Handed in by main or the simulator.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace strandlog {

/// Monotonic time since an arbitrary start, in microseconds.
struct Time {
  int64_t us = 0;
  auto operator<=>(const Time&) const = default;
  Time plus_ms(int64_t ms) const { return {us + ms * 1000}; }
};

/// Read once per turn by a shard.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() = 0;
  /// Milliseconds since 1970, for append times. May jump; users of it never go backwards.
  virtual int64_t wall_ms() = 0;
};

class Random {
 public:
  virtual ~Random() = default;
  virtual uint64_t next() = 0;
  template <class U>
  U uuid() {
    U id;
    for (size_t i = 0; i < 16; i += 8) {
      uint64_t v = next();
      std::memcpy(id.bytes.data() + i, &v, 8);
    }
    return id;
  }
};

// ---------------------------------------------------------------------------------------- Disk

/// An open file of a Disk. 0 = none.
struct FileHandle {
  uint64_t value = 0;
  auto operator<=>(const FileHandle&) const = default;
};

enum class OpenMode {
  kRead,          ///< must exist; buffered
  kWriteDirect,   ///< created if absent; positions, sizes and memory in units of 4096 (O_DIRECT)
  kWriteBuffered  ///< created if absent
};

/// One asynchronous operation. Buffers stay alive until its DiskDone is polled.
struct DiskOp {
  enum class Kind { kWrite, kRead, kAllocate, kFlush, kRemove, kFlushDirectory };
  /// Each lane runs in order and beside the others. kJournal: what an ack waits for. kRead: what a
  /// reader waits for. kBackground: the rest.
  enum class Lane { kJournal, kRead, kBackground };
  static constexpr size_t kLanes = 3;
  Kind kind = Kind::kWrite;
  Lane lane = Lane::kJournal;
  uint64_t ticket = 0;                   ///< the caller's name for it
  FileHandle file;                       ///< not for kRemove, kFlushDirectory
  uint64_t position = 0;                 ///< kAllocate: reserves [0, position)
  std::vector<Bytes> pieces;             ///< kWrite: written one after the other from `position`
  bool flush_after = false;              ///< kWrite, kAllocate: one fdatasync when that is done
  std::vector<uint8_t>* into = nullptr;  ///< kRead: filled with up to its size() bytes
  std::string path;                      ///< kRemove, kFlushDirectory
};

struct DiskDone {
  uint64_t ticket = 0;
  Result<uint64_t> result = uint64_t{0};  ///< bytes moved, or kIo / kDiskFull
};

/// The only door to durable bytes. One shard thread uses it; the composition root owns it.
/// Blocking calls are for start-up, for rare metadata and for offline tools; while a shard serves,
/// file contents go through submit and poll. Paths are relative to the data directory.
class Disk {
 public:
  virtual ~Disk() = default;

  virtual Result<FileHandle> open(const std::string& path, OpenMode mode) = 0;
  virtual void close(FileHandle file) = 0;
  virtual Result<uint64_t> size(FileHandle file) = 0;
  /// Reads up to into.size() bytes at `position`; fewer only at the end of the file.
  virtual Result<uint64_t> read(FileHandle file, uint64_t position, MutableByteView into) = 0;
  virtual Result<void> write(FileHandle file, uint64_t position, ByteView bytes) = 0;
  virtual Result<void> flush(FileHandle file) = 0;
  /// Reserves [0, bytes) so that later writes inside need no new blocks. Content reads as zero.
  virtual Result<void> allocate(FileHandle file, uint64_t bytes) = 0;
  virtual Result<void> make_directory(const std::string& path) = 0;  ///< fine if it exists
  /// Makes creations, renames and removals inside `path` durable.
  virtual Result<void> flush_directory(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;  ///< sorted names
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<uint64_t> free_bytes() = 0;

  /// Starts `op`; its DiskDone comes out of a later poll().
  virtual void submit(DiskOp op) = 0;
  /// Moves finished operations into `done`, oldest first per lane. Never blocks.
  virtual void poll(std::vector<DiskDone>& done) = 0;
};

// ----------------------------------------------------------------------------------- Transport

/// One end of a connection as this process knows it: made by connect(), or seen on a listener.
struct LinkId {
  uint64_t value = 0;
  auto operator<=>(const LinkId&) const = default;
};

/// What travels: one control frame (Cap'n Proto) and any number of blob frames.
struct Message {
  Bytes control;
  std::vector<Bytes> blobs;
  size_t byte_count() const {
    size_t n = control.size();
    for (const Bytes& b : blobs) n += b.size();
    return n;
  }
};

enum class ListenerKind : uint8_t { kClient, kPeer };

struct NetEvent {
  enum class Kind { kMessage, kUp, kDown };  ///< kUp, kDown: of links made by connect()
  Kind kind = Kind::kMessage;
  LinkId link;
  ListenerKind listener = ListenerKind::kClient;  ///< where an incoming message arrived
  bool incoming = false;                          ///< the link was made by the other side
  Message message;
};

/// Messages arrive whole, in order per link, or not at all; a broken link may lose what was under
/// way and connects again by itself. Used by one thread.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Accepts connections on "HOST:PORT".
  virtual Result<void> listen(ListenerKind kind, const std::string& address) = 0;
  /// Starts connecting to "HOST:PORT"; never fails for an absent peer. Each call is a new link.
  virtual LinkId connect(const std::string& address) = 0;
  virtual void close(LinkId link) = 0;
  /// False when the link is unknown or its queue is full: the message is dropped.
  virtual bool send(LinkId link, Message message) = 0;
  /// Moves what has arrived into `events`, oldest first, at most a bounded number. Never blocks.
  virtual void poll(std::vector<NetEvent>& events) = 0;
};

}  // namespace strandlog
