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
  /// The reader is gone (`| head`): no failure, but nothing more needs to be made.
  bool closed() const { return closed_; }
  /// kIo when a write failed for another reason.
  const Result<void>& state() const { return state_; }

 private:
  int descriptor_;
  size_t limit_;
  std::string buffer_;
  bool closed_ = false;
  Result<void> state_;
};

/// Columns padded to their widest cell; numbers are the caller's to format.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
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

/// On one line; bytes that are not UTF-8 are replaced.
std::string json_line(const Json& document);

bool is_utf8(std::string_view text);
std::string base64(std::string_view bytes);
Result<std::string> from_base64(std::string_view text);
/// "2026-05-04T10:11:12.123Z"
std::string rfc3339(int64_t milliseconds_since_1970);
/// "412.3 MiB"
std::string human_bytes(uint64_t bytes);
/// With `digits` after the point.
std::string fixed(double value, int digits);

}  // namespace strandlog::tools
