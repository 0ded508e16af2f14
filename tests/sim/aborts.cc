// Finding the CHECK in what a process said.
#include "tests/sim/aborts.h"

#include <string_view>

namespace strandlog::sim {
namespace {

constexpr std::string_view kCheck = "broken invariant at ";  // base/check.cc

// As compilers were told this file, up to the root of the sources.
std::string_view root() {
  static constexpr std::string_view kHere = "tests/sim/aborts.cc";
  std::string_view path = __FILE__;
  return path.substr(0, path.size() - kHere.size());
}

std::string_view last_line(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

std::string why_aborted(const std::string& said) {
  size_t at = said.rfind(kCheck);
  if (at == std::string::npos) return "ABORTED: " + std::string(last_line(said));
  std::string_view where = std::string_view(said).substr(at + kCheck.size());
  if (where.starts_with(root())) where.remove_prefix(root().size());
  return "CHECK " + std::string(where.substr(0, where.find('\n')));
}

}  // namespace strandlog::sim
