// Damage: a small language in which a fuzz input says what happens to the files of a disk.
#pragma once

#include "tests/fuzz/input.h"
#include "tests/store/fake_disk.h"

namespace strandlog::fuzz {

/// An operation is one byte, then its operands (little-endian), in the order of their names here.
enum class Damage : uint8_t {
  kFlip,       ///< file 1, page 1, position 2, mask 1: bits of one byte change
  kReadError,  ///< file 1, page 1: its first sector cannot be read
  kWrite,      ///< file 1, page 1, position 2, length 2, bytes
  kNumber,     ///< file 1, page 1, position 2, choice 1, value 1: a 64-bit field
  kResize,     ///< file 1, pages 1, bytes 2
  kSwap,       ///< file 1, file 1: two files exchange their contents
  kCopy,       ///< file 1, page 1, file 1, page 1, pages 1
  kClear,      ///< file 1, page 1, pages 1: zeroes
  kErase,      ///< file 1
};
constexpr size_t kDamages = 9;
/// The first ones only damage; they can never make something else that looks right.
constexpr size_t kHonestDamages = 2;

/// Applies the first `max_count` operations of `input` to the files of `disk` whose paths begin
/// with `prefix`; of the first `kinds` kinds.
void do_damage(store::FakeDisk& disk, const std::string& prefix, Input& input, size_t kinds,
               size_t max_count);

std::vector<std::string> files_below(const store::FakeDisk& disk, const std::string& prefix);

}  // namespace strandlog::fuzz
