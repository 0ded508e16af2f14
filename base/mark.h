// Marks: places that tests must reach, counted in the build with mutants; no other has any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace strandlog {

template <size_t kBytes>
struct MarkName {
  char text[kBytes];
  consteval MarkName(const char (&name)[kBytes]) {
    for (size_t i = 0; i < kBytes; ++i) text[i] = name[i];
  }
};

/// A place in the code; all of them are known before main. Counted by one thread.
struct Mark {
  explicit Mark(const char* the_name) : name(the_name) { all().push_back(this); }
  static std::vector<Mark*>& all() {
    static std::vector<Mark*> marks;
    return marks;
  }
  const char* name;
  uint64_t hits = 0;
};

#ifdef STRANDLOG_MUTANTS
template <MarkName kName>
inline Mark mark_at{kName.text};
/// `mark<"raft 4: the append begins below the commit">();` "raft N" is what tests/raft call case N.
/// Those that no seed of the simulator can reach yet stand in tools/sim/marks.cc.
template <MarkName kName>
void mark() {
  ++mark_at<kName>.hits;
}
#else
template <MarkName kName>
constexpr void mark() {}
#endif

}  // namespace strandlog
