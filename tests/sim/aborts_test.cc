// A failed CHECK is told from everything else that aborts.
#include "tests/sim/aborts.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

namespace strandlog::sim {
namespace {

// What a process that does this says.
template <class Last>
std::string said_by(Last last) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], 2);
    last();
    _exit(0);
  }
  close(ends[1]);
  std::string said;
  char buffer[4096];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<size_t>(got));
  }
  close(ends[0]);
  waitpid(pid, nullptr, 0);
  return said;
}

TEST(Aborts, ACheckIsNamedByItsFileFromTheRoot) {
  std::string why = why_aborted(said_by([] { CHECK(1 + 1 == 3); }));
  EXPECT_TRUE(why.starts_with("CHECK tests/sim/aborts_test.cc:")) << why;
  EXPECT_TRUE(why.ends_with(": 1 + 1 == 3")) << why;
}

TEST(Aborts, WhatIsNoCheckIsNoneEvenIfItAborts) {
  EXPECT_EQ(why_aborted("a line\nterminate called\n"), "ABORTED: terminate called");
  EXPECT_EQ(why_aborted(""), "ABORTED: ");
}

}  // namespace
}  // namespace strandlog::sim
