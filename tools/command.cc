// Command: the one static table of what `strandlog` can do, and how an invocation is parsed.
#include "tools/command.h"

#include <cstdio>
#include <cstdlib>

#include "base/option_print.h"
#include "base/option_types.h"
#include "base/printable.h"

namespace strandlog::tools {
namespace {

Error usage(std::string text) { return Error{Code::kInvalidArgument, std::move(text)}; }

const Command* command_at(const std::string& path) {
  for (const auto& command : commands())
    if (command.path == path) return &command;
  return nullptr;
}

std::string first_word(const std::string& path) { return path.substr(0, path.find(' ')); }

Error unknown_command(const std::vector<std::string>& words) {
  std::vector<std::string> nouns;
  std::vector<std::string> verbs;
  for (const auto& command : commands()) {
    const std::string noun = first_word(command.path);
    nouns.push_back(noun);
    if (noun == words[0] && noun != command.path)
      verbs.push_back(command.path.substr(noun.size() + 1));
  }
  if (verbs.empty()) {
    return usage("no command \"" + words[0] + "\"" + did_you_mean(words[0], nouns) +
                 "\n  all commands: strandlog help");
  }
  if (words.size() == 1)
    return usage(words[0] + " needs a verb\n  see: strandlog help " + words[0]);
  return usage("no command \"" + words[0] + " " + words[1] + "\"" + did_you_mean(words[1], verbs) +
               "\n  see: strandlog help " + words[0]);
}

OptionTable table_of(const Command* command) {
  OptionTable table = global_options();
  if (command != nullptr)
    table.insert(table.end(), command->options.begin(), command->options.end());
  return table;
}

Result<void> check_positionals(const Command& command, const std::vector<std::string>& given) {
  size_t least = 0;
  size_t most = 0;
  for (const auto& positional : command.positionals) {
    least += positional.required ? 1 : 0;
    most = positional.repeated ? given.size() + 1 : most + 1;
  }
  const std::string see = "\n  see: strandlog help " + command.path;
  if (given.size() < least)
    return usage(command.path + " needs " + command.positionals[given.size()].name + see);
  if (given.size() > most)
    return usage(command.path + ": nothing takes \"" + given[most] + "\"" + see);
  return {};
}

OutputFormat format_of(const std::string& text) {
  if (text == "json") return OutputFormat::kJson;
  if (text == "jsonl") return OutputFormat::kJsonl;
  if (text == "names") return OutputFormat::kNames;
  return OutputFormat::kTable;
}

/// The command named by the first words, which are then taken out of `arguments`.
Result<const Command*> take_command(std::vector<std::string>& arguments) {
  const auto places = leading_words(global_options(), arguments, 2);
  if (places.empty()) return static_cast<const Command*>(nullptr);
  std::vector<std::string> words;
  for (size_t place : places) words.push_back(arguments[place]);
  const Command* command = nullptr;
  size_t used = 2;
  if (words.size() == 2) command = command_at(words[0] + " " + words[1]);
  if (command == nullptr) {
    command = command_at(words[0]);
    used = 1;
  }
  if (command == nullptr) return unknown_command(words);
  for (size_t i = used; i-- > 0;)
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(places[i]));
  return command;
}

/// A variable that is set to nothing says nothing.
std::map<std::string, std::string> without_empty(std::map<std::string, std::string> environment) {
  std::erase_if(environment, [](const auto& variable) { return variable.second.empty(); });
  return environment;
}

/// Reads the global options' values into their fields.
Result<void> read_globals(Invocation& invocation) {
  const auto& values = invocation.values;
  invocation.help = values.flag("help");
  invocation.quiet = values.flag("quiet");
  invocation.verbose = values.flag("verbose");
  invocation.format_given = values.has("output");
  if (invocation.format_given) invocation.format = format_of(values.text("output"));
  invocation.servers = values.list("server");
  invocation.positionals = values.positionals();
  if (!invocation.servers.empty()) return {};
  return usage(values.find("server")->where + " names no broker; wanted HOST:PORT,…");
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> kAll = [] {
    std::vector<Command> all;
    for (auto part :
         {produce_commands(), consume_commands(), topic_commands(), cluster_commands(),
          dev_commands(), log_commands(), bench_commands(), completion_commands(), help_commands()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return kAll;
}

ExitMeanings asking(ExitMeanings meanings) {
  // The first meaning of a code wins.
  meanings.insert(meanings.end(), {{Exit::kUnreachable,
                                    "no broker reached, or no answer in time: may succeed later"},
                                   {Exit::kDenied, "not allowed"}});
  return meanings;
}

const OptionTable& global_options() {
  static const OptionTable kGlobal = {
      {.name = "server",
       .flag = 's',
       .type = OptionType::kList,
       .unit = "LIST",
       .fallback = "127.0.0.1:7400",
       .help = "brokers to ask, HOST:PORT with commas between; any of the cluster will do; "
               "else the profile that `dev up` writes",
       .env = "STRANDLOG_SERVERS"},
      {.name = "output",
       .flag = 'o',
       .type = OptionType::kChoice,
       .choices = {"table", "json", "jsonl", "names"},
       .help = "form of what goes to stdout"},
      {.name = "timeout",
       .type = OptionType::kDuration,
       .unit = "s",
       .fallback = "5s",
       .min = 1,
       .max = 86400000,
       .help = "longest wait for a broker and for each request"},
      {.name = "quiet", .flag = 'q', .type = OptionType::kBool, .help = "errors alone on stderr"},
      {.name = "verbose",
       .flag = 'v',
       .type = OptionType::kBool,
       .help = "on stderr: which brokers are asked, and what positions mean"},
      {.name = "help", .flag = 'h', .type = OptionType::kBool, .help = "this help"},
  };
  return kGlobal;
}

Result<Invocation> parse_invocation(const CommandLine& line) {
  Invocation invocation;
  auto arguments = line.arguments;
  ASSIGN(invocation.command, take_command(arguments));
  // The profile says which cluster, not what a command does.
  const auto from_profile = parse_options(
      global_options(), {.file_name = line.profile_name, .file_text = line.profile_text});
  if (!from_profile.ok())
    return usage(from_profile.error().text + "\n  mend or delete " + line.profile_name);
  auto values =
      parse_options(table_of(invocation.command), {.arguments = arguments,
                                                   .environment = without_empty(line.environment),
                                                   .file_name = line.profile_name,
                                                   .file_text = line.profile_text});
  if (!values.ok()) {
    const std::string of = invocation.command == nullptr ? "" : " " + invocation.command->path;
    return usage(values.error().text + "\n  see: strandlog help" + of);
  }
  invocation.values = std::move(*values);
  TRY(read_globals(invocation));
  if (invocation.command != nullptr && !invocation.help)
    TRY(check_positionals(*invocation.command, invocation.positionals));
  return invocation;
}

void Invocation::note(std::string_view text) const {
  if (quiet) return;
  std::fprintf(stderr, "%s\n", printable(text, "\n").c_str());
}

std::string Invocation::servers_text() const {
  std::string text;
  for (const auto& server : servers) text += (text.empty() ? "" : ",") + server;
  const OptionValue* value = values.find("server");
  return text + (value == nullptr ? "" : " (from " + value->where + ")");
}

Result<client::Client> Invocation::connect() const {
  client::ClientConfig config;
  config.servers = servers;
  config.request_timeout = timeout();
  config.connect_timeout = timeout();
  auto client = lift(client::Client::connect(std::move(config)));
  const std::string& origin = values.find("server")->where;
  if (!client.ok())
    return Error{client.error().code, client.error().text + " (from " + origin + ")"};
  if (verbose) note("asking " + servers_text());
  return client;
}

std::string profile_path() {
  const char* base = std::getenv("XDG_CONFIG_HOME");
  if (base != nullptr && *base != '\0') return std::string(base) + "/strandlog/profile";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return "";
  return std::string(home) + "/.config/strandlog/profile";
}

namespace {

/// Commas followed by a blank, so that the text can be wrapped there.
std::string with_blanks(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == ',' && i + 1 < text.size() && text[i + 1] != ' ') out += ' ';
  }
  return out;
}

std::string exits_text(const Command& command, size_t width) {
  ExitMeanings all = command.exits;
  all.insert(all.end(), {{Exit::kDone, "done"},
                         {Exit::kFailed, "another failure"},
                         {Exit::kUsage, "wrong usage; nothing was sent"},
                         {Exit::kInterrupted, "interrupted"}});
  std::map<int, std::string> meanings;
  for (const auto& [exit, meaning] : all) meanings.emplace(static_cast<int>(exit), meaning);
  std::string out;
  for (const auto& [number, meaning] : meanings) {
    const std::string shown = std::to_string(number);
    out +=
        "  " + shown + std::string(5 - shown.size(), ' ') + wrapped(meaning, width - 7, 7) + "\n";
  }
  return out;
}

}  // namespace

std::string command_help(const Command& command, size_t width) {
  std::string use = "strandlog " + command.path;
  std::string about;
  for (const auto& positional : command.positionals) {
    const std::string name = positional.name + (positional.repeated ? "…" : "");
    use += positional.required ? " " + name : " [" + name + "]";
    about += "  " + positional.name;
    about += std::string(positional.name.size() < 24 ? 26 - positional.name.size() : 2, ' ');
    about += wrapped(positional.help, width - 28, 28) + "\n";
  }
  std::string out = use + " [options]\n";
  out += "  " + wrapped(command.summary, width - 2, 2) + "\n";
  if (!about.empty()) out += "\n" + about;
  if (!command.options.empty()) out += "\noptions\n" + option_help(command.options, width);
  out += "\nevery command\n" + option_help(global_options(), width);
  out += "\nexamples\n";
  for (const auto& example : command.examples) out += "  " + example + "\n";
  out += "\n-o json\n  " + wrapped(with_blanks(command.json), width - 2, 2) + "\n";
  return out + "\nexit codes\n" + exits_text(command, width);
}

std::string overview(const std::string& noun, size_t width) {
  std::string out;
  if (noun.empty()) {
    out = "strandlog NOUN VERB [options]: topics, records and brokers of a Strandlog cluster\n\n";
  }
  for (const auto& command : commands()) {
    if (!noun.empty() && first_word(command.path) != noun) continue;
    std::string use = "  " + command.path;
    for (const auto& positional : command.positionals)
      use += positional.required ? " " + positional.name : " [" + positional.name + "]";
    if (use.size() + 2 > 30) {
      use += "\n" + std::string(30, ' ');
    } else {
      use += std::string(30 - use.size(), ' ');
    }
    out += use + wrapped(command.summary, width - 30, 30) + "\n";
  }
  if (!noun.empty()) return out;
  out += "\nevery command\n" + option_help(global_options(), width);
  out += "\nmore on one: strandlog help VERB      begin here: strandlog dev up -n 3\n";
  return out;
}

}  // namespace strandlog::tools
