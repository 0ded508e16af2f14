// Names and header pages of segment files.
#include "store/segment_format.h"

#include <charconv>
#include <string_view>

#include "base/crc32c.h"
#include "base/endian.h"
#include "store/codec.h"

namespace strandlog::store {
namespace {

constexpr uint64_t kMagic = 0x31746e656d676573u;  // "segment1"
constexpr uint32_t kVersion = 1;
constexpr size_t kAtCrc = 8;
constexpr size_t kAtVersion = 12;
constexpr size_t kDigits = 20;
constexpr std::string_view kSuffix = ".seg";

// Over the whole page with the CRC's own field taken as zero.
uint32_t page_crc(ByteView page) {
  static constexpr uint8_t kZero[4] = {};
  uint32_t crc = crc32c(page.first(kAtCrc));
  crc = crc32c(kZero, crc);
  return crc32c(page.subspan(kAtVersion, kSegmentHeaderBytes - kAtVersion), crc);
}

Error damaged(const std::string& what) { return {Code::kCorruption, "segment header: " + what}; }

std::optional<uint64_t> number_of(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void encode_segment_header(const SegmentHeader& header, MutableByteView page) {
  CHECK(page.size() == kSegmentHeaderBytes);
  CHECK(header.topic_name.size() <= kMaxTopicName);
  FieldWriter w;
  w.number(kMagic).number<uint32_t>(0).number(kVersion);
  w.id(header.uid).uuid(header.group).id(header.first).id(header.term).id(header.base_offset);
  w.number(header.chain_before).number(header.partition).blob(view_of(header.topic_name));
  std::vector<uint8_t> fields = w.take();
  std::memset(page.data(), 0, page.size());
  std::memcpy(page.data(), fields.data(), fields.size());
  store_le(page.data() + kAtCrc, page_crc(page));
}

Result<SegmentHeader> decode_segment_header(ByteView page) {
  if (page.size() < kSegmentHeaderBytes) {
    return damaged(std::to_string(page.size()) + " bytes, needs " +
                   std::to_string(kSegmentHeaderBytes));
  }
  page = page.first(kSegmentHeaderBytes);
  if (load_le<uint64_t>(page.data()) != kMagic) return damaged("it does not begin with its magic");
  uint32_t stored = load_le<uint32_t>(page.data() + kAtCrc);
  if (uint32_t actual = page_crc(page); stored != actual) {
    return damaged("CRC " + std::to_string(stored) + ", computed " + std::to_string(actual));
  }
  if (uint32_t version = load_le<uint32_t>(page.data() + kAtVersion); version != kVersion) {
    return Error{Code::kUnsupported, "segment header: version " + std::to_string(version) +
                                         ", this build reads " + std::to_string(kVersion)};
  }
  FieldReader r(page.subspan(kAtVersion + sizeof kVersion));
  SegmentHeader header;
  header.uid = r.id<Uid>();
  header.group = r.uuid<GroupId>();
  header.first = r.id<Index>();
  header.term = r.id<Term>();
  header.base_offset = r.id<Offset>();
  header.chain_before = r.number<uint64_t>();
  header.partition = r.number<uint32_t>();
  header.topic_name = text_of(r.blob());
  if (!r.ok() || header.topic_name.size() > kMaxTopicName) {
    return damaged("the topic's name is too long");
  }
  return header;
}

std::string segment_directory(Uid uid) { return "partitions/" + std::to_string(uid.value); }

std::string segment_file_name(const SegmentName& name) {
  std::string digits = std::to_string(name.first.value);
  return std::string(kDigits - digits.size(), '0') + digits + "-" +
         std::to_string(name.term.value) + std::string(kSuffix);
}

std::string segment_file_path(Uid uid, const SegmentName& name) {
  return segment_directory(uid) + "/" + segment_file_name(name);
}

std::optional<SegmentName> parse_segment_file_name(const std::string& name) {
  std::string_view rest = name;
  if (rest.size() <= kDigits + kSuffix.size() + 1 || rest[kDigits] != '-') return std::nullopt;
  auto first = number_of(rest.substr(0, kDigits));
  auto term = number_of(rest.substr(kDigits + 1, rest.size() - kDigits - 1 - kSuffix.size()));
  if (!first || !term) return std::nullopt;
  SegmentName parsed{Index{*first}, Term{*term}};
  if (segment_file_name(parsed) != name) return std::nullopt;
  return parsed;
}

}  // namespace strandlog::store
