// Blocks that were never written take no memory.
#include "tests/store/sparse_bytes.h"

#include <algorithm>
#include <cstring>

namespace strandlog::store {

void SparseBytes::resize(uint64_t bytes) {
  if (bytes < size_) {
    blocks_.erase(blocks_.lower_bound((bytes + kBlock - 1) / kBlock), blocks_.end());
    if (auto last = blocks_.find(bytes / kBlock); last != blocks_.end()) {
      std::fill(last->second.begin() + static_cast<ptrdiff_t>(bytes % kBlock), last->second.end(),
                uint8_t{0});
    }
  }
  size_ = bytes;
}

void SparseBytes::write(uint64_t position, ByteView bytes) {
  size_ = std::max(size_, position + bytes.size());
  while (!bytes.empty()) {
    uint64_t inside = position % kBlock;
    size_t count = static_cast<size_t>(std::min<uint64_t>(kBlock - inside, bytes.size()));
    std::array<uint8_t, kBlock>& block = blocks_[position / kBlock];
    std::memcpy(block.data() + inside, bytes.data(), count);
    bytes = bytes.subspan(count);
    position += count;
  }
}

uint64_t SparseBytes::read(uint64_t position, MutableByteView into) const {
  if (position >= size_) return 0;
  uint64_t total = std::min<uint64_t>(into.size(), size_ - position);
  for (uint64_t done = 0; done < total;) {
    uint64_t inside = (position + done) % kBlock;
    size_t count = static_cast<size_t>(std::min(kBlock - inside, total - done));
    auto block = blocks_.find((position + done) / kBlock);
    if (block == blocks_.end()) {
      std::memset(into.data() + done, 0, count);
    } else {
      std::memcpy(into.data() + done, block->second.data() + inside, count);
    }
    done += count;
  }
  return total;
}

}  // namespace strandlog::store
