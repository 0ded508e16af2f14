// strandlog: the command. Parses, runs one handler, prints its error, leaves with a typed code.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

#include "base/option_print.h"
#include "tools/command.h"
#include "tools/interrupt.h"

namespace strandlog::tools {
namespace {

int leave(const Error& error) {
  // Who pressed Ctrl-C knows.
  if (error.code != Code::kInterrupted) print_error(error);
  return static_cast<int>(exit_of(error.code));
}

/// A closed standard descriptor would be given to the next thing that is opened, a socket even, and
/// then be read or written. One that cannot be used the way it is meant keeps its place instead.
void hold_standard_descriptors() {
  const std::array<int, 3> unusable = {O_WRONLY, O_RDONLY, O_RDONLY};
  for (int descriptor = 0; descriptor < 3; ++descriptor)
    if (::fcntl(descriptor, F_GETFD) < 0)
      (void)::open("/dev/null", unusable[static_cast<size_t>(descriptor)]);
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
    const Command& command = *invocation.command;
    invocation.print({.document = command_json(command),
                      .table = command_help(command, width),
                      .names = {command.path}});
    return Exit::kDone;
  }
  return invocation.command->handler(invocation);
}

int main(int argc, char** argv) {
  hold_standard_descriptors();
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
