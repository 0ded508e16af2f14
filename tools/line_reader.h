// LineReader: bytes of a descriptor as lines, read in large blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace strandlog::tools {

/// A line is what stands before '\n', every byte kept; what follows the last '\n' is a line too,
/// if it is not empty. One thread.
class LineReader {
 public:
  /// `max_line` bounds the memory of one line; a longer one is kTooLarge.
  LineReader(int descriptor, size_t max_line);

  enum class Next { kLine, kPending, kEnd };
  /// kLine: line() is the next one, valid until the next call. kPending: nothing arrived within
  /// `wait_ms`, or a signal came. kIo when reading fails.
  Result<Next> next(int wait_ms);
  std::string_view line() const { return line_; }

 private:
  Result<Next> fill(int wait_ms);

  int descriptor_;
  size_t max_line_;
  std::string buffer_;
  size_t begin_ = 0;    ///< of the bytes not yet handed out
  size_t scanned_ = 0;  ///< no '\n' in [begin_, scanned_)
  size_t end_ = 0;      ///< of the bytes read
  bool at_end_ = false;
  std::string_view line_;
};

}  // namespace strandlog::tools
