// Positions: where in a partition a reader begins or ends, as users write it.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "strandlog/consumer.h"

namespace strandlog::tools {

/// "start", "end", N (an offset), +N (after the start), -N (before the end), @TIME (see
/// tools/time_text.h).
struct PositionText {
  enum class Kind { kStart, kEnd, kOffset, kAfterStart, kBeforeEnd, kTime };
  Kind kind = Kind::kStart;
  int64_t count = 0;  ///< kTime: milliseconds since 1970

  /// The offset it means for these ends. An offset stays as it is; the relative ones stay inside.
  /// Not for times: the cluster knows what those mean.
  int64_t resolve(const client::Ends& ends) const;
};

/// kInvalidArgument with the grammar.
Result<PositionText> parse_position(std::string_view text, int64_t now_ms);

}  // namespace strandlog::tools
