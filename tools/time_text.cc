// Time text: moments as users write them, and as JSON shows them.
#include "tools/time_text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>

#include "base/option_types.h"

namespace strandlog::tools {
namespace {

/// What is left of a text that is read from its front.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  bool done() const { return text_.empty(); }
  bool take(char wanted) {
    if (text_.empty() || text_[0] != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// Exactly `count` digits.
  std::optional<int> digits(size_t count) {
    if (text_.size() < count) return std::nullopt;
    int value = 0;
    for (size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return std::nullopt;
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(count);
    return value;
  }
  bool at_digit() const { return !text_.empty() && text_[0] >= '0' && text_[0] <= '9'; }

 private:
  std::string_view text_;
};

struct Moment {
  std::tm fields{};
  int milliseconds = 0;
  std::optional<int> zone_minutes;  ///< east of UTC; none: not said
};

bool read_date(Scanner& in, std::tm& out) {
  const auto year = in.digits(4);
  if (!year || !in.take('-')) return false;
  const auto month = in.digits(2);
  if (!month || !in.take('-')) return false;
  const auto day = in.digits(2);
  if (!day || *month < 1 || *month > 12 || *day < 1 || *day > 31) return false;
  out.tm_year = *year - 1900;
  out.tm_mon = *month - 1;
  out.tm_mday = *day;
  // The 31st of a shorter month would become the next month's first.
  std::tm copy = out;
  const time_t seconds = timegm(&copy);
  gmtime_r(&seconds, &copy);
  return copy.tm_mday == *day;
}

bool read_time(Scanner& in, Moment& out) {
  const auto hour = in.digits(2);
  if (!hour || !in.take(':')) return false;
  const auto minute = in.digits(2);
  if (!minute || !in.take(':')) return false;
  const auto second = in.digits(2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return false;
  out.fields.tm_hour = *hour;
  out.fields.tm_min = *minute;
  out.fields.tm_sec = *second;
  if (!in.take('.')) return true;
  if (!in.at_digit()) return false;
  for (int scale = 100; in.at_digit(); scale /= 10) out.milliseconds += *in.digits(1) * scale;
  return true;
}

bool read_zone(Scanner& in, Moment& out) {
  if (in.take('Z') || in.take('z')) {
    out.zone_minutes = 0;
    return true;
  }
  const bool east = in.take('+');
  if (!east && !in.take('-')) return in.done();
  const auto hours = in.digits(2);
  if (!hours || !in.take(':')) return false;
  const auto minutes = in.digits(2);
  if (!minutes || *hours > 23 || *minutes > 59) return false;
  out.zone_minutes = (east ? 1 : -1) * (*hours * 60 + *minutes);
  return true;
}

std::optional<Moment> read_moment(std::string_view text) {
  Scanner in(text);
  Moment moment;
  if (!read_date(in, moment.fields)) return std::nullopt;
  if (in.done()) return moment;
  if (!in.take('T') && !in.take('t') && !in.take(' ')) return std::nullopt;
  if (!read_time(in, moment) || !read_zone(in, moment) || !in.done()) return std::nullopt;
  return moment;
}

int64_t milliseconds_of(Moment moment) {
  moment.fields.tm_isdst = -1;
  const int64_t seconds = moment.zone_minutes ? timegm(&moment.fields) - *moment.zone_minutes * 60
                                              : mktime(&moment.fields);
  return seconds * 1000 + moment.milliseconds;
}

/// By the number of digits, as all moments from 1973 to 5138 have it.
std::optional<int64_t> unix_moment(std::string_view text) {
  int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  if (!whole || value < 0) return std::nullopt;
  if (text.size() <= 11) return value * 1000;
  if (text.size() <= 14) return value;
  if (text.size() <= 17) return value / 1000;
  return value / 1000000;
}

}  // namespace

Result<int64_t> parse_rfc3339(std::string_view text) {
  const auto moment = read_moment(text);
  if (moment && moment->zone_minutes) return milliseconds_of(*moment);
  return Error{Code::kInvalidArgument,
               "\"" + std::string(text) + "\" is not a time such as 2026-05-04T10:11:12.123Z"};
}

Result<int64_t> parse_moment(std::string_view text, int64_t now_ms) {
  if (const auto number = unix_moment(text)) return *number;
  if (text.starts_with('-')) {
    if (const auto before = parse_duration_ms(text.substr(1), "s")) return now_ms - *before;
  }
  if (const auto moment = read_moment(text)) return milliseconds_of(*moment);
  return Error{Code::kInvalidArgument,
               "\"" + std::string(text) +
                   "\" is no time: wanted 2026-05-04T10:11:12Z (without Z: local time), "
                   "2026-05-04, seconds since 1970, or -15m (before now)"};
}

std::string rfc3339(int64_t milliseconds) {
  int64_t seconds = milliseconds / 1000;
  int64_t rest = milliseconds % 1000;
  if (rest < 0) {
    rest += 1000;
    --seconds;
  }
  const time_t when = seconds;
  std::tm utc{};
  if (gmtime_r(&when, &utc) == nullptr) return std::to_string(milliseconds);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(rest));
  return std::string(text.data()) + fraction.data();
}

int64_t wall_now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace strandlog::tools
