// Chunks of page-aligned memory, handed out front to back.
#include "store/round_buffer.h"

#include <algorithm>
#include <utility>

namespace strandlog::store {

std::shared_ptr<Pages> ChunkPool::take(uint64_t bytes) {
  std::unique_ptr<Pages> chunk;
  if (bytes <= chunk_bytes_) {
    std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      chunk = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  if (!chunk) chunk = std::make_unique<Pages>(std::max(bytes, chunk_bytes_));
  return {chunk.release(), [pool = weak_from_this()](Pages* pages) {
            std::unique_ptr<Pages> owned(pages);
            if (auto alive = pool.lock()) alive->give_back(std::move(owned));
          }};
}

void ChunkPool::give_back(std::unique_ptr<Pages> chunk) {
  if (chunk->size() != chunk_bytes_) return;
  std::lock_guard lock(mutex_);
  if (spare_.size() < max_spare_) spare_.push_back(std::move(chunk));
}

namespace {
constexpr size_t kSpareChunks = 16;
}

RoundBuffer::RoundBuffer(uint64_t chunk_bytes)
    : pool_(std::make_shared<ChunkPool>(chunk_bytes, kSpareChunks)) {}

void RoundBuffer::close_piece() {
  uint64_t end = page_up(used_);
  Chunk& chunk = chunks_.back();
  std::memset(chunk.memory->data() + used_, 0, end - used_);
  if (end > round_begin_) {
    closed_.emplace_back(chunk.memory,
                         ByteView(chunk.memory->data() + round_begin_, end - round_begin_));
  }
  round_closed_bytes_ += end - round_begin_;
  used_ = end;
  round_begin_ = end;
}

void RoundBuffer::open_chunk(uint64_t bytes) {
  if (!chunks_.empty()) close_piece();
  chunks_.push_back({pool_->take(bytes), {}});
  bytes_ += chunks_.back().memory->size();
  used_ = 0;
  round_begin_ = 0;
  last_end_ = nullptr;
}

RoundBuffer::Place RoundBuffer::take(uint64_t bytes) {
  if (chunks_.empty() || chunks_.back().memory->size() - used_ < bytes) open_chunk(bytes);
  uint8_t* data = chunks_.back().memory->data() + used_;
  Place place{data, newest(), static_cast<uint32_t>(round_bytes()), data == last_end_};
  used_ += bytes;
  last_end_ = data + bytes;
  return place;
}

std::vector<Bytes> RoundBuffer::end_round() {
  if (!chunks_.empty()) close_piece();
  round_closed_bytes_ = 0;
  last_end_ = nullptr;
  return std::exchange(closed_, {});
}

Bytes RoundBuffer::slice(uint64_t chunk, const uint8_t* data, uint64_t bytes) const {
  CHECK(chunk >= first_ && chunk - first_ < chunks_.size());
  return Bytes(chunks_[chunk - first_].memory, ByteView(data, bytes));
}

void RoundBuffer::drop_oldest() {
  CHECK(chunks_.size() > 1);
  bytes_ -= chunks_.front().memory->size();
  chunks_.pop_front();
  ++first_;
}

}  // namespace strandlog::store
