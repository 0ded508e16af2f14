// The only user of lz4, zstd, zlib and snappy.
#include "base/compression.h"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <string>

#include "base/endian.h"

namespace strandlog {
namespace {

using ByteVector = std::vector<uint8_t>;

Error library_failed(Codec codec, const char* what) {
  return {Code::kInternal, std::string(codec_name(codec)) + ": " + what};
}
Error damaged(Codec codec, const std::string& reason) {
  return {Code::kCorruptBatch, std::string(codec_name(codec)) + " data: " + reason};
}
Error cut_short(Codec codec, size_t packed_bytes) {
  return damaged(codec, "ends inside a frame after " + std::to_string(packed_bytes) + " bytes");
}

// Output that grows as it is filled. When `max_bytes` are full, one byte beside the buffer is
// offered: a decoder that takes it has more than the bound.
class BoundedOutput {
 public:
  BoundedOutput(size_t first_bytes, size_t max_bytes) : max_bytes_(max_bytes) {
    bytes_.resize(std::min(first_bytes, max_bytes));
  }
  MutableByteView room() {
    if (filled_ == max_bytes_) return {&beyond_, 1};
    if (filled_ == bytes_.size()) {
      size_t larger = std::max<size_t>(bytes_.size() * 2, 4096);
      bytes_.resize(std::min(larger, max_bytes_));
    }
    return MutableByteView(bytes_).subspan(filled_);
  }
  // False when the bound is passed.
  bool fill(size_t count) {
    if (filled_ == max_bytes_) return count == 0;
    filled_ += count;
    return true;
  }
  ByteVector take() {
    bytes_.resize(filled_);
    return std::move(bytes_);
  }
  Error too_large(Codec codec) const {
    return {Code::kTooLarge, std::string(codec_name(codec)) + " data: unpacks to more than " +
                                 std::to_string(max_bytes_) + " bytes"};
  }

 private:
  ByteVector bytes_;
  size_t filled_ = 0;
  size_t max_bytes_;
  uint8_t beyond_ = 0;
};

// Most batches shrink to a quarter or less seldom; one guess saves most of the growing.
size_t first_guess(ByteView packed) { return packed.size() * 4; }

// ---------------------------------------------------------------------------------------- gzip

constexpr int kGzipWindowBits = 15 + 16;  // zlib: 16 asks for the gzip wrapper

struct Inflater {
  z_stream stream{};
  bool ready = inflateInit2(&stream, kGzipWindowBits) == Z_OK;
  ~Inflater() {
    if (ready) inflateEnd(&stream);
  }
};

struct Deflater {
  z_stream stream{};
  bool ready = deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindowBits, 8,
                            Z_DEFAULT_STRATEGY) == Z_OK;
  ~Deflater() {
    if (ready) deflateEnd(&stream);
  }
};

void set_input(z_stream& stream, ByteView input) {
  stream.next_in = const_cast<Bytef*>(input.data());  // zlib only reads it
  stream.avail_in = static_cast<uInt>(input.size());
}
void set_output(z_stream& stream, MutableByteView output) {
  stream.next_out = output.data();
  stream.avail_out = static_cast<uInt>(output.size());
}

Result<ByteVector> gzip_compress(ByteView raw) {
  Deflater deflater;
  if (!deflater.ready) return library_failed(Codec::kGzip, "deflateInit2 failed");
  ByteVector packed(deflateBound(&deflater.stream, static_cast<uLong>(raw.size())));
  set_input(deflater.stream, raw);
  set_output(deflater.stream, packed);
  if (deflate(&deflater.stream, Z_FINISH) != Z_STREAM_END) {
    return library_failed(Codec::kGzip, "deflate did not finish");
  }
  packed.resize(deflater.stream.total_out);
  return packed;
}

Result<ByteVector> gzip_decompress(ByteView packed, size_t max_bytes) {
  Inflater inflater;
  z_stream& stream = inflater.stream;
  if (!inflater.ready) return library_failed(Codec::kGzip, "inflateInit2 failed");
  BoundedOutput output(first_guess(packed), max_bytes);
  set_input(stream, packed);
  while (true) {
    MutableByteView room = output.room();
    set_output(stream, room);
    int status = inflate(&stream, Z_NO_FLUSH);
    if (!output.fill(room.size() - stream.avail_out)) return output.too_large(Codec::kGzip);
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0) return output.take();
      inflateReset(&stream);  // another member follows
    } else if (status == Z_BUF_ERROR || (status == Z_OK && stream.avail_out > 0)) {
      return cut_short(Codec::kGzip, packed.size());
    } else if (status != Z_OK) {
      return damaged(Codec::kGzip, stream.msg != nullptr ? stream.msg : "cannot be inflated");
    }
  }
}

