// Finding the rounds of a journal.
#include "store/journal_scan.h"

#include <algorithm>

namespace strandlog::store {
namespace {

using RoundMap = std::map<RoundNumber, ScannedRound>;

Result<ScannedFile> open_file(Disk& disk, const std::string& path, const StoreId& store) {
  ScannedFile file;
  file.path = path;
  ASSIGN(file.handle, disk.open(path, OpenMode::kWriteDirect));
  ASSIGN(file.bytes, disk.size(file.handle));
  if (file.bytes < kJournalHeaderBytes) return file;
  Pages pages(kJournalHeaderBytes);
  ASSIGN(uint64_t got, read_around_damage(disk, file.handle, 0, pages.view()));
  auto header = decode_journal_header(pages.view().first(got), store);
  if (header.ok()) {
    file.header = *header;
  } else if (header.error().code != Code::kCorruption) {
    return Error{header.error().code, path + ": " + header.error().text};
  }
  return file;
}

Result<std::vector<ScannedFile>> open_files(Disk& disk, const StoreId& store) {
  std::vector<ScannedFile> files;
  ASSIGN(auto names, disk.list(kJournalDirectory));
  for (const std::string& name : names) {
    if (!name.ends_with(".jnl")) continue;
    ASSIGN(auto file, open_file(disk, std::string(kJournalDirectory) + "/" + name, store));
    files.push_back(std::move(file));
  }
  std::stable_sort(files.begin(), files.end(), [](const ScannedFile& a, const ScannedFile& b) {
    if (a.header.has_value() != b.header.has_value()) return a.header.has_value();
    return a.header && a.header->sequence < b.header->sequence;
  });
  return files;
}

// Every head of the file's present use. Payload cannot imitate a head, so searching page by page
// after damage finds real rounds only.
Result<void> find_heads(Disk& disk, const ScannedFile& file, size_t number, RoundMap& rounds) {
  PageReader reader(disk, file.handle, file.bytes);
  uint64_t position = kJournalHeaderBytes;
  while (position + kPageBytes <= file.bytes) {
    ASSIGN(ByteView page, reader.page(position));
    auto fixed = decode_round_fixed(page, *file.header);
    if (!fixed.ok()) {
      if (fixed.error().code == Code::kUnsupported) return fixed.error();
      position += kPageBytes;
      continue;
    }
    if (!rounds.emplace(fixed->number, ScannedRound{*fixed, number, position}).second) {
      return Error{Code::kCorruption, "journal: round " + std::to_string(fixed->number.value) +
                                          " is there twice, again in " + file.path};
    }
    position += fixed->total_bytes;
  }
  return {};
}

// From the highest head back along `previous`. One lost head is bridged by the head after it; two
// in a row end the chain.
void follow_chain(const RoundMap& rounds, JournalScan& scan) {
  scan.reaches_first_round = true;
  if (rounds.empty()) return;
  scan.highest = rounds.rbegin()->first;
  std::vector<ChainLink>& chain = scan.chain;
  auto at = std::prev(rounds.end());
  for (auto below = at; below != rounds.begin();) {
    --below;
    if (below->first <= at->second.fixed.previous) break;
    bool follows_the_same = below->second.fixed.previous == at->second.fixed.previous;
    if (follows_the_same) scan.replaced.push_back(below->second);
  }
  while (true) {
    chain.push_back({at->first, at->second});
    const RoundFixed& fixed = at->second.fixed;
    if (fixed.previous.value == 0) break;
    at = rounds.find(fixed.previous);
    if (at != rounds.end()) continue;
    chain.push_back({fixed.previous, std::nullopt});
    if (fixed.before_previous.value == 0) break;
    at = rounds.find(fixed.before_previous);
    if (at != rounds.end()) continue;
    scan.reaches_first_round = false;
    break;
  }
  std::reverse(chain.begin(), chain.end());
}

}  // namespace

Result<uint64_t> read_around_damage(Disk& disk, FileHandle file, uint64_t position,
                                    MutableByteView into) {
  auto whole = disk.read(file, position, into);
  if (whole.ok() || whole.error().code != Code::kIo) return whole;
  uint64_t got = 0;
  while (got < into.size()) {
    MutableByteView page = into.subspan(got, std::min<uint64_t>(kPageBytes, into.size() - got));
    auto read = disk.read(file, position + got, page);
    if (!read.ok()) {
      if (read.error().code != Code::kIo) return read;
      std::memset(page.data(), 0, page.size());
      read = uint64_t{page.size()};
    }
    got += *read;
    if (*read < page.size()) break;
  }
  return got;
}

Result<ByteView> PageReader::page(uint64_t position) {
  if (position < begin_ || position + kPageBytes > end_) {
    uint64_t want = std::min(kWindowBytes, page_up(file_bytes_ - position));
    MutableByteView into = window_.view().first(want);
    ASSIGN(uint64_t got, read_around_damage(disk_, file_, position, into));
    begin_ = position;
    end_ = position + got;
  }
  uint64_t offset = position - begin_;
  return ByteView(window_.view().subspan(offset, std::min(kPageBytes, end_ - position)));
}

Result<ByteView> read_round(Disk& disk, const JournalScan& scan, const ScannedRound& round,
                            std::optional<Pages>& memory) {
  const ScannedFile& from = scan.files[round.file];
  uint64_t bytes =
      std::min<uint64_t>(round.fixed.total_bytes, page_up(from.bytes - round.position));
  if (!memory || memory->size() < bytes) memory.emplace(bytes);
  MutableByteView into = memory->view().first(bytes);
  ASSIGN(uint64_t got, read_around_damage(disk, from.handle, round.position, into));
  return ByteView(into.first(got));
}

Result<const ScannedRound*> newest_whole_replaced(Disk& disk, const JournalScan& scan,
                                                  std::optional<Pages>& memory) {
  for (const ScannedRound& round : scan.replaced) {
    ASSIGN(ByteView bytes, read_round(disk, scan, round, memory));
    auto head = decode_round_head(bytes, *scan.files[round.file].header);
    if (!head.ok() && head.error().code != Code::kCorruption) return head.error();
    if (head.ok() && round_is_whole(*head, bytes)) return &round;
  }
  return nullptr;
}

Result<JournalScan> scan_journal(Disk& disk, const StoreId& store) {
  JournalScan scan;
  ASSIGN(scan.files, open_files(disk, store));
  RoundMap rounds;
  for (const ScannedFile& file : scan.files) {
    if (!file.header) break;
    TRY(find_heads(disk, file, scan.files_in_use, rounds));
    ++scan.files_in_use;
  }
  follow_chain(rounds, scan);
  return scan;
}

}  // namespace strandlog::store
