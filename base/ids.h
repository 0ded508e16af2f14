// Strong ids: numbers and uuids that cannot be mixed up.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace strandlog {

/// A number with a meaning. Two ids of different tags do not compare, convert or add.
template <class Tag>
struct Id {
  uint64_t value = 0;
  constexpr auto operator<=>(const Id&) const = default;
  /// The id `n` further on (an Index or Offset walks this way).
  constexpr Id plus(uint64_t n) const { return Id{value + n}; }
  /// The one before; the caller knows that value > 0.
  constexpr Id previous() const { return Id{value - 1}; }
};

using Term = Id<struct TermTag>;      ///< Raft term; 0 = none yet
using Index = Id<struct IndexTag>;    ///< entry in one group's log; dense, from 1; 0 = none
using Offset = Id<struct OffsetTag>;  ///< record in one partition; dense, from 0
using Uid = Id<struct UidTag>;        ///< a replica, for ever; from the catalog's counter; 0 = none
using BrokerId = Id<struct BrokerTag>;      ///< the operator's small number, from 1; 0 = none
using BootEpoch = Id<struct BootEpochTag>;  ///< starts of one store, from 1
using BootId = Id<struct BootIdTag>;        ///< random, new at every start; 0 = none
using RoundNumber = Id<struct RoundTag>;    ///< a journal round of one store, never reused, from 1

/// A random 128-bit name. All zero means "none".
template <class Tag>
struct UuidOf {
  std::array<uint8_t, 16> bytes{};
  constexpr auto operator<=>(const UuidOf&) const = default;
  bool is_nil() const { return *this == UuidOf{}; }
  /// 32 lower-case hexadecimal digits.
  std::string text() const {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out;
    for (uint8_t b : bytes) {
      out.push_back(kHex[b >> 4]);
      out.push_back(kHex[b & 15]);
    }
    return out;
  }
};

using ClusterId = UuidOf<struct ClusterTag>;  ///< made once, at founding
using StoreId = UuidOf<struct StoreTag>;      ///< made when a data directory is formatted
using GroupId = UuidOf<struct GroupTag>;      ///< one Raft group (one partition, or the catalog)
using TopicId = UuidOf<struct TopicTag>;      ///< one topic; a deleted name's successor has another

}  // namespace strandlog

template <class Tag>
struct std::hash<strandlog::Id<Tag>> {
  size_t operator()(const strandlog::Id<Tag>& id) const { return std::hash<uint64_t>{}(id.value); }
};
