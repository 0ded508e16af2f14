// Interrupts: Ctrl-C and SIGTERM, and how a command that has something to finish hears of them.
#include "tools/interrupt.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>

#include "tools/exit.h"

namespace strandlog::tools {
namespace {

// A signal handler can reach nothing but globals, and call only what is safe in one.
std::atomic<int64_t> first_ms{0};  ///< when the signal came; 0: none yet
std::atomic<int> event{-1};        ///< of the living OnInterrupt
static_assert(std::atomic<int64_t>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

// timeout(1) and terminals may send one wish twice.
constexpr int64_t kSameWishMs = 1000;
constexpr uint64_t kSignal = 1;
constexpr uint64_t kEnd = 1u << 20;

int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000 + 1;
}

void on_signal(int) {
  const int saved_errno = errno;
  const int to = event.load();
  const int64_t now = now_ms();
  int64_t first = 0;
  const bool is_first = first_ms.compare_exchange_strong(first, now);
  if (to < 0 || (!is_first && now - first >= kSameWishMs))
    _exit(static_cast<int>(Exit::kInterrupted));
  if (is_first) (void)!write(to, &kSignal, sizeof kSignal);
  errno = saved_errno;
}

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

bool interrupted() { return first_ms.load() != 0; }

OnInterrupt::OnInterrupt(std::function<void()> hurry) : event_(eventfd(0, EFD_CLOEXEC)) {
  // Taken from here on: whoever sees the thread by its name may count on that.
  event.store(event_);
  thread_ = std::thread([descriptor = event_, hurry = std::move(hurry)] {
    pthread_setname_np(pthread_self(), "interrupts");
    uint64_t count = 0;
    while (read(descriptor, &count, sizeof count) < 0 && errno == EINTR) {
    }
    if (count < kEnd && count > 0 && hurry) hurry();
  });
}

OnInterrupt::~OnInterrupt() {
  event.store(-1);
  (void)!write(event_, &kEnd, sizeof kEnd);
  thread_.join();
  close(event_);
}

}  // namespace strandlog::tools
