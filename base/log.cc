#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>

namespace strandlog {
namespace {
// The threshold is the one process-wide value: a logger that had to be handed to every class would
// be a parameter of all of them.
std::atomic<LogLevel> threshold{LogLevel::kInfo};

std::function<int64_t()>& log_clock() {
  static std::function<int64_t()> clock;
  return clock;
}

spdlog::logger& logger() {
  static spdlog::logger instance = [] {
    spdlog::logger made("strandlog", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made.set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
    made.set_level(spdlog::level::trace);
    made.flush_on(spdlog::level::info);
    return made;
  }();
  return instance;
}

spdlog::level::level_enum spd(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// Values with spaces or quotes are quoted, control characters escaped: one event stays one line.
void append_value(std::string& line, std::string_view value) {
  static constexpr char kHex[] = "0123456789abcdef";
  bool quote = value.empty() || value.find_first_of(" \"=") != std::string_view::npos;
  if (quote) line.push_back('"');
  for (char c : value) {
    auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f) {
      line += "\\x";
      line.push_back(kHex[u >> 4]);
      line.push_back(kHex[u & 15]);
    } else {
      if (c == '"' || c == '\\') line.push_back('\\');
      line.push_back(c);
    }
  }
  if (quote) line.push_back('"');
}
}  // namespace

void set_log_level(LogLevel level) { threshold.store(level, std::memory_order_relaxed); }
void set_log_clock(std::function<int64_t()> clock) { log_clock() = std::move(clock); }
LogLevel log_level() { return threshold.load(std::memory_order_relaxed); }

void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  std::string line(event);
  for (const LogField& field : fields) {
    line.push_back(' ');
    line += field.key;
    line.push_back('=');
    append_value(line, field.value);
  }
  if (const auto& clock = log_clock()) {
    const spdlog::log_clock::time_point when{std::chrono::microseconds(clock())};
    logger().log(when, {}, spd(level), line);
  } else {
    logger().log(spd(level), "{}", line);
  }
}

}  // namespace strandlog
