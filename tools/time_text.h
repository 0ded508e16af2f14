// Time text: moments as users write them, and as JSON shows them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace strandlog::tools {

/// Milliseconds since 1970 of an RFC 3339 moment: "2026-05-04T10:11:12.123Z", any number of digits
/// after the point or none, "Z" or "+02:00" at the end. kInvalidArgument otherwise.
Result<int64_t> parse_rfc3339(std::string_view text);

/// As parse_rfc3339(); without a zone local time; a date alone is its midnight; digits alone are
/// seconds, milliseconds, microseconds or nanoseconds since 1970, as their number tells; "-15m" is
/// before `now_ms`. kInvalidArgument with the grammar.
Result<int64_t> parse_moment(std::string_view text, int64_t now_ms);

/// "2026-05-04T10:11:12.123Z"
std::string rfc3339(int64_t milliseconds_since_1970);

/// The system's clock.
int64_t wall_now_ms();

}  // namespace strandlog::tools
