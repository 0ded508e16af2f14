// Joining many small slices.
#include "base/bytes.h"

#include <utility>

namespace strandlog {

void join_pieces(std::vector<Bytes>& pieces, size_t most) {
  CHECK(most > 0);
  if (pieces.size() <= most) return;
  size_t total = 0;
  for (const Bytes& piece : pieces) total += piece.size();
  // Of two neighbours at least one is this long, so there are at most `most` (one: all in one).
  const size_t enough = most == 1 ? total + 1 : 2 * total / (most - 1) + 1;
  std::vector<Bytes> joined;
  std::vector<uint8_t> open;
  auto close = [&] {
    if (!open.empty()) joined.push_back(Bytes::take(std::exchange(open, {})));
  };
  for (Bytes& piece : pieces) {
    if (piece.size() >= enough) {
      close();
      joined.push_back(std::move(piece));
      continue;
    }
    open.insert(open.end(), piece.data(), piece.data() + piece.size());
    if (open.size() >= enough) close();
  }
  close();
  pieces = std::move(joined);
}

}  // namespace strandlog
