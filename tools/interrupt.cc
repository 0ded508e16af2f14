// Interrupts: Ctrl-C and SIGTERM as something a loop can ask about.
#include "tools/interrupt.h"

#include <csignal>

namespace strandlog::tools {
namespace {

// A signal handler can reach nothing but a global.
volatile std::sig_atomic_t seen = 0;

void on_signal(int) { seen = 1; }

}  // namespace

void watch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
}

bool interrupted() { return seen != 0; }

}  // namespace strandlog::tools
