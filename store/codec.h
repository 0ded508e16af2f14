// Little-endian writer and bounds-checked reader for small stored structures.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/endian.h"
#include "base/ids.h"

namespace strandlog::store {

/// Numbers that count for a store's whole life stay below this: far above what any log reaches, far
/// below where sums would wrap.
constexpr uint64_t kMaxNumber = uint64_t{1} << 62;

/// Appends fields to a growing byte string.
class FieldWriter {
 public:
  template <class T>
  FieldWriter& number(T value) {
    size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    store_le<T>(bytes_.data() + at, value);
    return *this;
  }
  template <class Tag>
  FieldWriter& id(Id<Tag> value) {
    return number<uint64_t>(value.value);
  }
  template <class Tag>
  FieldWriter& uuid(const UuidOf<Tag>& value) {
    bytes_.insert(bytes_.end(), value.bytes.begin(), value.bytes.end());
    return *this;
  }
  /// A u32 length, then the bytes.
  FieldWriter& blob(ByteView value) {
    number<uint32_t>(static_cast<uint32_t>(value.size()));
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

/// Takes fields off the front. After a read beyond the end ok() is false and every value zero.
class FieldReader {
 public:
  explicit FieldReader(ByteView bytes) : rest_(bytes) {}
  template <class T>
  T number() {
    ByteView field = take(sizeof(T));
    return ok_ ? load_le<T>(field.data()) : T{};
  }
  template <class IdType>
  IdType id() {
    return IdType{number<uint64_t>()};
  }
  template <class Uuid>
  Uuid uuid() {
    Uuid value;
    ByteView field = take(value.bytes.size());
    if (ok_) std::memcpy(value.bytes.data(), field.data(), field.size());
    return value;
  }
  ByteView blob() { return take(number<uint32_t>()); }
  bool ok() const { return ok_; }
  /// Everything was read and nothing is left.
  bool finished() const { return ok_ && rest_.empty(); }
  size_t left() const { return rest_.size(); }

 private:
  ByteView take(size_t count) {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      return {};
    }
    ByteView field = rest_.first(count);
    rest_ = rest_.subspan(count);
    return field;
  }
  ByteView rest_;
  bool ok_ = true;
};

}  // namespace strandlog::store
