// Bytes: a counted, read-only slice of memory that somebody else filled.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace strandlog {

using ByteView = std::span<const uint8_t>;
using MutableByteView = std::span<uint8_t>;

inline ByteView view_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Shares ownership of its memory by an atomic count, so a slice may be released on any thread.
/// The bytes never change while a slice of them lives.
class Bytes {
 public:
  Bytes() = default;
  /// A slice of memory kept alive by `owner`.
  Bytes(std::shared_ptr<const void> owner, ByteView view) : owner_(std::move(owner)), view_(view) {}
  /// Copies `view` into memory of its own.
  static Bytes copy(ByteView view) {
    auto owner = std::make_shared<std::vector<uint8_t>>(view.begin(), view.end());
    ByteView inside(*owner);
    return Bytes(std::move(owner), inside);
  }
  static Bytes copy(std::string_view text) { return copy(view_of(text)); }
  static Bytes take(std::vector<uint8_t> bytes) {
    auto owner = std::make_shared<std::vector<uint8_t>>(std::move(bytes));
    ByteView inside(*owner);
    return Bytes(std::move(owner), inside);
  }

  const uint8_t* data() const { return view_.data(); }
  size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  ByteView view() const { return view_; }
  operator ByteView() const { return view_; }  // NOLINT: a slice is a view
  std::string_view text() const { return text_of(view_); }
  const std::shared_ptr<const void>& owner() const { return owner_; }

  /// [begin, begin + count) of this slice, sharing its memory. Must lie inside.
  Bytes slice(size_t begin, size_t count) const {
    CHECK(begin <= view_.size() && count <= view_.size() - begin);
    return Bytes(owner_, view_.subspan(begin, count));
  }

 private:
  std::shared_ptr<const void> owner_;
  ByteView view_;
};

/// The bytes of all of them together.
inline size_t total_bytes(const std::vector<Bytes>& pieces) {
  size_t total = 0;
  for (const Bytes& piece : pieces) total += piece.size();
  return total;
}

/// Joins neighbours by copying, the small ones only, until at most `most` (> 0) pieces are left,
/// each joined one shorter than about four even shares. The bytes and their order stay; nothing
/// happens when there are few enough.
void join_pieces(std::vector<Bytes>& pieces, size_t most);

}  // namespace strandlog
