// Command: the one static table of what `strandlog` can do, and how an invocation is parsed.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/options.h"
#include "strandlog/client.h"
#include "tools/exit.h"
#include "tools/output.h"

namespace strandlog::tools {

struct Invocation;

/// Answers how the command ended. An Error is printed by main and its code becomes the exit code.
using Handler = Result<Exit> (*)(Invocation& invocation);

struct Positional {
  std::string name;
  std::string help;
  bool required = true;
  bool repeated = false;  ///< takes all that follow; the last one only
};

/// Codes and their meanings for one command.
using ExitMeanings = std::vector<std::pair<Exit, std::string>>;
/// With what every command that asks a cluster may end with.
ExitMeanings asking(ExitMeanings meanings);

struct Command {
  std::string path;     ///< "topic create", or one word
  std::string summary;  ///< one line, lower case, no full stop
  OptionTable options = {};
  std::vector<Positional> positionals = {};
  std::vector<std::string> examples = {};
  std::string json = {};  ///< the shape of `-o json`
  /// What its exit codes mean; those that every command has are added by the help.
  ExitMeanings exits = {};
  Handler handler = nullptr;
};

/// Every command, in the order help shows them.
const std::vector<Command>& commands();
/// Options that every command takes.
const OptionTable& global_options();

/// One parsed command line. Made by parse_invocation(); lives as long as the command runs.
struct Invocation {
  const Command* command = nullptr;
  OptionValues values;
  std::vector<std::string> positionals;
  bool help = false;
  bool quiet = false;
  bool verbose = false;
  bool format_given = false;
  OutputFormat format = OutputFormat::kTable;
  std::vector<std::string> servers;
  Out* out = nullptr;

  /// A line to stderr, unless quiet.
  void note(std::string_view text) const;
  /// "127.0.0.1:7400 (default)": who was asked and why.
  std::string servers_text() const;
  std::chrono::milliseconds timeout() const { return values.duration("timeout"); }
  /// A client of the chosen servers; reaching them and each request are bounded by --timeout.
  Result<client::Client> connect() const;
  void print(const Report& report) const { print_report(*out, format, report); }
};

struct CommandLine {
  std::vector<std::string> arguments = {};
  std::map<std::string, std::string> environment = {};
  std::string profile_name = {};
  std::string profile_text = {};
};

/// `command` is null when no word names one: the overview is wanted. kInvalidArgument with the
/// nearest name for an unknown command, option or a wrong number of positionals.
Result<Invocation> parse_invocation(const CommandLine& line);

/// $XDG_CONFIG_HOME/strandlog/profile, or ~/.config/strandlog/profile. Empty without a home.
std::string profile_path();

/// Help of one command, of all commands whose path begins with the word, or the overview.
std::string command_help(const Command& command, size_t width);
Json command_json(const Command& command);
std::string overview(const std::string& noun, size_t width);

// One file per noun makes its part of the table.
std::vector<Command> topic_commands();
std::vector<Command> produce_commands();
std::vector<Command> consume_commands();
std::vector<Command> cluster_commands();
std::vector<Command> dev_commands();
std::vector<Command> bench_commands();
std::vector<Command> log_commands();
std::vector<Command> completion_commands();
std::vector<Command> help_commands();

}  // namespace strandlog::tools
