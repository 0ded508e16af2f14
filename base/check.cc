#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace strandlog {

void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "strandlog: broken invariant at %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace strandlog
