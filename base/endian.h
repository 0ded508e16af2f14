// Loads and stores of fixed-width integers at unaligned addresses.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace strandlog {
static_assert(std::endian::native == std::endian::little, "formats assume a little-endian host");

template <class T>
T load_le(const uint8_t* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
void store_le(uint8_t* p, T v) {
  std::memcpy(p, &v, sizeof v);
}
inline uint16_t byte_swap(uint16_t v) { return __builtin_bswap16(v); }
inline uint32_t byte_swap(uint32_t v) { return __builtin_bswap32(v); }
inline uint64_t byte_swap(uint64_t v) { return __builtin_bswap64(v); }
template <class T>
T load_be(const uint8_t* p) {
  return byte_swap(load_le<T>(p));
}
template <class T>
void store_be(uint8_t* p, T v) {
  store_le(p, byte_swap(v));
}
}  // namespace strandlog
