// Segment files: their names and the page they begin with. Pure functions.
// Every byte: store/format.md, "Segments".
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "store/pages.h"

namespace strandlog::store {

/// Entries begin behind one page of header.
constexpr uint64_t kSegmentHeaderBytes = kPageBytes;
constexpr size_t kMaxTopicName = 255;

/// What a segment file says about itself: enough to know, without anything else, whose it is.
struct SegmentHeader {
  Uid uid;
  GroupId group;
  std::string topic_name;  ///< at most kMaxTopicName bytes
  uint32_t partition = 0;
  Index first;         ///< its first entry …
  Term term;           ///< … the term of it, so that no two files of a replica share a name …
  Offset base_offset;  ///< … and its offset
  uint64_t chain_before = 0;  ///< of the entry before the first
  bool operator==(const SegmentHeader&) const = default;
};

/// `page` is kSegmentHeaderBytes long and filled wholly.
void encode_segment_header(const SegmentHeader& header, MutableByteView page);
/// kCorruption when any of the page's bytes is damaged, kUnsupported for a newer version.
Result<SegmentHeader> decode_segment_header(ByteView page);

struct SegmentName {
  Index first;
  Term term;
  auto operator<=>(const SegmentName&) const = default;
};
/// "partitions/<uid>"
std::string segment_directory(Uid uid);
/// "<first index, 20 digits>-<term>.seg": names sort by first index.
std::string segment_file_name(const SegmentName& name);
/// Both of them: the file's place in the data directory.
std::string segment_file_path(Uid uid, const SegmentName& name);
/// None when no writer of segments made the name.
std::optional<SegmentName> parse_segment_file_name(const std::string& name);

}  // namespace strandlog::store
