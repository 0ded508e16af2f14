// help, version: what the command says about itself.
#include <unistd.h>

#include "base/option_print.h"
#include "base/option_types.h"
#include "base/version.h"
#include "tools/command.h"

namespace strandlog::tools {

Json command_json(const Command& command) {
  Json options = Json::array();
  for (const auto& option : command.options) {
    if (option.hidden) continue;
    options.push_back({{"name", option.name},
                       {"flag", option.flag == 0 ? Json() : Json(std::string(1, option.flag))},
                       {"default", option.fallback ? Json(*option.fallback) : Json()},
                       {"help", option.help}});
  }
  Json positionals = Json::array();
  for (const auto& positional : command.positionals)
    positionals.push_back({{"name", positional.name}, {"required", positional.required}});
  Json exits = Json::object();
  for (const auto& [exit, meaning] : command.exits)
    exits[std::to_string(static_cast<int>(exit))] = meaning;
  return {{"command", command.path},
          {"summary", command.summary},
          {"positionals", std::move(positionals)},
          {"options", std::move(options)},
          {"examples", command.examples},
          {"json", command.json},
          {"exits", std::move(exits)}};
}

namespace {

Result<Exit> help(Invocation& invocation) {
  std::string path;
  for (const auto& word : invocation.positionals) path += (path.empty() ? "" : " ") + word;
  const size_t width = terminal_width(STDOUT_FILENO);
  Report report{.document = Json::array()};
  std::vector<std::string> nouns;
  for (const auto& command : commands()) {
    const std::string noun = command.path.substr(0, command.path.find(' '));
    nouns.push_back(noun);
    if (!path.empty() && path != command.path && path != noun) continue;
    report.document.push_back(command_json(command));
    report.names.push_back(command.path);
    if (path == command.path) report.table = command_help(command, width);
  }
  if (report.names.empty()) {
    return Error{Code::kInvalidArgument, "no command \"" + path + "\"" + did_you_mean(path, nouns) +
                                             "\n  all commands: strandlog help"};
  }
  if (report.table.empty()) report.table = overview(path, width);
  invocation.print(report);
  return Exit::kDone;
}

Result<Exit> version(Invocation& invocation) {
  invocation.print({.document = {{"version", kVersion}},
                    .table = std::string("strandlog ") + kVersion + "\n",
                    .names = {kVersion}});
  return Exit::kDone;
}

}  // namespace

std::vector<Command> help_commands() {
  return {
      {.path = "help",
       .summary = "explain a command, or list them all",
       .positionals =
           {{.name = "COMMAND", .help = "one or two words", .required = false, .repeated = true}},
       .examples = {"strandlog help topic create", "strandlog help dev"},
       .json = R"([{"command","summary","positionals","options","examples","json","exits"},…])",
       .handler = help},
      {.path = "version",
       .summary = "print the version",
       .examples = {"strandlog version"},
       .json = R"({"version"})",
       .handler = version},
  };
}

}  // namespace strandlog::tools
