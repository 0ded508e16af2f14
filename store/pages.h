// Pages: the 4 KiB units of direct I/O, and memory aligned to them.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"

namespace strandlog::store {

constexpr uint64_t kPageBytes = 4096;

/// The next multiple of a page at or above `bytes`.
constexpr uint64_t page_up(uint64_t bytes) { return (bytes + kPageBytes - 1) & ~(kPageBytes - 1); }

/// Memory that begins on a page and is whole pages long. Not cleared.
class Pages {
 public:
  explicit Pages(uint64_t bytes);
  uint8_t* data() { return memory_.get(); }
  uint64_t size() const { return bytes_; }
  MutableByteView view() { return {memory_.get(), bytes_}; }

 private:
  struct Free {
    void operator()(uint8_t* memory) const;
  };
  uint64_t bytes_;
  std::unique_ptr<uint8_t, Free> memory_;
};

}  // namespace strandlog::store
