// Option types: turns the text of one option into a number, and finds near misses of names.
#include "base/option_types.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <utility>

namespace strandlog {
namespace {

using Unit = std::pair<std::string_view, int64_t>;

constexpr std::array<Unit, 12> kByteUnits = {{{"", 1},
                                              {"B", 1},
                                              {"KiB", 1 << 10},
                                              {"MiB", 1 << 20},
                                              {"GiB", 1 << 30},
                                              {"TiB", int64_t{1} << 40},
                                              {"k", 1000},
                                              {"kB", 1000},
                                              {"M", 1000000},
                                              {"MB", 1000000},
                                              {"G", 1000000000},
                                              {"GB", 1000000000}}};
constexpr std::array<Unit, 5> kDurationUnits = {
    {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}}};

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

struct Quantity {
  int64_t count = 0;
  std::string_view unit;
};

std::optional<Quantity> split_quantity(std::string_view text) {
  Quantity quantity;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), quantity.count);
  if (parsed.ec != std::errc{}) return std::nullopt;
  quantity.unit = trimmed(text.substr(static_cast<size_t>(parsed.ptr - text.data())));
  return quantity;
}

template <size_t N>
std::optional<int64_t> scaled(const Quantity& quantity, const std::array<Unit, N>& units) {
  for (const auto& [name, factor] : units) {
    if (name != quantity.unit) continue;
    int64_t product = 0;
    if (__builtin_mul_overflow(quantity.count, factor, &product)) return std::nullopt;
    return product;
  }
  return std::nullopt;
}

std::optional<int64_t> parse_bool(std::string_view text) {
  for (std::string_view word : {"true", "yes", "on", "1"})
    if (text == word) return 1;
  for (std::string_view word : {"false", "no", "off", "0"})
    if (text == word) return 0;
  return std::nullopt;
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (const auto& part : parts) {
    if (!out.empty()) out += separator;
    out += part;
  }
  return out;
}

std::optional<int64_t> number_of(const Option& option, std::string_view text) {
  switch (option.type) {
    case OptionType::kInteger: {
      const auto quantity = split_quantity(text);
      if (!quantity || !quantity->unit.empty()) return std::nullopt;
      return quantity->count;
    }
    case OptionType::kBytes:
      return parse_bytes(text);
    case OptionType::kDuration:
      return parse_duration_ms(text, option.unit.empty() ? "ms" : option.unit);
    case OptionType::kBool:
      return parse_bool(text);
    case OptionType::kChoice:
      if (std::find(option.choices.begin(), option.choices.end(), text) == option.choices.end())
        return std::nullopt;
      return 0;
    case OptionType::kString:
    case OptionType::kList:
    case OptionType::kRepeated:
      return 0;
  }
  return std::nullopt;
}

std::string expected(const Option& option) {
  switch (option.type) {
    case OptionType::kInteger:
      return "a whole number";
    case OptionType::kBytes:
      return "a size such as 1048576, 512KiB, 16MiB or 1GiB";
    case OptionType::kDuration:
      return "a duration such as 250ms, 5s, 10m, 2h or 7d";
    case OptionType::kBool:
      return "true or false";
    case OptionType::kChoice:
      return "one of " + joined(option.choices, ", ");
    case OptionType::kString:
    case OptionType::kList:
    case OptionType::kRepeated:
      return "text";
  }
  return "text";
}

}  // namespace

std::optional<int64_t> parse_bytes(std::string_view text) {
  const auto quantity = split_quantity(text);
  if (!quantity || quantity->count < 0) return std::nullopt;
  return scaled(*quantity, kByteUnits);
}

std::optional<int64_t> parse_duration_ms(std::string_view text, std::string_view unit) {
  auto quantity = split_quantity(text);
  if (!quantity || quantity->count < 0) return std::nullopt;
  if (quantity->unit.empty()) quantity->unit = unit;
  return scaled(*quantity, kDurationUnits);
}

Result<int64_t> parse_option_text(const Option& option, std::string_view text) {
  const auto number = number_of(option, text);
  if (!number) {
    std::string message =
        option.name + " is \"" + std::string(text) + "\", wanted " + expected(option);
    if (option.type == OptionType::kChoice) message += did_you_mean(text, option.choices);
    return Error{Code::kInvalidArgument, std::move(message)};
  }
  const bool ranged = option.type == OptionType::kInteger || option.type == OptionType::kBytes ||
                      option.type == OptionType::kDuration;
  if (ranged && (*number < option.min || *number > option.max)) {
    const bool at_most = *number > option.max;
    std::string message = option.name + " is " + std::string(text) +
                          (at_most ? ", at most " : ", at least ") +
                          std::to_string(at_most ? option.max : option.min);
    if (option.type == OptionType::kDuration) message += " ms";
    if (option.type == OptionType::kBytes) message += " bytes";
    return Error{Code::kInvalidArgument, message + " is allowed"};
  }
  return *number;
}

std::optional<std::string> nearest_name(std::string_view name,
                                        const std::vector<std::string>& candidates) {
  // Long input cannot be near anything we know; the bound keeps the work small.
  if (name.size() > 128) return std::nullopt;
  size_t best = std::clamp<size_t>(name.size() / 2, 1, 3) + 1;
  std::optional<std::string> found;
  for (const auto& candidate : candidates) {
    std::vector<size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= name.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i);
      for (size_t j = 1; j <= candidate.size(); ++j) {
        const size_t replaced = diagonal + (name[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
      }
    }
    if (row.back() < best) {
      best = row.back();
      found = candidate;
    }
  }
  return found;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  const auto nearest = nearest_name(name, candidates);
  return nearest ? "; did you mean \"" + *nearest + "\"?" : "";
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    if (const auto part = trimmed(text.substr(0, comma)); !part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

}  // namespace strandlog
