// Output: data to stdout, as a table, JSON, JSON lines or bare names.
#include "tools/output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/printable.h"
#include "tools/interrupt.h"

namespace strandlog::tools {

void Out::write(std::string_view text) {
  if (closed_ || !state_.ok()) return;
  buffer_.append(text);
  if (buffer_.size() >= limit_) flush();
}

void Out::flush() {
  std::string_view left(buffer_);
  while (!left.empty() && !closed_ && state_.ok()) {
    const ssize_t written = ::write(descriptor_, left.data(), left.size());
    if (written >= 0) {
      left.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE) {
      closed_ = true;
    } else if (errno == EINTR && interrupted()) {
      closed_ = true;  // a reader that does not read must not hold up the end
    } else if (errno != EINTR) {
      state_ = Error{Code::kIo, std::string("writing the output failed: ") + std::strerror(errno)};
    }
  }
  buffer_.clear();
}

void Out::look() {
  pollfd reader{descriptor_, 0, 0};
  if (::poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR) != 0) closed_ = true;
}

void print_error(const Error& error, const std::string& prefix) {
  std::fprintf(stderr, "error[%s]: %s%s\n", std::string(code_name(error.code)).c_str(),
               prefix.c_str(), printable(error.text, "\n").c_str());
}

void Table::add(std::vector<std::string> row) {
  for (auto& cell : row) cell = printable(cell);
  rows_.push_back(std::move(row));
}

std::string Table::text() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    out += line + "\n";
  }
  return out;
}

std::string json_line(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void print_report(Out& out, OutputFormat format, const Report& report) {
  switch (format) {
    case OutputFormat::kTable:
      out.write(report.table);
      break;
    case OutputFormat::kJson:
      out.write(json_line(report.document));
      break;
    case OutputFormat::kJsonl:
      if (!report.document.is_array()) {
        out.write(json_line(report.document));
        break;
      }
      for (const auto& element : report.document) out.write(json_line(element));
      break;
    case OutputFormat::kNames:
      for (const auto& name : report.names) out.write(name + "\n");
      break;
  }
}

namespace {
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}  // namespace

std::string base64(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (k < count ? static_cast<uint8_t>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out += k <= count ? kBase64[bits >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

Result<std::string> from_base64(std::string_view text) {
  const Error bad{Code::kInvalidArgument,
                  "not base64: \"" + std::string(text.substr(0, 40)) + "\""};
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const auto digit = kBase64.find(c);
    if (digit == std::string_view::npos) return bad;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xff);
  }
  if (held >= 6) return bad;
  return out;
}

std::string fixed(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string human_bytes(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fixed(value, unit == 0 ? 0 : 1) + " " + kUnits[unit];
}

}  // namespace strandlog::tools
