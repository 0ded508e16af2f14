// Bytes: joining many small slices into few.
#include "base/bytes.h"

#include <gtest/gtest.h>

namespace strandlog {
namespace {

std::string all_of(const std::vector<Bytes>& pieces) {
  std::string out;
  for (const Bytes& piece : pieces) out += piece.text();
  return out;
}

std::vector<Bytes> pieces_of(const std::vector<size_t>& sizes) {
  std::vector<Bytes> pieces;
  char letter = 'a';
  for (size_t size : sizes) {
    pieces.push_back(Bytes::copy(std::string(size, letter)));
    letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1);
  }
  return pieces;
}

TEST(JoinPieces, LeavesFewPiecesAlone) {
  auto pieces = pieces_of({3, 1, 2});
  const uint8_t* first = pieces[0].data();
  join_pieces(pieces, 3);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0].data(), first);
}

TEST(JoinPieces, KeepsBytesAndOrderWithinTheBound) {
  std::vector<size_t> sizes;
  for (size_t i = 0; i < 5000; ++i) sizes.push_back(i % 97 == 0 ? 20000 : 1 + i % 7);
  for (size_t most : {1u, 2u, 3u, 64u, 512u, 4999u}) {
    auto pieces = pieces_of(sizes);
    std::string before = all_of(pieces);
    join_pieces(pieces, most);
    EXPECT_LE(pieces.size(), most);
    EXPECT_EQ(all_of(pieces), before);
  }
}

TEST(JoinPieces, DoesNotCopyWhatIsLargeAmongSmallOnes) {
  auto pieces = pieces_of({100000, 1, 1, 1, 1, 1, 1, 1});
  const uint8_t* large = pieces[0].data();
  join_pieces(pieces, 4);
  ASSERT_LE(pieces.size(), 4u);
  EXPECT_EQ(pieces[0].data(), large);
}

}  // namespace
}  // namespace strandlog
