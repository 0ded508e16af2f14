// Output: data to stdout, as a table, JSON, JSON lines or bare names.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strandlog::tools {

using Json = nlohmann::ordered_json;

enum class OutputFormat { kTable, kJson, kJsonl, kNames };

/// Gathers output and hands it to a descriptor in large writes. One thread.
class Out {
 public:
  explicit Out(int descriptor, size_t limit = 1 << 20) : descriptor_(descriptor), limit_(limit) {}
  /// Writes out when `limit` is reached; after a failure everything is dropped.
  void write(std::string_view text);
  void flush();
  /// Nothing more needs to be made: the reader is gone (`| head`, no failure) or a write failed.
  bool stopped() const { return closed_ || !state_.ok(); }
  /// Finds out whether the reader of a pipe is gone without writing to it.
  void look();
  /// kIo when a write failed for another reason.
  const Result<void>& state() const { return state_; }

 private:
  int descriptor_;
  size_t limit_;
  std::string buffer_;
  bool closed_ = false;
  Result<void> state_;
};

/// Columns padded to their widest cell; numbers are the caller's to format. Control characters are
/// shown as printable() does.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> row);
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// One answer in every form a user may ask for.
struct Report {
  Json document;           ///< an array prints one element a line as jsonl
  std::string table = {};  ///< lines, each ended
  std::vector<std::string> names = {};
};
void print_report(Out& out, OutputFormat format, const Report& report);

/// `error[code]: prefix text` to stderr, control characters other than line ends escaped.
void print_error(const Error& error, const std::string& prefix = {});

/// On one line; bytes that are not UTF-8 are replaced.
std::string json_line(const Json& document);

std::string base64(std::string_view bytes);
Result<std::string> from_base64(std::string_view text);
/// "412.3 MiB"
std::string human_bytes(uint64_t bytes);
/// With `digits` after the point.
std::string fixed(double value, int digits);

}  // namespace strandlog::tools
