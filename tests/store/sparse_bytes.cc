// Blocks that are shared until one side writes.
#include "tests/store/sparse_bytes.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace strandlog::store {

std::shared_ptr<SparseBytes::Block>& SparseBytes::slot(uint64_t block) {
  if (block >= blocks_.size()) blocks_.resize(block + 1);
  return blocks_[block];
}

SparseBytes::Block& SparseBytes::own(uint64_t block) {
  std::shared_ptr<Block>& place = slot(block);
  if (!place) {
    place = std::make_shared<Block>();
    place->fill(0);
  } else if (place.use_count() > 1) {
    place = std::make_shared<Block>(*place);
  }
  return *place;
}

void SparseBytes::resize(uint64_t bytes) {
  size_ = bytes;
  uint64_t whole = bytes / kBlock, rest = bytes % kBlock;
  if (rest > 0 && whole < blocks_.size() && blocks_[whole]) {
    Block& cut = own(whole);
    std::fill(cut.begin() + static_cast<ptrdiff_t>(rest), cut.end(), 0);
  }
  blocks_.resize(std::min<size_t>(blocks_.size(), whole + (rest > 0 ? 1 : 0)));
}

void SparseBytes::write(uint64_t position, ByteView bytes) {
  if (bytes.empty()) return;
  size_ = std::max(size_, position + bytes.size());
  for (uint64_t done = 0; done < bytes.size();) {
    uint64_t at = position + done, inside = at % kBlock;
    uint64_t count = std::min(kBlock - inside, bytes.size() - done);
    std::memcpy(own(at / kBlock).data() + inside, bytes.data() + done, count);
    done += count;
  }
}

uint64_t SparseBytes::read(uint64_t position, MutableByteView into) const {
  if (position >= size_) return 0;
  uint64_t total = std::min<uint64_t>(into.size(), size_ - position);
  for (uint64_t done = 0; done < total;) {
    uint64_t at = position + done, inside = at % kBlock, block = at / kBlock;
    uint64_t count = std::min(kBlock - inside, total - done);
    const Block* from = block < blocks_.size() ? blocks_[block].get() : nullptr;
    if (from) {
      std::memcpy(into.data() + done, from->data() + inside, count);
    } else {
      std::memset(into.data() + done, 0, count);
    }
    done += count;
  }
  return total;
}

void SparseBytes::copy(const SparseBytes& from, uint64_t begin, uint64_t end) {
  CHECK(begin <= end && end <= from.size_);
  size_ = std::max(size_, end);
  while (begin < end) {
    uint64_t block = begin / kBlock, until = std::min(end, (block + 1) * kBlock);
    if (until - begin == kBlock) {
      slot(block) = block < from.blocks_.size() ? from.blocks_[block] : nullptr;
    } else {
      std::array<uint8_t, kBlock> bytes;
      MutableByteView part(bytes.data(), until - begin);
      from.read(begin, part);
      write(begin, part);
    }
    begin = until;
  }
}

}  // namespace strandlog::store
