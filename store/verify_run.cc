// Checking a run of stored entries that came from outside.
#include "store/store.h"

namespace strandlog::store {

Result<VerifiedRun> verify_run(ByteView run, const GroupId& group, Index first) {
  VerifiedRun verified{first.value == 0 ? Index{0} : first.previous(), {}, {}};
  std::optional<EntryHeader> before;
  auto wrong = [](Index at, const std::string& what) {
    return Error{Code::kCorruption, "entry " + std::to_string(at.value) + ": " + what};
  };
  while (!run.empty()) {
    Index expected = verified.last.plus(1);
    auto decoded = decode_entry(run, group);
    if (!decoded.ok()) return wrong(expected, decoded.error().text);
    const EntryHeader& h = decoded->header;
    if (h.index != expected) {
      return wrong(expected, "the run has index " + std::to_string(h.index.value) + " there");
    }
    if (before) {
      if (h.term < before->term) {
        return wrong(expected, "term falls from " + std::to_string(before->term.value) + " to " +
                                   std::to_string(h.term.value));
      }
      if (h.base_offset != before->next_offset()) {
        return wrong(expected, "offset " + std::to_string(h.base_offset.value) + ", expected " +
                                   std::to_string(before->next_offset().value));
      }
      if (h.chain != chain_after(before->chain, h)) return wrong(expected, "the chain breaks");
    }
    if (verified.terms.empty() || verified.terms.back().term != h.term) {
      verified.terms.push_back({h.index, h.term});
    }
    if (h.kind == EntryKind::kConfiguration) verified.configurations.push_back(*decoded);
    verified.last = h.index;
    before = h;
    run = run.subspan(decoded->whole.size());
  }
  return verified;
}

}  // namespace strandlog::store
