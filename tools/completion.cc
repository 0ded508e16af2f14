// completion: shell scripts that complete commands and options, made from the command table.
#include <set>

#include "tools/command.h"

namespace strandlog::tools {
namespace {

std::string flags_of(const OptionTable& table) {
  std::string out;
  for (const auto& option : table) {
    if (option.hidden) continue;
    out += (out.empty() ? "--" : " --") + option.name;
    if (option.flag != 0) out += std::string(" -") + option.flag;
  }
  return out;
}

std::string first_words() {
  std::set<std::string> words;
  for (const auto& command : commands())
    words.insert(command.path.substr(0, command.path.find(' ')));
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

/// Verbs of each noun that has some, in table order.
std::vector<std::pair<std::string, std::string>> verbs_by_noun() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& command : commands()) {
    const auto space = command.path.find(' ');
    if (space == std::string::npos) continue;
    const std::string noun = command.path.substr(0, space);
    if (out.empty() || out.back().first != noun) out.emplace_back(noun, "");
    auto& verbs = out.back().second;
    verbs += (verbs.empty() ? "" : " ") + command.path.substr(space + 1);
  }
  return out;
}

/// Works in bash, and in zsh through its bashcompinit.
std::string bash_script() {
  std::string out =
      "_strandlog() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} path= i candidates\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case ${COMP_WORDS[i]} in\n"
      "      -s|--server|-o|--output|--timeout) ((i++)) ;;\n"
      "      -*) ;;\n"
      "      *) path=\"${path:+$path }${COMP_WORDS[i]}\" ;;\n"
      "    esac\n"
      "  done\n"
      "  case $path in\n"
      "    '') candidates='" +
      first_words() + "' ;;\n";
  for (const auto& [noun, verbs] : verbs_by_noun())
    out += "    '" + noun + "') candidates='" + verbs + "' ;;\n";
  for (const auto& command : commands())
    out += "    '" + command.path + "'*) candidates='" + flags_of(command.options) + "' ;;\n";
  out +=
      "  esac\n"
      "  [[ $word == -* ]] && candidates=\"$candidates " +
      flags_of(global_options()) +
      "\"\n"
      "  COMPREPLY=($(compgen -W \"$candidates\" -- \"$word\"))\n"
      "}\n"
      "complete -o default -F _strandlog strandlog\n";
  return out;
}

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("\\'") : std::string(1, c);
  return out + "'";
}

std::string fish_options(const OptionTable& table, const std::string& condition) {
  std::string out;
  for (const auto& option : table) {
    if (option.hidden) continue;
    out += "complete -c strandlog" + condition + " -l " + option.name;
    if (option.flag != 0) out += std::string(" -s ") + option.flag;
    if (option.type != OptionType::kBool) out += " -r";
    out += " -d " + shell_quoted(option.help) + "\n";
  }
  return out;
}

std::string fish_script() {
  std::string out = "complete -c strandlog -f\n" + fish_options(global_options(), "");
  out += "complete -c strandlog -n __fish_use_subcommand -a " + shell_quoted(first_words()) + "\n";
  for (const auto& command : commands()) {
    const auto space = command.path.find(' ');
    const std::string noun = command.path.substr(0, space);
    std::string seen = "__fish_seen_subcommand_from " + noun;
    if (space != std::string::npos) {
      const std::string verb = command.path.substr(space + 1);
      out += "complete -c strandlog -n " + shell_quoted(seen) + " -a " + verb + " -d " +
             shell_quoted(command.summary) + "\n";
      seen += "; and __fish_seen_subcommand_from " + verb;
    }
    out += fish_options(command.options, " -n " + shell_quoted(seen));
  }
  return out;
}

Result<Exit> completion(Invocation& invocation) {
  const std::string& shell = invocation.positionals[0];
  std::string script;
  if (shell == "bash") script = bash_script();
  if (shell == "zsh")
    script = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n" +
             bash_script();
  if (shell == "fish") script = fish_script();
  if (script.empty())
    return Error{Code::kInvalidArgument, "no completion for \"" + shell + "\": bash, zsh or fish"};
  invocation.print({.document = {{"shell", shell}, {"script", script}},
                    .table = script,
                    .names = {"bash", "zsh", "fish"}});
  return Exit::kDone;
}

}  // namespace

std::vector<Command> completion_commands() {
  return {{.path = "completion",
           .summary = "print a completion script for a shell",
           .positionals = {{.name = "SHELL", .help = "bash, zsh or fish"}},
           .examples = {"source <(strandlog completion bash)"},
           .json = R"({"shell","script"})",
           .handler = completion}};
}

}  // namespace strandlog::tools
