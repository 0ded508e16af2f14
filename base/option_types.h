// Option types: turns the text of one option into a number, and finds near misses of names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/options.h"

namespace strandlog {

/// Checks one text against its option's type, choices and range, and returns its number (0 for
/// types without one). kInvalidArgument with the option, the text and what is allowed.
Result<int64_t> parse_option_text(const Option& option, std::string_view text);

/// Bytes with a unit, as OptionType::kBytes has them. Nothing when misshapen or above 2^63 - 1.
std::optional<int64_t> parse_bytes(std::string_view text);
/// Milliseconds; a number without a unit counts in `unit`.
std::optional<int64_t> parse_duration_ms(std::string_view text, std::string_view unit);

/// The candidate that differs from `name` by the fewest typing errors, if it is few enough to be a
/// likely slip (half of the letters, at least one, at most three).
std::optional<std::string> nearest_name(std::string_view name,
                                        const std::vector<std::string>& candidates);
/// `; did you mean "x"?` or nothing.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

/// The parts between commas, without surrounding blanks; empty parts are left out.
std::vector<std::string> split_list(std::string_view text);

}  // namespace strandlog
