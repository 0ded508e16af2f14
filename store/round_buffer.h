// RoundBuffer: the memory that entries are copied into once; rounds and readers use slices of it.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "store/pages.h"

namespace strandlog::store {

/// Page-aligned memory of one size, used again: growing memory is dear. A chunk comes back when its
/// last slice is released, on whichever thread that happens.
class ChunkPool : public std::enable_shared_from_this<ChunkPool> {
 public:
  ChunkPool(uint64_t chunk_bytes, size_t max_spare)
      : chunk_bytes_(page_up(chunk_bytes)), max_spare_(max_spare) {}
  /// At least `bytes` long; only chunks of the pool's own size are kept for later.
  std::shared_ptr<Pages> take(uint64_t bytes);
  uint64_t chunk_bytes() const { return chunk_bytes_; }

 private:
  void give_back(std::unique_ptr<Pages> chunk);
  const uint64_t chunk_bytes_;
  const size_t max_spare_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Pages>> spare_;
};

/// A queue of chunks: the newest is being filled, the oldest are dropped whole. Each round's
/// payload begins on a page, so that a round goes to disk as slices of chunks.
class RoundBuffer {
 public:
  explicit RoundBuffer(uint64_t chunk_bytes);

  struct Place {
    uint8_t* data = nullptr;
    uint64_t chunk = 0;     ///< number of the chunk it lies in
    uint32_t position = 0;  ///< from the beginning of the round's payload
    bool follows = false;   ///< directly behind the place taken before it, in the same round
  };
  /// Room for `bytes` in one piece, to be filled before anything else is called.
  Place take(uint64_t bytes);
  /// Payload taken since the last end_round(), paddings between chunks included.
  uint64_t round_bytes() const { return round_closed_bytes_ + open_bytes(); }
  /// The round's payload, whole zero-padded pages; the next round begins behind it.
  std::vector<Bytes> end_round();

  /// A slice of chunk `chunk`, which must not have been dropped.
  Bytes slice(uint64_t chunk, const uint8_t* data, uint64_t bytes) const;
  /// Remembers that `uid` has entries in the chunk being filled.
  void note_user(Uid uid) { chunks_.back().users.push_back(uid); }

  // ---- the oldest chunk
  size_t chunk_count() const { return chunks_.size(); }
  uint64_t oldest() const { return first_; }
  uint64_t newest() const { return first_ + chunks_.size() - 1; }
  const std::vector<Uid>& users_of_oldest() const { return chunks_.front().users; }
  /// Forgets it; its memory lives on while slices of it do. Never the newest one.
  void drop_oldest();
  /// Of all chunks not dropped.
  uint64_t bytes() const { return bytes_; }

 private:
  struct Chunk {
    std::shared_ptr<Pages> memory;
    std::vector<Uid> users;
  };
  uint64_t open_bytes() const { return used_ - round_begin_; }
  void close_piece();
  void open_chunk(uint64_t bytes);

  std::shared_ptr<ChunkPool> pool_;
  std::deque<Chunk> chunks_;
  uint64_t first_ = 1;  ///< number of chunks_.front()
  uint64_t bytes_ = 0;
  uint64_t used_ = 0;         ///< of the newest chunk
  uint64_t round_begin_ = 0;  ///< of the round's piece in the newest chunk
  uint64_t round_closed_bytes_ = 0;
  const uint8_t* last_end_ = nullptr;  ///< of the place taken last in this round
  std::vector<Bytes> closed_;          ///< the round's pieces in earlier chunks
};

}  // namespace strandlog::store
