// Runs of stored entries, as they come from a peer.
#include <algorithm>

#include "store/store.h"
#include "tests/fuzz/entries.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/runs.h"

namespace strandlog::fuzz {
namespace {

// A run that passed is what it says: every entry decodes, encodes to the same bytes and continues.
void check_verified(ByteView run, const GroupId& group, Index first,
                    const store::VerifiedRun& verified) {
  Index next = first;
  size_t term_starts = 0;
  std::optional<EntryHeader> before;
  while (!run.empty()) {
    auto entry = decode_entry(run, group);
    CHECK(entry.ok());
    const EntryHeader& h = entry->header;
    std::array<uint8_t, kEntryHeaderBytes> again{};
    encode_entry_header(h, group, again);
    CHECK(std::equal(again.begin(), again.end(), entry->whole.begin()));
    CHECK(h.index == next);
    if (before) CHECK(h.chain == chain_after(before->chain, h));
    if (!before || before->term != h.term) {
      CHECK(term_starts < verified.terms.size());
      CHECK((verified.terms[term_starts++] == store::TermStart{h.index, h.term}));
    }
    before = h;
    next = next.plus(1);
    run = run.subspan(entry->whole.size());
  }
  CHECK(verified.last.plus(1) == next && term_starts == verified.terms.size());
}

bool check_run(ByteView run, const GroupId& group, Index first) {
  if (auto entry = decode_entry(run, group); !entry.ok()) {
    CHECK(entry.error().code == Code::kCorruption);
  }
  auto verified = store::verify_run(run, group, first);
  if (verified.ok()) {
    check_verified(run, group, first, *verified);
  } else {
    CHECK(verified.error().code == Code::kCorruption);
  }
  return verified.ok();
}

}  // namespace

// As it is; with right checksums; and made to continue, which must then pass.
void feed_entry(ByteView bytes) {
  Input input(bytes);
  GroupId group;
  group.bytes.fill(input.byte());
  Index first{1 + input.number(2)};
  check_run(input.rest(), group, first);

  for (bool continued : {false, true}) {
    std::vector<uint8_t> run(input.rest().begin(), input.rest().end());
    RunEnd end{first.previous(), Term{0}, Offset{0}, 0};
    size_t at = 0;
    while (size_t taken =
               repair_entry(MutableByteView(run).subspan(at), group, continued ? &end : nullptr)) {
      at += taken;
    }
    run.resize(at);
    bool passed = check_run(run, group, first);
    if (continued) CHECK(passed);
  }
}

}  // namespace strandlog::fuzz
