// Bisection over a plan; see Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing
// Input" (2002), for removing ever smaller pieces of a list.
#include "tools/sim/shrink.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <numeric>
#include <string>

#include "tests/sim/plan.h"
#include "tools/sim/runs.h"

namespace strandlog::sim {
namespace {

constexpr int kMostAttempts = 400;

class Shrinking {
 public:
  explicit Shrinking(uint64_t seed) : seed_(seed) {}

  bool run() {
    auto found = attempt({});
    if (!found) return false;
    kind_ = kind_of(found->violations.front());
    std::printf("seed %" PRIu64 ": %s\n", seed_, found->violations.front().c_str());
    auto& strikes = cuts_.strikes.emplace(draw_plan(seed_).strikes.size());
    std::iota(strikes.begin(), strikes.end(), size_t{0});
    keep_if([](Cuts& cuts) { cuts.topics_come_and_go = false; });
    leave_out_strikes();
    leave_out_clients();
    shorten();
    leave_out_strikes();
    std::printf("%d attempts; what is left:\n  strandlog-sim replay %" PRIu64 " %s\n", attempts_,
                seed_, to_text(cuts_).c_str());
    return true;
  }

 private:
  static std::string kind_of(const std::string& violation) {
    return violation.substr(0, violation.find_first_of(": "));
  }

  std::optional<Finding> attempt(const Cuts& cuts) {
    ++attempts_;
    RunOptions options;
    options.first = options.last = seed_;
    options.cuts = cuts;
    return find_one(options);
  }

  template <class Change>
  bool keep_if(Change change) {
    if (attempts_ >= kMostAttempts) return false;
    Cuts smaller = cuts_;
    change(smaller);
    auto found = attempt(smaller);
    if (!found || kind_of(found->violations.front()) != kind_) return false;
    cuts_ = std::move(smaller);
    std::printf("%4d: %s\n", attempts_, to_text(cuts_).c_str());
    std::fflush(stdout);
    return true;
  }

  void leave_out_strikes() {
    for (size_t piece = std::max<size_t>(1, cuts_.strikes->size() / 2); piece > 0; piece /= 2) {
      for (size_t at = 0; at < cuts_.strikes->size();) {
        bool gone = keep_if([&](Cuts& cuts) {
          auto begin = cuts.strikes->begin() + static_cast<ptrdiff_t>(at);
          auto end = cuts.strikes->begin() +
                     static_cast<ptrdiff_t>(std::min(at + piece, cuts.strikes->size()));
          cuts.strikes->erase(begin, end);
        });
        if (!gone) at += piece;
      }
    }
  }

  void leave_out_clients() {
    size_t clients = draw_plan(seed_).clients;
    for (size_t fewer = 1; fewer < clients; fewer *= 2) {
      if (keep_if([&](Cuts& cuts) { cuts.clients = fewer; })) return;
    }
  }

  void shorten() {
    int64_t busy = draw_plan(seed_).busy_ms;
    for (int64_t step = busy / 2; step >= kShortestBusyMs; step /= 2) {
      while (busy - step >= kShortestBusyMs &&
             keep_if([&](Cuts& cuts) { cuts.busy_ms = busy - step; }))
        busy -= step;
    }
  }

  uint64_t seed_;
  std::string kind_;
  Cuts cuts_;
  int attempts_ = 0;
};

}  // namespace

bool shrink(uint64_t seed) { return Shrinking(seed).run(); }

}  // namespace strandlog::sim
