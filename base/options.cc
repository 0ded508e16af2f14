// Options: one table of settings that drives flags, environment, INI file, help and reference.
#include "base/options.h"

#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <exception>
#include <set>

#include "base/option_types.h"

namespace strandlog {
namespace po = boost::program_options;

namespace {

constexpr int kStyle = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;

Error bad(std::string text) { return Error{Code::kInvalidArgument, std::move(text)}; }

std::vector<std::string> names_of(const OptionTable& table) {
  std::vector<std::string> names;
  for (const auto& option : table)
    if (!option.hidden) names.push_back(option.name);
  return names;
}

const Option* option_named(const OptionTable& table, std::string_view name) {
  for (const auto& option : table)
    if (option.name == name) return &option;
  return nullptr;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::string_view without_comment(std::string_view line) {
  line = trimmed(line);
  if (line.starts_with('#') || line.starts_with(';')) return {};
  return trimmed(line.substr(0, line.find(" #")));
}

// What stands between double quotes at the front of `text`; `rest` is what follows them.
std::optional<std::string> unquoted(std::string_view text, std::string_view& rest) {
  std::string value;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      rest = text.substr(i + 1);
      return value;
    }
    if (text[i] != '\\') {
      value += text[i];
      continue;
    }
    if (++i == text.size()) break;
    switch (text[i]) {
      case 'n':
        value += '\n';
        break;
      case 'r':
        value += '\r';
        break;
      case 't':
        value += '\t';
        break;
      case '"':
      case '\\':
        value += text[i];
        break;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

po::options_description describe(const OptionTable& table) {
  po::options_description description;
  for (const auto& option : table) {
    std::string names = option.name;
    if (option.flag != 0) names += std::string(",") + option.flag;
    if (option.type == OptionType::kBool) {
      description.add_options()(names.c_str(), "");
    } else {
      description.add_options()(names.c_str(), po::value<std::string>());
    }
  }
  return description;
}

}  // namespace

/// Collects values source by source, strongest first, so that a later source never overrides.
class OptionParser {
 public:
  explicit OptionParser(const OptionTable& table) : table_(table) {
    for (const auto& option : table)
      CHECK(result_.values_.emplace(option.name, std::nullopt).second);
  }

  Result<OptionValues> parse(const OptionSources& sources) {
    TRY(parse_arguments(sources.arguments));
    TRY(parse_environment(sources.environment));
    TRY(parse_file(sources.file_name, sources.file_text));
    for (const auto& option : table_) {
      if (!option.fallback) continue;
      TRY(add(option, *option.fallback, Origin::kDefault, "default"));
    }
    return std::move(result_);
  }

 private:
  Result<void> parse_arguments(const std::vector<std::string>& arguments) {
    const auto description = describe(table_);
    try {
      ASSIGN(const auto rest, take_assigned_bools(arguments));
      const auto parsed = po::command_line_parser(rest).options(description).style(kStyle).run();
      for (const auto& item : parsed.options) {
        if (item.position_key >= 0) {
          result_.positionals_.insert(result_.positionals_.end(), item.value.begin(),
                                      item.value.end());
          continue;
        }
        const Option* option = option_named(table_, item.string_key);
        CHECK(option != nullptr);
        TRY(add(*option, item.value.empty() ? "true" : item.value[0], Origin::kFlag,
                "--" + option->name));
      }
    } catch (const po::unknown_option& unknown) {
      const std::string name = trim_dashes(unknown.get_option_name());
      return bad("no option \"" + unknown.get_option_name() + "\"" +
                 did_you_mean(name, names_of(table_)));
    } catch (const std::exception& failure) {
      return bad(failure.what());
    }
    return {};
  }

  /// The library knows options that always or never take a value; ours of type bool may. Reads
  /// `--name=value` of those and returns the other arguments.
  Result<std::vector<std::string>> take_assigned_bools(const std::vector<std::string>& arguments) {
    std::vector<std::string> rest;
    bool flags_ended = false;
    for (const auto& argument : arguments) {
      flags_ended = flags_ended || argument == "--";
      const size_t equals = argument.find('=');
      const bool assigned =
          !flags_ended && argument.starts_with("--") && equals != std::string::npos;
      const Option* option =
          assigned ? option_named(table_, argument.substr(2, equals - 2)) : nullptr;
      if (option == nullptr || option->type != OptionType::kBool) {
        rest.push_back(argument);
        continue;
      }
      TRY(add(*option, argument.substr(equals + 1), Origin::kFlag, "--" + option->name));
    }
    return rest;
  }

  Result<void> parse_environment(const std::map<std::string, std::string>& environment) {
    for (const auto& option : table_) {
      if (option.env.empty()) continue;
      const auto found = environment.find(option.env);
      if (found == environment.end()) continue;
      TRY(add(option, found->second, Origin::kEnvironment, option.env));
    }
    return {};
  }

  Result<void> parse_file(const std::string& name, std::string_view text) {
    std::string section;
    for (size_t line_number = 1; !text.empty(); ++line_number) {
      const size_t end = std::min(text.find('\n'), text.size());
      const auto whole = trimmed(text.substr(0, end));
      const auto line = without_comment(whole);
      text.remove_prefix(std::min(end + 1, text.size()));
      const std::string where = name + ":" + std::to_string(line_number);
      if (line.empty()) continue;
      if (line.front() == '[') {
        if (line.back() != ']') return bad(where + ": the section lacks its \"]\"");
        section = std::string(trimmed(line.substr(1, line.size() - 2)));
        continue;
      }
      TRY(parse_line(section, line, whole, where));
    }
    return {};
  }

  /// `whole` is `line` with its comment: quotes may hold what looks like one.
  Result<void> parse_line(const std::string& section, std::string_view line, std::string_view whole,
                          const std::string& where) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos)
      return bad(where + ": \"" + std::string(line) + "\" is not key = value");
    const std::string key(trimmed(line.substr(0, equals)));
    const std::string full = section.empty() ? key : section + "." + key;
    const Option* option = option_named(table_, full);
    if (option == nullptr)
      return bad(where + ": no option \"" + full + "\"" + did_you_mean(full, names_of(table_)));
    const auto quoted = trimmed(whole.substr(equals + 1));
    if (!quoted.starts_with('"'))
      return add(*option, std::string(trimmed(line.substr(equals + 1))), Origin::kFile, where);
    std::string_view rest;
    const auto value = unquoted(quoted, rest);
    rest = trimmed(rest);
    if (!value || !(rest.empty() || rest.starts_with('#')))
      return bad(where + ": " + full + " wants its text between two double quotes, with \\\" and " +
                 "\\\\ for those characters in it");
    return add(*option, *value, Origin::kFile, where);
  }

