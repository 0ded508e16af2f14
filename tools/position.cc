// Positions: where in a partition a reader begins or ends, as users write it.
#include "tools/position.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "tools/time_text.h"

namespace strandlog::tools {

int64_t PositionText::resolve(const client::Ends& ends) const {
  switch (kind) {
    case Kind::kStart:
      return ends.start;
    case Kind::kEnd:
      return ends.end;
    case Kind::kOffset:
      return count;
    case Kind::kAfterStart:
      return count > ends.end - ends.start ? ends.end : ends.start + count;
    case Kind::kBeforeEnd:
      return count > ends.end - ends.start ? ends.start : ends.end - count;
    case Kind::kTime:
      CHECK(kind != Kind::kTime);
  }
  return ends.start;
}

Result<PositionText> parse_position(std::string_view text, int64_t now_ms) {
  using Kind = PositionText::Kind;
  if (text == "start") return PositionText{Kind::kStart, 0};
  if (text == "end") return PositionText{Kind::kEnd, 0};
  if (text.starts_with('@')) {
    ASSIGN(const int64_t ms, parse_moment(text.substr(1), now_ms));
    return PositionText{Kind::kTime, ms};
  }
  PositionText position{Kind::kOffset, 0};
  std::string_view digits = text;
  if (text.starts_with('+')) position.kind = Kind::kAfterStart;
  if (text.starts_with('-')) position.kind = Kind::kBeforeEnd;
  if (position.kind != Kind::kOffset) digits.remove_prefix(1);
  const auto end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, position.count);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == end && !digits.starts_with('-');
  if (whole) return position;
  return Error{Code::kInvalidArgument, "position \"" + std::string(text) +
                                           "\" is none of start, end, N, +N (after the start), "
                                           "-N (before the end), @TIME"};
}

}  // namespace strandlog::tools
