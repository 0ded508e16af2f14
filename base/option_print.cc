// Option printing: help for a terminal, and the reference or effective values as INI, JSON or
// Markdown.
#include "base/option_print.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <limits>

namespace strandlog {
namespace {

std::string_view type_name(OptionType type) {
  switch (type) {
    case OptionType::kString:
      return "string";
    case OptionType::kInteger:
      return "integer";
    case OptionType::kBytes:
      return "bytes";
    case OptionType::kDuration:
      return "duration";
    case OptionType::kBool:
      return "bool";
    case OptionType::kList:
      return "list";
    case OptionType::kRepeated:
      return "repeated";
    case OptionType::kChoice:
      return "choice";
  }
  return "string";
}

std::string choices_of(const Option& option) {
  std::string out;
  for (const auto& choice : option.choices) out += (out.empty() ? "" : "|") + choice;
  return out;
}

std::string placeholder(const Option& option) {
  if (option.type == OptionType::kBool) return "";
  if (option.type == OptionType::kChoice) return choices_of(option);
  if (option.type == OptionType::kDuration) return "TIME";
  if (option.type == OptionType::kBytes) return "BYTES";
  if (!option.unit.empty()) return option.unit;
  if (option.type == OptionType::kList) return "LIST";
  return option.type == OptionType::kInteger ? "N" : "TEXT";
}

std::string range_of(const Option& option) {
  if (option.type == OptionType::kChoice) return choices_of(option);
  const bool low = option.min != std::numeric_limits<int64_t>::min();
  const bool high = option.max != std::numeric_limits<int64_t>::max();
  if (!low && !high) return "";
  return (low ? std::to_string(option.min) : std::string()) + ".." +
         (high ? std::to_string(option.max) : std::string());
}

std::string value_text(const OptionValue& value) {
  std::string out;
  for (const auto& text : value.texts) out += (out.empty() ? "" : ",") + text;
  return out;
}

// As it is, or between quotes when a file would not give it back.
std::string ini_value(const std::string& text) {
  constexpr std::string_view kBlanks = " \t\r";
  const bool bare = text.empty() ||
                    (text.front() != '"' && text.front() != '#' &&
                     kBlanks.find(text.front()) == std::string_view::npos &&
                     kBlanks.find(text.back()) == std::string_view::npos &&
                     text.find('\n') == std::string::npos && text.find(" #") == std::string::npos);
  if (bare) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : std::string(1, c);
  }
  return out + "\"";
}

// Comments end with their line.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
  return text;
}

std::string ini_line(const Option& option, const OptionValue* value) {
  std::string about = std::string(type_name(option.type));
  if (const auto range = range_of(option); !range.empty()) about += ", " + range;
  if (!option.unit.empty()) about += ", " + option.unit;
  if (value != nullptr) about += "; from " + one_line(value->where);
  std::string out = "# " + option.help + "\n# (" + about + ")\n";
  if (value == nullptr) return out + "# " + option.name + " =\n\n";
  if (option.type == OptionType::kRepeated) {
    for (const auto& text : value->texts) out += option.name + " = " + ini_value(text) + "\n";
    return out + "\n";
  }
  return out + option.name + " = " + ini_value(value_text(*value)) + "\n\n";
}

std::string json_line(const Option& option, const OptionValue* value) {
  std::string out = "  {\"name\":" + json_quoted(option.name);
  out += ",\"type\":" + json_quoted(type_name(option.type));
  out += ",\"unit\":" + json_quoted(option.unit);
  out += ",\"range\":" + json_quoted(range_of(option));
  out += ",\"default\":" + (option.fallback ? json_quoted(*option.fallback) : "null");
  out += ",\"value\":" + (value != nullptr ? json_quoted(value_text(*value)) : "null");
  out += ",\"origin\":" + (value != nullptr ? json_quoted(value->where) : "null");
  out += ",\"env\":" + (option.env.empty() ? "null" : json_quoted(option.env));
  return out + ",\"help\":" + json_quoted(option.help) + "}";
}

std::string cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.insert(at, "\\");
  return text;
}

std::string markdown_line(const Option& option, const OptionValue* value) {
  std::string type(type_name(option.type));
  if (!option.unit.empty()) type += " (" + option.unit + ")";
  std::string out = "| `" + option.name + "` | " + cell(type) + " | " + cell(range_of(option));
  out += " | " + (value != nullptr ? "`" + cell(value_text(*value)) + "`" : std::string("unset"));
  return out + " | " + cell(option.help) + " |\n";
}

}  // namespace

std::string json_quoted(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20) {
      out += std::string("\\u00") + kHex[byte >> 4] + kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string wrapped(std::string_view text, size_t width, size_t indent) {
  std::string out;
  size_t column = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (column > 0 && column + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = 0;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

size_t terminal_width(int descriptor) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return std::clamp<size_t>(size.ws_col, 60, 120);
}

std::string option_help(const OptionTable& table, size_t width) {
  constexpr size_t kColumn = 28;
  std::string out;
  for (const auto& option : table) {
    if (option.hidden) continue;
    std::string head = option.flag != 0 ? std::string("  -") + option.flag + ", " : "      ";
    head += "--" + option.name;
    if (const auto holder = placeholder(option); !holder.empty()) head += " " + holder;
    std::string help = option.help;
    if (option.fallback && option.type != OptionType::kBool && !option.fallback->empty())
      help += " (default " + *option.fallback + ")";
    if (!option.env.empty()) help += " [" + option.env + "]";
    if (head.size() + 2 > kColumn) {
      out += head + "\n" + std::string(kColumn, ' ');
    } else {
      out += head + std::string(kColumn - head.size(), ' ');
    }
    out += wrapped(help, width - kColumn, kColumn) + "\n";
  }
  return out;
}

std::string print_options(const OptionTable& table, const OptionValues& values,
                          OptionFormat format) {
  std::string out;
  bool first = true;
  if (format == OptionFormat::kMarkdown)
    out = "| option | type | range | value | meaning |\n|---|---|---|---|---|\n";
  for (const auto& option : table) {
    if (option.hidden) continue;
    const OptionValue* value = values.find(option.name);
    switch (format) {
      case OptionFormat::kIni:
        out += ini_line(option, value);
        break;
      case OptionFormat::kJson:
        out += (first ? "[\n" : ",\n") + json_line(option, value);
        break;
      case OptionFormat::kMarkdown:
        out += markdown_line(option, value);
        break;
    }
    first = false;
  }
  if (format == OptionFormat::kJson) out += first ? "[]\n" : "\n]\n";
  return out;
}

}  // namespace strandlog
