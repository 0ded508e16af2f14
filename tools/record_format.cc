// Record formats: how one line of input becomes a record, and one record a line of output.
#include "tools/record_format.h"

#include <algorithm>

#include "base/option_print.h"
#include "base/option_types.h"
#include "base/printable.h"
#include "tools/output.h"
#include "tools/time_text.h"

namespace strandlog::tools {
namespace {

constexpr int32_t kMaxPartition = 1000000;

Error bad(const std::string& text) { return Error{Code::kInvalidArgument, "jsonl: " + text}; }

Result<std::optional<std::string>> text_field(const Json& object, const char* name,
                                              const char* encoding) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::optional<std::string>{};
  if (!found->is_string()) return bad(std::string("\"") + name + "\" is not a string");
  const auto coded = object.find(encoding);
  if (coded == object.end()) return std::optional<std::string>(found->get<std::string>());
  if (*coded != "base64") return bad(std::string("\"") + encoding + "\" is not \"base64\"");
  ASSIGN(std::string bytes, from_base64(found->get_ref<const std::string&>()));
  return std::optional<std::string>(std::move(bytes));
}

/// A misspelt field would be a record without it.
Result<void> check_fields(const Json& object, const std::vector<std::string>& known) {
  for (const auto& field : object.items()) {
    if (std::find(known.begin(), known.end(), field.key()) == known.end())
      return bad("no field is called \"" + field.key() + "\"" + did_you_mean(field.key(), known));
  }
  return {};
}

Result<void> read_headers(const Json& object, client::Record& record) {
  const auto headers = object.find("headers");
  if (headers == object.end()) return {};
  if (!headers->is_array()) return bad("\"headers\" is not an array");
  for (const auto& header : *headers) {
    if (!header.is_object() || !header.contains("key") || !header["key"].is_string())
      return bad("a header is not {\"key\",\"value\"}");
    TRY(check_fields(header, {"key", "key_encoding", "value", "encoding"}));
    ASSIGN(auto key, text_field(header, "key", "key_encoding"));
    ASSIGN(auto value, text_field(header, "value", "encoding"));
    record.headers.push_back({std::move(*key), std::move(value)});
  }
  return {};
}

Result<void> read_timestamp(const Json& object, client::Record& record) {
  const auto time = object.find("timestamp");
  if (time == object.end() || time->is_null()) return {};
  if (time->is_number_integer()) {
    record.timestamp_ms = time->get<int64_t>();
    return {};
  }
  if (!time->is_string()) return bad("\"timestamp\" is neither milliseconds nor RFC 3339");
  const auto parsed = parse_rfc3339(time->get_ref<const std::string&>());
  if (!parsed.ok()) return bad("\"timestamp\": " + parsed.error().text);
  record.timestamp_ms = *parsed;
  return {};
}

void append_field(std::string& out, const char* name, const char* encoding,
                  const std::optional<std::string>& bytes) {
  out += std::string("\"") + name + "\":";
  if (!bytes) {
    out += "null";
  } else if (is_utf8(*bytes)) {
    out += json_quoted(*bytes);
  } else {
    out += "\"" + base64(*bytes) + "\",\"" + encoding + "\":\"base64\"";
  }
}

}  // namespace

Result<client::Record> record_from_json(std::string_view line) {
  const Json object = Json::parse(line, nullptr, false);
  if (object.is_discarded() || !object.is_object())
    return bad("not a JSON object: \"" + std::string(line.substr(0, 60)) + "\"");
  // What consume prints is read back, so where a record was is allowed and not looked at.
  TRY(check_fields(object, {"key", "key_encoding", "value", "encoding", "headers", "timestamp",
                            "partition", "topic", "offset"}));
  client::Record record;
  ASSIGN(record.key, text_field(object, "key", "key_encoding"));
  ASSIGN(record.value, text_field(object, "value", "encoding"));
  if (const auto partition = object.find("partition"); partition != object.end()) {
    if (!partition->is_number_integer() || *partition < 0 || *partition > kMaxPartition)
      return bad("\"partition\" is not a number from 0 to " + std::to_string(kMaxPartition));
    record.partition = partition->get<int32_t>();
  }
  TRY(read_headers(object, record));
  TRY(read_timestamp(object, record));
  return record;
}

std::string record_json(const client::ConsumedRecord& record) {
  std::string out = "{\"topic\":" + json_quoted(record.where.topic);
  out += ",\"partition\":" + std::to_string(record.where.partition);
  out += ",\"offset\":" + std::to_string(record.offset);
  out += ",\"timestamp\":\"" + rfc3339(record.timestamp_ms) + "\",";
  append_field(out, "key", "key_encoding", record.key);
  out += ",";
  append_field(out, "value", "encoding", record.value);
  out += ",\"headers\":[";
  for (const auto& header : record.headers) {
    if (out.back() == '}') out += ",";
    out += "{";
    append_field(out, "key", "key_encoding", header.key);
    out += ",";
    append_field(out, "value", "encoding", header.value);
    out += "}";
  }
  return out + "]}";
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    const bool known = next == 't' || next == 'n' || next == '0' || next == '\\';
    if (text[i] != '\\' || !known || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    out += next == 't' ? '\t' : next == 'n' ? '\n' : next == '0' ? '\0' : '\\';
    ++i;
  }
  return out;
}

}  // namespace strandlog::tools
