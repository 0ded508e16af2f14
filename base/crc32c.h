// CRC32C (Castagnoli, RFC 3720 appendix B.4): the only checksum of the project.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace strandlog {

/// The CRC of `bytes`, continuing from `crc` (the value of what came before; 0 to begin).
uint32_t crc32c(ByteView bytes, uint32_t crc = 0);

/// The CRC of A followed by B, from the CRCs of A and B and the length of B; reads no payload.
uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b);

}  // namespace strandlog