  Result<void> add(const Option& option, const std::string& text, Origin origin,
                   const std::string& where) {
    auto& slot = result_.values_.find(option.name)->second;
    const bool many = option.type == OptionType::kList || option.type == OptionType::kRepeated;
    if (slot && slot->origin != origin) return {};
    if (slot && !many) return bad(where + ": " + option.name + " is given twice");
    auto number = parse_option_text(option, text);
    if (!number.ok()) return bad(where + ": " + number.error().text);
    if (!slot) slot = OptionValue{.origin = origin, .where = where};
    slot->number = *number;
    if (option.type == OptionType::kList) {
      for (auto& part : split_list(text)) slot->texts.push_back(std::move(part));
    } else {
      slot->texts.push_back(text);
    }
    return {};
  }

  static std::string trim_dashes(const std::string& name) {
    return name.substr(std::min(name.find_first_not_of('-'), name.size()));
  }

  const OptionTable& table_;
  OptionValues result_;
};

Result<OptionValues> parse_options(const OptionTable& table, const OptionSources& sources) {
  return OptionParser(table).parse(sources);
}

OptionTable with_environment(OptionTable table) {
  for (auto& option : table) {
    if (!option.env.empty()) continue;
    option.env = "STRANDLOG_";
    for (char c : option.name) {
      const bool lower = c >= 'a' && c <= 'z';
      const bool joint = c == '.' || c == '-';
      option.env.push_back(lower ? static_cast<char>(c - 'a' + 'A') : joint ? '_' : c);
    }
  }
  return table;
}

const OptionValue* OptionValues::find(std::string_view name) const {
  const auto found = values_.find(name);
  CHECK(found != values_.end());
  return found->second ? &*found->second : nullptr;
}

const OptionValue& OptionValues::get(std::string_view name) const {
  const OptionValue* value = find(name);
  CHECK(value != nullptr);
  return *value;
}

bool OptionValues::has(std::string_view name) const { return find(name) != nullptr; }
const std::string& OptionValues::text(std::string_view name) const { return get(name).texts.at(0); }
int64_t OptionValues::integer(std::string_view name) const { return get(name).number; }
uint64_t OptionValues::bytes(std::string_view name) const {
  return static_cast<uint64_t>(get(name).number);
}
std::chrono::milliseconds OptionValues::duration(std::string_view name) const {
  return std::chrono::milliseconds{get(name).number};
}
bool OptionValues::flag(std::string_view name) const {
  const OptionValue* value = find(name);
  return value != nullptr && value->number != 0;
}
const std::vector<std::string>& OptionValues::list(std::string_view name) const {
  static const std::vector<std::string> kNone;
  const OptionValue* value = find(name);
  return value == nullptr ? kNone : value->texts;
}
Origin OptionValues::origin(std::string_view name) const {
  const OptionValue* value = find(name);
  return value == nullptr ? Origin::kDefault : value->origin;
}

std::map<std::string, std::string> strandlog_environment() {
  std::map<std::string, std::string> found;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || !text.starts_with("STRANDLOG_")) continue;
    found.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return found;
}

std::vector<size_t> leading_words(const OptionTable& table,
                                  const std::vector<std::string>& arguments, size_t max_words) {
  std::vector<size_t> words;
  for (size_t i = 0; i < arguments.size() && words.size() < max_words; ++i) {
    const std::string& argument = arguments[i];
    if (argument.size() < 2 || argument[0] != '-') {
      words.push_back(i);
      continue;
    }
    const bool is_long = argument[1] == '-';
    const std::string name = argument.substr(2, argument.find('=') - 2);
    const auto option = std::find_if(table.begin(), table.end(), [&](const Option& candidate) {
      return is_long ? candidate.name == name : candidate.flag == argument[1];
    });
    if (option == table.end()) break;
    const bool attached = is_long ? argument.find('=') != std::string::npos : argument.size() > 2;
    if (option->type != OptionType::kBool && !attached) ++i;
  }
  return words;
}

}  // namespace strandlog
