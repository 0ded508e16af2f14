// Aligned memory for direct writes in tests.
#pragma once

#include <cstdlib>
#include <memory>

#include "base/bytes.h"

namespace strandlog::store {

/// `size` bytes of `value` (a multiple of 4096), at an address that is one too.
inline Bytes aligned_bytes(size_t size, uint8_t value) {
  std::shared_ptr<uint8_t> memory(static_cast<uint8_t*>(std::aligned_alloc(4096, size)),
                                  [](uint8_t* p) { std::free(p); });
  std::memset(memory.get(), value, size);
  ByteView view(memory.get(), size);
  return Bytes(std::move(memory), view);
}

}  // namespace strandlog::store