// ---------------------------------------------------------------------------------------- zstd

constexpr int kZstdLevel = 3;
// A frame may ask its reader for a window of up to 128 MiB before it gives a single byte. Those of
// 8 MiB every reader must know (RFC 8878), larger ones only make sense below a larger bound.
constexpr int kZstdWindowLog = 23;

int largest_window_log(size_t max_bytes) {
  return std::max(kZstdWindowLog, static_cast<int>(std::bit_width(max_bytes)));
}

// The library may be built to read formats from before 1.0 too; their readers know no such bound.
bool begins_a_frame(ByteView packed) {
  if (packed.size() < sizeof(uint32_t)) return true;  // for the library to complain about
  uint32_t magic = load_le<uint32_t>(packed.data());
  return magic == ZSTD_MAGICNUMBER ||
         (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

Result<ByteVector> zstd_compress(ByteView raw) {
  ByteVector packed(ZSTD_compressBound(raw.size()));
  size_t size = ZSTD_compress(packed.data(), packed.size(), raw.data(), raw.size(), kZstdLevel);
  if (ZSTD_isError(size) != 0) return library_failed(Codec::kZstd, ZSTD_getErrorName(size));
  packed.resize(size);
  return packed;
}

Result<ByteVector> zstd_decompress(ByteView packed, size_t max_bytes) {
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (context == nullptr) return library_failed(Codec::kZstd, "no decompression context");
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, largest_window_log(max_bytes));
  BoundedOutput output(first_guess(packed), max_bytes);
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  size_t left = 0;
  while (true) {
    if (left == 0 && !begins_a_frame(packed.subspan(in.pos))) {
      return damaged(Codec::kZstd, "unknown frame");
    }
    MutableByteView room = output.room();
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge) {
      return Error{Code::kTooLarge, "zstd data: its window is larger than 2^" +
                                        std::to_string(largest_window_log(max_bytes)) + " bytes"};
    }
    if (ZSTD_isError(left) != 0) return damaged(Codec::kZstd, ZSTD_getErrorName(left));
    if (!output.fill(out.pos)) return output.too_large(Codec::kZstd);
    if (left == 0 && in.pos == in.size) return output.take();
    if (in.pos == in.size && out.pos < out.size) return cut_short(Codec::kZstd, packed.size());
  }
}

// ----------------------------------------------------------------------------------------- lz4

Result<ByteVector> lz4_compress(ByteView raw) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;  // Kafka's readers refuse linked blocks
  ByteVector packed(LZ4F_compressFrameBound(raw.size(), &preferences));
  size_t size =
      LZ4F_compressFrame(packed.data(), packed.size(), raw.data(), raw.size(), &preferences);
  if (LZ4F_isError(size) != 0) return library_failed(Codec::kLz4, LZ4F_getErrorName(size));
  packed.resize(size);
  return packed;
}

Result<ByteVector> lz4_decompress(ByteView packed, size_t max_bytes) {
  LZ4F_dctx* made = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&made, LZ4F_VERSION)) != 0) {
    return library_failed(Codec::kLz4, "no decompression context");
  }
  std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> context(
      made, LZ4F_freeDecompressionContext);
  BoundedOutput output(first_guess(packed), max_bytes);
  size_t position = 0;
  while (true) {
    MutableByteView room = output.room();
    size_t made_bytes = room.size();
    size_t used_bytes = packed.size() - position;
    size_t hint = LZ4F_decompress(context.get(), room.data(), &made_bytes, packed.data() + position,
                                  &used_bytes, nullptr);
    if (LZ4F_isError(hint) != 0) return damaged(Codec::kLz4, LZ4F_getErrorName(hint));
    position += used_bytes;
    if (!output.fill(made_bytes)) return output.too_large(Codec::kLz4);
    if (hint == 0 && position == packed.size()) return output.take();
    if (made_bytes == 0 && used_bytes == 0) return cut_short(Codec::kLz4, packed.size());
  }
}

// -------------------------------------------------------------------------------------- snappy

// xerial framing: this header, then blocks of a big-endian length and that much raw snappy.
constexpr std::array<uint8_t, 16> kXerialHeader = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,
                                                   0,    0,   0,   1,   0,   0,   0,   1};
constexpr size_t kXerialMagicBytes = 8;
constexpr size_t kXerialBlockBytes = 32 << 10;
// Snappy's densest element makes 64 bytes of 3; a block that promises more is lying.
constexpr size_t kSnappyMaxRatio = 64;

