// strandlog: the command. Parses, runs one handler, prints its error, leaves with a typed code.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/option_print.h"
#include "tools/command.h"
#include "tools/interrupt.h"

namespace strandlog::tools {
namespace {

int leave(const Error& error) {
  std::fprintf(stderr, "error[%s]: %s\n", std::string(code_name(error.code)).c_str(),
               error.text.c_str());
  return static_cast<int>(exit_of(error.code));
}

CommandLine command_line(int argc, char** argv) {
  CommandLine line;
  line.arguments.assign(argv + (argc > 0 ? 1 : 0), argv + argc);
  line.environment = strandlog_environment();
  line.profile_name = profile_path();
  if (line.profile_name.empty()) return line;
  std::ifstream file(line.profile_name, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  line.profile_text = text.str();
  return line;
}

Result<Exit> run(Invocation& invocation) {
  const size_t width = terminal_width(STDOUT_FILENO);
  if (invocation.command == nullptr) {
    invocation.out->write(overview("", width));
    return Exit::kDone;
  }
  if (invocation.help) {
    invocation.out->write(command_help(*invocation.command, width));
    return Exit::kDone;
  }
  return invocation.command->handler(invocation);
}

int main(int argc, char** argv) {
  watch_interrupts();
  auto invocation = parse_invocation(command_line(argc, argv));
  if (!invocation.ok()) return leave(invocation.error());
  Out out(STDOUT_FILENO);
  invocation->out = &out;
  const auto result = run(*invocation);
  out.flush();
  if (!result.ok()) return leave(result.error());
  if (!out.state().ok()) return leave(out.state().error());
  return static_cast<int>(*result);
}

}  // namespace
}  // namespace strandlog::tools

int main(int argc, char** argv) { return strandlog::tools::main(argc, argv); }
