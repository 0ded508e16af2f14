// LineReader: bytes of a descriptor as lines, read in large blocks.
#include "tools/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace strandlog::tools {
namespace {
constexpr size_t kBlock = 1 << 20;
}  // namespace

LineReader::LineReader(int descriptor, size_t max_line)
    : descriptor_(descriptor), max_line_(max_line), buffer_(kBlock, '\0') {}

Result<LineReader::Next> LineReader::next(int wait_ms) {
  while (true) {
    const char* from = buffer_.data() + scanned_;
    const void* found = std::memchr(from, '\n', end_ - scanned_);
    if (found != nullptr) {
      const auto at = scanned_ + static_cast<size_t>(static_cast<const char*>(found) - from);
      line_ = std::string_view(buffer_).substr(begin_, at - begin_);
      begin_ = scanned_ = at + 1;
      return Next::kLine;
    }
    scanned_ = end_;
    if (at_end_) {
      if (begin_ == end_) return Next::kEnd;
      line_ = std::string_view(buffer_).substr(begin_, end_ - begin_);
      begin_ = end_;
      return Next::kLine;
    }
    ASSIGN(const Next filled, fill(wait_ms));
    if (filled == Next::kPending) return Next::kPending;
  }
}

Result<LineReader::Next> LineReader::fill(int wait_ms) {
  pollfd readable{descriptor_, POLLIN, 0};
  // A descriptor that cannot be waited for (a file) is always ready.
  if (::poll(&readable, 1, wait_ms) == 0) return Next::kPending;
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (end_ > max_line_)
    return Error{Code::kTooLarge, "a line is longer than " + std::to_string(max_line_) + " bytes"};
  buffer_.resize(end_ + kBlock);
  const ssize_t count = ::read(descriptor_, buffer_.data() + end_, kBlock);
  if (count < 0) {
    if (errno == EINTR || errno == EAGAIN) return Next::kPending;
    return Error{Code::kIo, std::string("reading the input failed: ") + std::strerror(errno)};
  }
  if (count == 0) at_end_ = true;
  end_ += static_cast<size_t>(count);
  return Next::kLine;
}

}  // namespace strandlog::tools
