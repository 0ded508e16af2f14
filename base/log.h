// The one logger: events with key=value pairs, to stderr.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace strandlog {

enum class LogLevel { kDebug, kInfo, kWarn, kError };  ///< kError: a human must act

struct LogField {
  std::string_view key;
  std::string value;
};
inline LogField kv(std::string_view key, std::string_view value) {
  return {key, std::string(value)};
}
inline LogField kv(std::string_view key, const std::string& value) { return {key, value}; }
inline LogField kv(std::string_view key, const char* value) { return {key, value}; }
template <class Number>
requires std::is_arithmetic_v<Number> LogField kv(std::string_view key, Number value) {
  return {key, std::to_string(value)};
}
template <class Tag>
LogField kv(std::string_view key, Id<Tag> id) {
  return {key, std::to_string(id.value)};
}
template <class Tag>
LogField kv(std::string_view key, const UuidOf<Tag>& id) {
  return {key, id.text()};
}

/// Lines below this level cost one comparison. Set once at start.
void set_log_level(LogLevel level);
LogLevel log_level();
/// What the lines' time is read from, in microseconds since 1970, at least a second of them; an
/// empty one is the system's clock, as at the start. No other thread may log meanwhile.
void set_log_clock(std::function<int64_t()> clock);
/// Prints "time level event key=value …". Any thread.
void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);

}  // namespace strandlog

/// LOG(kInfo, "became leader", kv("group", id), kv("term", term));
#define LOG(level, ...)                                                 \
  do {                                                                  \
    if (::strandlog::LogLevel::level >= ::strandlog::log_level())       \
      ::strandlog::log_call(::strandlog::LogLevel::level, __VA_ARGS__); \
  } while (false)

namespace strandlog {
template <class... Fields>
void log_call(LogLevel level, std::string_view event, Fields&&... fields) {
  log_event(level, event, {std::forward<Fields>(fields)...});
}
}  // namespace strandlog
