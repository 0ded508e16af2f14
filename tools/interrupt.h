// Interrupts: Ctrl-C and SIGTERM, and how a command that has something to finish hears of them.
#pragma once

#include <functional>
#include <thread>

namespace strandlog::tools {

/// Installs the handlers and ignores SIGPIPE. A signal ends the process at once with 130, unless an
/// OnInterrupt lives. Call once, before any thread starts.
void watch_interrupts();

/// True after a signal that an OnInterrupt took.
bool interrupted();

/// While it lives the first signal sets interrupted() and runs `hurry`, once, on a thread of its
/// own; another one, a second later or more, ends the process. One at a time.
class OnInterrupt {
 public:
  explicit OnInterrupt(std::function<void()> hurry);
  ~OnInterrupt();
  OnInterrupt(const OnInterrupt&) = delete;
  OnInterrupt& operator=(const OnInterrupt&) = delete;

 private:
  int event_ = -1;
  std::thread thread_;
};

}  // namespace strandlog::tools
