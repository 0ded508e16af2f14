// CRC32C with the processor's instruction, three lanes at a time, and its arithmetic of lengths.
#include "base/crc32c.h"

#include <nmmintrin.h>

#include <array>
#include <cstring>

namespace strandlog {
namespace {

// Polynomials over GF(2) are kept reflected: bit 31 is x^0, bit 0 is x^31.
constexpr uint32_t kPolynomial = 0x82f63b78;
constexpr uint32_t kOne = 0x80000000;

constexpr uint32_t times_x(uint32_t a) { return (a & 1) != 0 ? (a >> 1) ^ kPolynomial : a >> 1; }

constexpr uint32_t multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = kOne; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = times_x(b);
  }
  return product;
}

// kPowers[n] = x^(2^n). A length of 64 bits counts bytes, hence 64 + 3 of them.
constexpr size_t kPowerCount = 67;
constexpr std::array<uint32_t, kPowerCount> make_powers() {
  std::array<uint32_t, kPowerCount> powers{};
  uint32_t power = times_x(kOne);
  for (uint32_t& p : powers) {
    p = power;
    power = multiply(power, power);
  }
  return powers;
}
constexpr std::array<uint32_t, kPowerCount> kPowers = make_powers();

// x^(8 * bytes): what a register is multiplied by when that many zero bytes follow.
constexpr uint32_t power_of_bytes(uint64_t bytes) {
  uint32_t power = kOne;
  for (size_t n = 3; bytes != 0; bytes >>= 1, ++n) {
    if ((bytes & 1) != 0) power = multiply(kPowers[n], power);
  }
  return power;
}

// Multiplication by one fixed power, a byte of the register at a time.
using ShiftTable = std::array<std::array<uint32_t, 256>, 4>;
constexpr ShiftTable make_shift_table(uint64_t bytes) {
  ShiftTable table{};
  uint32_t power = power_of_bytes(bytes);
  for (size_t byte = 0; byte < 4; ++byte) {
    std::array<uint32_t, 8> of_bit{};
    for (size_t bit = 0; bit < 8; ++bit) of_bit[bit] = multiply(1u << (8 * byte + bit), power);
    for (size_t v = 0; v < 256; ++v) {
      for (size_t bit = 0; bit < 8; ++bit) {
        if ((v >> bit & 1) != 0) table[byte][v] ^= of_bit[bit];
      }
    }
  }
  return table;
}

uint32_t shift(const ShiftTable& table, uint32_t r) {
  return table[0][r & 255] ^ table[1][r >> 8 & 255] ^ table[2][r >> 16 & 255] ^ table[3][r >> 24];
}

uint64_t load_word(const uint8_t* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// The instruction answers after three cycles but starts every cycle: three independent lanes keep
// it busy, and their registers are put together by shifting.
template <size_t kLaneBytes>
uint32_t take_lanes(uint32_t r, const uint8_t*& p, size_t& left) {
  static_assert(kLaneBytes % 8 == 0);
  static constexpr ShiftTable kShift = make_shift_table(kLaneBytes);
  while (left >= 3 * kLaneBytes) {
    uint64_t a = r, b = 0, c = 0;
    for (size_t i = 0; i < kLaneBytes; i += 8) {
      a = _mm_crc32_u64(a, load_word(p + i));
      b = _mm_crc32_u64(b, load_word(p + kLaneBytes + i));
      c = _mm_crc32_u64(c, load_word(p + 2 * kLaneBytes + i));
    }
    r = shift(kShift, static_cast<uint32_t>(a)) ^ static_cast<uint32_t>(b);
    r = shift(kShift, r) ^ static_cast<uint32_t>(c);
    p += 3 * kLaneBytes;
    left -= 3 * kLaneBytes;
  }
  return r;
}

}  // namespace

uint32_t crc32c(ByteView bytes, uint32_t crc) {
  const uint8_t* p = bytes.data();
  size_t left = bytes.size();
  uint32_t r = take_lanes<2048>(~crc, p, left);
  r = take_lanes<256>(r, p, left);
  uint64_t wide = r;
  for (; left >= 8; p += 8, left -= 8) wide = _mm_crc32_u64(wide, load_word(p));
  r = static_cast<uint32_t>(wide);
  for (; left > 0; ++p, --left) r = _mm_crc32_u8(r, *p);
  return ~r;
}

// The inversions before and after cancel out: A's register travels over B, whose own began at ~0
// in both calculations.
uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b) {
  return multiply(power_of_bytes(length_b), crc_a) ^ crc_b;
}

}  // namespace strandlog
