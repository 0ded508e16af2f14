// Page-aligned memory.
#include "store/pages.h"

#include <cstdlib>

namespace strandlog::store {

Pages::Pages(uint64_t bytes)
    : bytes_(page_up(bytes)),
      memory_(static_cast<uint8_t*>(std::aligned_alloc(kPageBytes, page_up(bytes)))) {
  CHECK(memory_ != nullptr);
}

void Pages::Free::operator()(uint8_t* memory) const { std::free(memory); }

}  // namespace strandlog::store
