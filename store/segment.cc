// Walking, scanning and reading of segment files.
#include "store/segment.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/mutant.h"

namespace strandlog::store {
namespace {

// No file is longer; sums below it do not wrap.
constexpr uint64_t kMaxEnd = uint64_t{1} << 62;

constexpr uint64_t page_down(uint64_t position) { return position & ~(kPageBytes - 1); }

SegmentPoint first_point(const SegmentRange& range) {
  return {range.first, range.base_offset, kSegmentHeaderBytes};
}

}  // namespace

// ---------------------------------------------------------------------------------------- index

void SegmentIndex::add(const SegmentPoint& entry) {
  if (points_.empty() || entry.position - points_.back().position >= kDistance) {
    points_.push_back(entry);
  }
}

const SegmentPoint& SegmentIndex::find(Index index) const {
  CHECK(!points_.empty());
  auto after = std::upper_bound(points_.begin(), points_.end(), index,
                                [](Index i, const SegmentPoint& p) { return i < p.index; });
  return after == points_.begin() ? *after : *std::prev(after);
}

const SegmentPoint& SegmentIndex::find(Offset offset) const {
  CHECK(!points_.empty());
  auto after = std::upper_bound(points_.begin(), points_.end(), offset,
                                [](Offset o, const SegmentPoint& p) { return o < p.offset; });
  return after == points_.begin() ? *after : *std::prev(after);
}

// ----------------------------------------------------------------------------------------- walk

SegmentWalk::SegmentWalk(SegmentFile file, const SegmentPoint& from, uint64_t window_bytes)
    : file_(std::move(file)),
      window_bytes_(window_bytes),
      position_(from.position),
      next_index_(from.index) {}

Error SegmentWalk::damaged(const std::string& what) const {
  return {Code::kCorruption, file_.path + " at " + std::to_string(position_) + ", entry " +
                                 std::to_string(next_index_.value) + ": " + what};
}

std::optional<ByteRange> SegmentWalk::wanted() const {
  if (finished()) return std::nullopt;
  uint64_t begin = page_down(position_);
  uint64_t end = std::max(begin + window_bytes_, page_up(position_ + needed_));
  // Even where the file should have ended, ask for the page: the answer says what is wrong.
  end = std::min(end, std::max(page_up(file_.range.end_position), begin + kPageBytes));
  return ByteRange{begin, end - begin};
}

void SegmentWalk::feed(uint64_t position, ByteView window) {
  auto asked = wanted();
  file_ended_ = asked && position + window.size() < asked->position + asked->bytes;
  window_begin_ = position;
  window_ = window;
}

Result<std::optional<SegmentWalk::Entry>> SegmentWalk::needs(uint64_t bytes) {
  if (file_ended_) {
    return damaged("the file ends at " + std::to_string(window_begin_ + window_.size()) +
                   ", entries up to " + std::to_string(file_.range.end_position) +
                   " should be in it");
  }
  needed_ = bytes;
  return std::optional<Entry>{};
}

// The rest of a page behind a piece is zero, and never a whole page.
Result<void> SegmentWalk::skip_padding(ByteView rest) {
  uint64_t padding = page_up(position_) - position_;
  if (padding == 0) return damaged("zeroes where an entry should begin");
  rest = rest.first(std::min<size_t>(rest.size(), padding));
  if (std::any_of(rest.begin(), rest.end(), [](uint8_t b) { return b != 0; })) {
    return damaged("neither an entry nor padding");
  }
  position_ += padding;
  return {};
}

Result<void> SegmentWalk::check_follows(const EntryHeader& h) const {
  if (h.index != next_index_) {
    return damaged("the header there says entry " + std::to_string(h.index.value));
  }
  if (!before_) return {};
  if (h.term < before_->term) {
    return damaged("term " + std::to_string(h.term.value) + " after term " +
                   std::to_string(before_->term.value));
  }
  if (h.base_offset != before_->next_offset) {
    return damaged("offset " + std::to_string(h.base_offset.value) + ", expected " +
                   std::to_string(before_->next_offset.value));
  }
  if (h.chain != chain_after(before_->chain, h)) return damaged("it does not continue the chain");
  return {};
}

Result<void> SegmentWalk::check_end() const {
  const SegmentRange& range = file_.range;
  if (!finished()) return {};
  if (before_->chain != range.end.chain || position_ != range.end_position) {
    return damaged("the entries end at " + std::to_string(position_) +
                   " and are others than those recorded to end at " +
                   std::to_string(range.end_position));
  }
  return {};
}

Result<std::optional<SegmentWalk::Entry>> SegmentWalk::next() {
  while (!finished()) {
    if (position_ >= file_.range.end_position || file_.range.end_position > kMaxEnd) {
      return damaged("it lies behind " + std::to_string(file_.range.end_position) +
                     ", where the entries should end");
    }
    if (position_ < window_begin_ || position_ >= window_begin_ + window_.size()) return needs(1);
    size_t at = static_cast<size_t>(position_ - window_begin_);
    ByteView rest = window_.subspan(at);
    if (rest[0] == 0) {  // no entry begins so
      TRY(skip_padding(rest));
      continue;
    }
    if (position_ + kEntryHeaderBytes > file_.range.end_position) {
      return damaged("no entry has room before " + std::to_string(file_.range.end_position) +
                     ", where the entries should end");
    }
    if (rest.size() < kEntryHeaderBytes) return needs(kEntryHeaderBytes);
    auto decoded = decode_entry_header(rest, file_.group);
    if (!decoded.ok()) return damaged(decoded.error().text);
    const EntryHeader& h = *decoded;
    uint64_t bytes = kEntryHeaderBytes + h.body_bytes;
    TRY(check_follows(h));
    if (position_ + bytes > file_.range.end_position) {
      return damaged("it reaches beyond " + std::to_string(file_.range.end_position) +
                     ", where the entries should end");
    }
    if (rest.size() < bytes) return needs(bytes);
    Entry entry{h, position_, rest.first(bytes)};
    before_ = {h.index, h.term, h.next_offset(), h.chain, h.append_time_ms};
    position_ += bytes;
    next_index_ = next_index_.plus(1);
    needed_ = 0;
    TRY(check_end());
    return std::optional<Entry>(entry);
  }
  return std::optional<Entry>{};
}

Result<void> SegmentWalk::check_body(const Entry& entry) const {
  uint32_t actual = crc32c(entry.whole.subspan(kEntryHeaderBytes));
  if (actual == entry.header.body_crc || is_mutant(Mutant::kReadsUnverified)) return {};
  return Error{Code::kCorruption, file_.path + " at " + std::to_string(entry.position) +
                                      ", entry " + std::to_string(entry.header.index.value) +
                                      ": body CRC " + std::to_string(entry.header.body_crc) +
                                      ", computed " + std::to_string(actual)};
}

// ----------------------------------------------------------------------------------------- scan

SegmentScan::SegmentScan(SegmentFile file, bool check_bodies)
    : walk_(file, first_point(file.range)), check_bodies_(check_bodies) {}

std::optional<ByteRange> SegmentScan::wanted() const {
  if (!header_seen_) {
    uint64_t end = std::max(page_up(walk_.file().range.end_position), kSegmentHeaderBytes);
    return ByteRange{0, std::min(end, kSegmentHeaderBytes + kSegmentReadBytes)};
  }
  return walk_.wanted();
}

Result<void> SegmentScan::take_header(ByteView page) {
  const SegmentFile& file = walk_.file();
  auto header = decode_segment_header(page);
  if (!header.ok()) {
    return Error{header.error().code, file.path + " at 0, entry " +
                                          std::to_string(file.range.first.value) + ": " +
                                          header.error().text};
  }
  if (header->uid != file.uid || header->group != file.group || header->first != file.range.first ||
      header->term != file.range.term || header->base_offset != file.range.base_offset) {
    return Error{Code::kWrongIdentity,
                 file.path + ": its header names replica " + std::to_string(header->uid.value) +
                     " of group " + header->group.text() + ", entry " +
                     std::to_string(header->first.value) + " of term " +
                     std::to_string(header->term.value) + ", not the ones recorded"};
  }
  header_seen_ = true;
  Index before = header->first.value > 0 ? header->first.previous() : Index{0};
  walk_.continue_from({before, Term{0}, header->base_offset, header->chain_before, 0});
  return {};
}

Result<void> SegmentScan::take(ByteView window) {
  uint64_t position = wanted() ? wanted()->position : 0;
  if (!header_seen_) {
    TRY(take_header(window));
    window = window.subspan(kSegmentHeaderBytes);
    position = kSegmentHeaderBytes;
  }
  walk_.feed(position, window);
  while (true) {
    ASSIGN(auto entry, walk_.next());
    if (!entry) return {};
    if (check_bodies_) TRY(walk_.check_body(*entry));
    const EntryHeader& h = entry->header;
    index_.add({h.index, h.base_offset, entry->position});
    end_ = {h.index, h.term, h.next_offset(), h.chain, h.append_time_ms};
    end_position_ = entry->position + entry->whole.size();
  }
}

Result<SegmentIndex> scan_segment(Disk& disk, const SegmentFile& file, bool check_bodies) {
  ASSIGN(FileHandle handle, disk.open(file.path, OpenMode::kRead));
  SegmentScan scan(file, check_bodies);
  Result<void> result;
  std::vector<uint8_t> window;
  while (auto range = scan.wanted()) {
    window.resize(range->bytes);
    auto got = disk.read(handle, range->position, window);
    result = got.ok() ? scan.take(ByteView(window).first(*got)) : Result<void>(got.error());
    if (!result.ok()) break;
  }
  disk.close(handle);
  if (!result.ok()) return result.error();
  return scan.index();
}

// --------------------------------------------------------------------------------------- reader

namespace {

SegmentPoint start_of(const SegmentIndex& index, const SegmentReader::Wish& wish) {
  if (auto* wanted = std::get_if<Index>(&wish.from)) return index.find(*wanted);
  return index.find(std::get<Offset>(wish.from));
}

// Enough for the way from the point to the wanted entry and for what is wanted of it.
uint64_t window_for(uint64_t max_bytes) {
  uint64_t way = SegmentIndex::kDistance + kPageBytes;
  return max_bytes >= kSegmentReadBytes ? kSegmentReadBytes
                                        : std::min(page_up(way + max_bytes), kSegmentReadBytes);
}

}  // namespace

SegmentReader::SegmentReader(const SegmentFile& file, const SegmentIndex& index, const Wish& wish)
    : wish_(wish), walk_(file, start_of(index, wish), window_for(wish.max_bytes)) {
  result_.first = Index{1};
}

std::optional<ByteRange> SegmentReader::wanted() const {
  if (done_) return std::nullopt;
  return walk_.wanted();
}

bool SegmentReader::wants(const EntryHeader& h) const {
  if (auto* index = std::get_if<Index>(&wish_.from)) return h.index >= *index;
  return h.next_offset() > std::get<Offset>(wish_.from) || result_.bytes > 0;
}

void SegmentReader::keep(const Bytes& window, const SegmentWalk::Entry& entry) {
  if (result_.bytes == 0) result_.first = entry.header.index;
  result_.last = entry.header.index;
  result_.bytes += entry.whole.size();
  size_t begin = static_cast<size_t>(entry.whole.data() - window.data());
  if (piece_open_) {
    Bytes& piece = result_.pieces.back();
    size_t piece_begin = static_cast<size_t>(piece.data() - window.data());
    if (piece_begin + piece.size() == begin) {
      piece = window.slice(piece_begin, piece.size() + entry.whole.size());
      return;
    }
  }
  result_.pieces.push_back(window.slice(begin, entry.whole.size()));
  piece_open_ = true;
}

Result<void> SegmentReader::take(const Bytes& window) {
  auto range = wanted();
  CHECK(range.has_value());
  piece_open_ = false;
  walk_.feed(range->position, window);
  while (!done_) {
    ASSIGN(auto entry, walk_.next());
    if (!entry) return {};
    if (entry->header.index > wish_.last) {
      done_ = true;
    } else if (wants(entry->header)) {
      done_ = result_.bytes > 0 && result_.bytes + entry->whole.size() > wish_.max_bytes;
      if (done_) return {};
      TRY(walk_.check_body(*entry));
      keep(window, *entry);
    }
  }
  return {};
}

}  // namespace strandlog::store
