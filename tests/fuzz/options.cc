// Options from command line, environment and file; what is printed as INI means the same.
#include "base/options.h"

#include "base/option_print.h"
#include "tests/fuzz/entries.h"
#include "tests/fuzz/input.h"

namespace strandlog::fuzz {
namespace {

const OptionTable& table() {
  static const OptionTable kTable = with_environment({
      {.name = "data.dir", .flag = 'd', .help = "text"},
      {.name = "broker.id", .type = OptionType::kInteger, .min = -5, .max = 1000, .help = "number"},
      {.name = "cache.bytes", .type = OptionType::kBytes, .fallback = "64MiB", .help = "bytes"},
      {.name = "delay", .type = OptionType::kDuration, .unit = "s", .fallback = "5", .help = "t"},
      {.name = "allow", .flag = 'a', .type = OptionType::kBool, .fallback = "no", .help = "bool"},
      {.name = "seeds", .flag = 's', .type = OptionType::kList, .help = "list"},
      {.name = "header", .flag = 'H', .type = OptionType::kRepeated, .help = "repeated"},
      {.name = "acks",
       .type = OptionType::kChoice,
       .fallback = "all",
       .choices = {"0", "1", "all"},
       .help = "choice"},
      {.name = "inner", .help = "not shown", .hidden = true},
  });
  return kTable;
}

// The parts of `bytes` between `separator`.
std::vector<std::string> split(ByteView bytes, uint8_t separator) {
  std::vector<std::string> parts;
  while (!bytes.empty()) {
    auto end = std::find(bytes.begin(), bytes.end(), separator);
    size_t count = static_cast<size_t>(end - bytes.begin());
    parts.emplace_back(text_of(bytes.first(count)));
    bytes = bytes.subspan(std::min(count + 1, bytes.size()));
  }
  return parts;
}

bool same(const Option& option, const OptionValue* a, const OptionValue* b) {
  if (!a || !b) return !a && !b;
  bool text = option.type == OptionType::kString || option.type == OptionType::kList ||
              option.type == OptionType::kRepeated || option.type == OptionType::kChoice;
  return a->number == b->number && (!text || a->texts == b->texts);
}

void check_printed(const OptionValues& values) {
  print_options(table(), values, OptionFormat::kJson);
  print_options(table(), values, OptionFormat::kMarkdown);
  std::string ini = print_options(table(), values, OptionFormat::kIni);
  auto again = parse_options(table(), {.file_name = "printed", .file_text = ini});
  CHECK(again.ok());
  for (const Option& option : table()) {
    if (!option.hidden) CHECK(same(option, values.find(option.name), again->find(option.name)));
  }
}

void check_words(const std::vector<std::string>& arguments) {
  auto words = leading_words(table(), arguments, 3);
  CHECK(words.size() <= 3);
  for (size_t i = 0; i < words.size(); ++i) {
    CHECK(words[i] < arguments.size() && (i == 0 || words[i - 1] < words[i]));
  }
}

}  // namespace

// Arguments, variables and file, between bytes 0xff; arguments and variables between zeroes.
void feed_options(ByteView input) {
  OptionSources sources;
  std::vector<std::string> parts = split(input, 0xff);
  parts.resize(std::max<size_t>(parts.size(), 4));
  sources.arguments = split(view_of(parts[0]), 0);
  for (const std::string& variable : split(view_of(parts[1]), 0)) {
    size_t equals = std::min(variable.find('='), variable.size());
    sources.environment[variable.substr(0, equals)] =
        variable.substr(std::min(equals + 1, variable.size()));
  }
  sources.file_text = parts[2];
  sources.file_name = parts[3];
  check_words(sources.arguments);
  auto values = parse_options(table(), sources);
  if (values.ok()) {
    check_printed(*values);
  } else {
    CHECK(values.error().code == Code::kInvalidArgument);
  }
}

}  // namespace strandlog::fuzz
