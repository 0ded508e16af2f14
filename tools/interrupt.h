// Interrupts: Ctrl-C and SIGTERM as something a loop can ask about.
#pragma once

namespace strandlog::tools {

/// Installs the handlers and ignores SIGPIPE. Blocking system calls then end with EINTR. Call once,
/// before any thread starts.
void watch_interrupts();
bool interrupted();

}  // namespace strandlog::tools