ByteVector snappy_compress(ByteView raw) {
  ByteVector packed(kXerialHeader.begin(), kXerialHeader.end());
  for (size_t begin = 0; begin < raw.size(); begin += kXerialBlockBytes) {
    ByteView block = raw.subspan(begin, std::min(kXerialBlockBytes, raw.size() - begin));
    size_t at = packed.size();
    packed.resize(at + 4 + snappy::MaxCompressedLength(block.size()));
    size_t size = 0;
    snappy::RawCompress(reinterpret_cast<const char*>(block.data()), block.size(),
                        reinterpret_cast<char*>(packed.data() + at + 4), &size);
    store_be<uint32_t>(packed.data() + at, static_cast<uint32_t>(size));
    packed.resize(at + 4 + size);
  }
  return packed;
}

Result<void> snappy_append_block(ByteView block, size_t max_bytes, ByteVector& raw) {
  const char* data = reinterpret_cast<const char*>(block.data());
  size_t size = 0;
  if (!snappy::GetUncompressedLength(data, block.size(), &size) ||
      size / kSnappyMaxRatio > block.size()) {
    return damaged(Codec::kSnappy,
                   "a block of " + std::to_string(block.size()) + " bytes has a false length");
  }
  if (size > max_bytes - raw.size()) {
    return Error{Code::kTooLarge,
                 "snappy data: unpacks to more than " + std::to_string(max_bytes) + " bytes"};
  }
  size_t at = raw.size();
  raw.resize(at + size);
  if (!snappy::RawUncompress(data, block.size(), reinterpret_cast<char*>(raw.data() + at))) {
    return damaged(Codec::kSnappy,
                   "a block of " + std::to_string(block.size()) + " bytes cannot be unpacked");
  }
  return {};
}

Result<ByteVector> snappy_decompress(ByteView packed, size_t max_bytes) {
  ByteVector raw;
  bool framed =
      packed.size() >= kXerialMagicBytes &&
      std::equal(packed.begin(), packed.begin() + kXerialMagicBytes, kXerialHeader.begin());
  if (!framed) {
    TRY(snappy_append_block(packed, max_bytes, raw));
    return raw;
  }
  if (packed.size() < kXerialHeader.size()) return cut_short(Codec::kSnappy, packed.size());
  uint32_t compatible = load_be<uint32_t>(packed.data() + 12);
  if (compatible != 1) {
    return damaged(Codec::kSnappy,
                   "needs framing version " + std::to_string(compatible) + ", this build reads 1");
  }
  ByteView rest = packed.subspan(kXerialHeader.size());
  while (!rest.empty()) {
    if (rest.size() < 4) return cut_short(Codec::kSnappy, packed.size());
    uint32_t size = load_be<uint32_t>(rest.data());
    rest = rest.subspan(4);
    if (size > rest.size()) return cut_short(Codec::kSnappy, packed.size());
    TRY(snappy_append_block(rest.first(size), max_bytes, raw));
    rest = rest.subspan(size);
  }
  return raw;
}

Result<ByteVector> copy_bounded(ByteView bytes, size_t max_bytes) {
  if (bytes.size() > max_bytes) {
    return Error{Code::kTooLarge, std::to_string(bytes.size()) + " bytes, at most " +
                                      std::to_string(max_bytes) + " allowed"};
  }
  return ByteVector(bytes.begin(), bytes.end());
}

}  // namespace

Result<std::vector<uint8_t>> compress(Codec codec, ByteView raw) {
  if (raw.size() > kMaxCodecInputBytes) return copy_bounded(raw, kMaxCodecInputBytes);
  switch (codec) {
    case Codec::kNone:
      return copy_bounded(raw, kMaxCodecInputBytes);
    case Codec::kGzip:
      return gzip_compress(raw);
    case Codec::kSnappy:
      return snappy_compress(raw);
    case Codec::kLz4:
      return lz4_compress(raw);
    case Codec::kZstd:
      return zstd_compress(raw);
  }
  return Error{Code::kUnsupported, "codec " + std::to_string(static_cast<int>(codec))};
}

Result<std::vector<uint8_t>> decompress(Codec codec, ByteView packed, size_t max_bytes) {
  max_bytes = std::min(max_bytes, kMaxCodecInputBytes);
  if (packed.size() > kMaxCodecInputBytes) return copy_bounded(packed, kMaxCodecInputBytes);
  switch (codec) {
    case Codec::kNone:
      return copy_bounded(packed, max_bytes);
    case Codec::kGzip:
      return gzip_decompress(packed, max_bytes);
    case Codec::kSnappy:
      return snappy_decompress(packed, max_bytes);
    case Codec::kLz4:
      return lz4_decompress(packed, max_bytes);
    case Codec::kZstd:
      return zstd_decompress(packed, max_bytes);
  }
  return Error{Code::kUnsupported, "codec " + std::to_string(static_cast<int>(codec))};
}

}  // namespace strandlog
