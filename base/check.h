// CHECK: impossible states stop the process, in every build.
#pragma once

namespace strandlog {
/// Prints file, line and the broken condition to stderr and aborts. Never returns.
[[noreturn]] void check_failed(const char* file, int line, const char* condition);
}  // namespace strandlog

/// Stays on in release. For states that cannot happen; bad input is a Result, never a CHECK.
#define CHECK(condition)                                                         \
  do {                                                                           \
    if (!(condition)) ::strandlog::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)
