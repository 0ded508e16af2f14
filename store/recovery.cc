// Recovery of a store from its journal.
#include "store/recovery.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "base/mark.h"
#include "base/mutant.h"
#include "store/redo.h"
#include "store/synchronous_disk.h"

namespace strandlog::store {
namespace {

constexpr uint64_t kPaddingOfSegment = 2 * kPageBytes;  // a header, the end of its last page
constexpr uint64_t kPaddingOfLog = 4 * kPageBytes;      // a directory, a header, ends of pieces

class Recovery {
 public:
  Recovery(Disk& disk, const StoreId& store, const RecoveryLimits& limits, ReplicaTable& table,
           Journal& journal)
      : disk_(disk),
        store_(store),
        limits_(limits),
        table_(table),
        journal_(journal),
        redo_(table, disk) {}
  Result<Recovered> run();

 private:
  struct Image {
    size_t link = 0;  ///< in the chain
    RoundNumber shows;
    bool whole = false;
  };
  struct Loaded {
    RoundHead head;
    ByteView bytes;  ///< in memory_
  };

  Result<void> flush_what_was_found();
  Result<void> judge_last_round();
  Result<void> find_images();
  Result<void> choose_start();
  Result<void> load_image(const Image& image);
  void load_image_replica(const Item& item, const RoundFixed& fixed, ByteView bytes);
  Result<void> redo_from(RoundNumber shown);
  Result<std::vector<RepeatedItem>> told_after(size_t link);
  bool can_relieve_memory() const;
  Result<void> relieve_memory();
  Result<void> hand_over();
  bool is_header_sure(const JournalEnd& end) const;
  Result<void> write_last_anew();
  /// kCorruption when the head's lists are damaged.
  Result<Loaded> load(const ScannedRound& round);
  Error untrusted(const std::string& why) const {
    return {Code::kCorruption, "journal: " + why +
                                   "; this store cannot be trusted: wipe it and let it be restored "
                                   "from its peers"};
  }

  Disk& disk_;
  StoreId store_;
  RecoveryLimits limits_;
  ReplicaTable& table_;
  Journal& journal_;
  Redo redo_;
  JournalScan scan_;
  std::optional<Pages> memory_;
  std::optional<RoundHead> cut_;        ///< the torn round, when its lists are whole
  std::optional<ScannedRound> cut_at_;  ///< and where it is
  std::vector<Image> images_;           ///< newest first
  std::vector<RepeatedItem> last_items_;
  Recovered recovered_;
};

Result<Recovery::Loaded> Recovery::load(const ScannedRound& round) {
  ASSIGN(ByteView bytes, read_round(disk_, scan_, round, memory_));
  ASSIGN(RoundHead head, decode_round_head(bytes, *scan_.files[round.file].header));
  return Loaded{std::move(head), bytes};
}

// A boot and a seal say nothing to a later start.
bool is_worth_repeating(const Item& item) {
  return item.kind != ItemKind::kBoot && item.kind != ItemKind::kSeal;
}

RoundContent content_of(const RoundHead& head, ByteView bytes) {
  RoundContent content;
  content.has_image = head.fixed.has_image;
  for (const Item& item : head.items) {
    if (!is_worth_repeating(item)) continue;
    content.items.push_back(item);
    content.payload_bytes = std::max(content.payload_bytes, uint64_t{item.position} + item.bytes);
  }
  if (content.payload_bytes == 0) return content;
  auto memory = std::make_shared<Pages>(page_up(content.payload_bytes));
  std::memset(memory->data(), 0, memory->size());
  std::memcpy(memory->data(), bytes.data() + head.fixed.payload_at, content.payload_bytes);
  content.payload.emplace_back(memory, ByteView(memory->data(), memory->size()));
  return content;
}

// The one round that may be torn is the last: a round is submitted only when the one before it is
// flushed, so everything below the highest head was durable once.
Result<void> Recovery::judge_last_round() {
  if (scan_.chain.empty()) return {};
  const ScannedRound& last = *scan_.chain.back().found;
  auto loaded = load(last);
  if (!loaded.ok() && loaded.error().code != Code::kCorruption) return loaded.error();
  if (loaded.ok() && round_is_whole(loaded->head, loaded->bytes)) return {};
  mark<"store: a torn round is cut">();
  LOG(kInfo, "torn journal round cut", kv("round", last.fixed.number),
      kv("bytes", last.fixed.total_bytes));
  if (loaded.ok()) cut_ = std::move(loaded->head);
  cut_at_ = last;
  scan_.chain.pop_back();
  ASSIGN(const ScannedRound* counts, newest_whole_replaced(disk_, scan_, memory_));
  if (!counts) return {};
  mark<"store: a torn repetition leaves the round it repeats">();
  scan_.chain.push_back({counts->fixed.number, *counts});
  return {};
}

Result<void> Recovery::find_images() {
  size_t whole = 0;
  for (size_t link = scan_.chain.size(); link-- > 0 && whole < 2;) {
    const auto& round = scan_.chain[link].found;
    if (!round || !round->fixed.has_image) continue;
    auto loaded = load(*round);
    if (!loaded.ok() && loaded.error().code != Code::kCorruption) return loaded.error();
    if (!loaded.ok()) continue;
    for (const Item& item : loaded->head.items) {
      if (item.kind != ItemKind::kImageBegin) continue;
      RoundNumber shows{item.first.value};
      if (shows >= round->fixed.number) continue;  // none shows what comes after it
      images_.push_back({link, shows, round_is_whole(loaded->head, loaded->bytes)});
      if (images_.back().whole) ++whole;
    }
  }
  return {};
}

void Recovery::load_image_replica(const Item& item, const RoundFixed& fixed, ByteView bytes) {
  Result<ImageReplica> part = Error{Code::kCorruption, "its part of the base image is damaged"};
  if (item_is_whole(item, fixed, bytes))
    part = decode_image_replica(item_payload(item, fixed, bytes));
  if (!part.ok() || part->state.spec.uid != item.uid) {
    table_.set_fault(
        item.uid, part.ok() ? "its part of the base image names another uid" : part.error().text);
    return;
  }
  ReplicaLog& log = table_.add(part->state.spec);
  log.restore(std::move(*part));
}

Result<void> Recovery::load_image(const Image& image) {
  ASSIGN(Loaded loaded, load(*scan_.chain[image.link].found));
  for (const Item& item : loaded.head.items) {
    if (item.kind == ItemKind::kImageReplica) {
      load_image_replica(item, loaded.head.fixed, loaded.bytes);
    } else if (item.kind == ItemKind::kImageNote) {
      if (!item_is_whole(item, loaded.head.fixed, loaded.bytes)) {
        return untrusted("the base image's notes are damaged");
      }
      ASSIGN(auto note, decode_note(item_payload(item, loaded.head.fixed, loaded.bytes)));
      table_.notes[note.first] = note.second;
    }
  }
  return {};
}

// Best first: the newest whole image; the whole life of the store; an image with damaged parts.
Result<void> Recovery::choose_start() {
  TRY(find_images());
  std::vector<const Image*> whole;
  for (const Image& image : images_) {
    if (image.whole) whole.push_back(&image);
  }
  if (!whole.empty()) recovered_.newest_image = whole[0]->shows;
  if (whole.size() > 1) recovered_.older_image = whole[1]->shows;
  const Image* best = whole.empty() ? nullptr : whole.front();
  if (!best && !scan_.reaches_first_round && !images_.empty()) {
    best = &images_.front();
    recovered_.newest_image = best->shows;
  }
  if (!best && !scan_.reaches_first_round) {
    return untrusted("rounds before " + std::to_string(scan_.chain.front().number.value) +
                     " are missing and no base image is left");
  }
  if (!best) return redo_from(RoundNumber{0});
  TRY(load_image(*best));
  return redo_from(best->shows);
}

// What the round after `link` tells of it.
Result<std::vector<RepeatedItem>> Recovery::told_after(size_t link) {
  RoundNumber number = scan_.chain[link].number;
  std::optional<RoundHead> after;
  if (link + 1 < scan_.chain.size()) {
    if (const auto& found = scan_.chain[link + 1].found) {
      auto loaded = load(*found);
      if (loaded.ok()) after = std::move(loaded->head);
    }
  } else {
    after = cut_;
  }
  if (!after || after->fixed.previous != number) {
    return untrusted("nothing tells what round " + std::to_string(number.value) + " held");
  }
  return after->repeat;
}

// On a full disk all stays in memory, which the journal's length bounds; the running store files it
// once there is space. Half a filing could not be taken back.
bool Recovery::can_relieve_memory() const {
  uint64_t bytes = table_.buffer.bytes();
  if (bytes <= limits_.memory_bytes || table_.buffer.chunk_count() < 2) return false;
  uint64_t segments = bytes / (limits_.filer.segment_bytes - kSegmentHeaderBytes);
  uint64_t padding = bytes / 32 + segments * kPaddingOfSegment + table_.logs.size() * kPaddingOfLog;
  auto free = disk_.free_bytes();
  return !free.ok() || *free >= bytes + padding;
}

// Files everything restored so far and lets go of its memory. A later round may truncate some of
// it: then its segment is cut, as while running.
Result<void> Recovery::relieve_memory() {
  if (!can_relieve_memory()) return {};
  mark<"store: a start files what memory cannot hold">();
  SynchronousDisk disk(disk_);
  SegmentFiler filer(disk, limits_.filer);
  std::vector<DiskDone> done;
  auto finish = [&]() -> Result<void> {
    done.clear();
    disk.poll(done);
    for (const DiskDone& d : done) {
      if (!d.result.ok()) return d.result.error();
      TRY(filer.on_done(d));
    }
    return {};
  };
  for (auto& [uid, log] : table_.logs) {
    bool filed = !log.in_service();
    while (!filed) {
      ASSIGN(filed, filer.file(log, log.state().last));
      TRY(finish());
    }
    filer.end_segment(log);
    TRY(finish());
  }
  while (table_.buffer.chunk_count() > 1) {
    for (Uid uid : table_.buffer.users_of_oldest()) {
      table_.find(uid)->forget_chunk(table_.buffer.oldest());
    }
    table_.buffer.drop_oldest();
  }
  return {};
}

Result<void> Recovery::redo_from(RoundNumber shown) {
  size_t begin = 0;
  while (begin < scan_.chain.size() && scan_.chain[begin].number <= shown) ++begin;
  if (begin == 0 && !scan_.chain.empty() && !(shown.value == 0 && scan_.reaches_first_round)) {
    const auto& first = scan_.chain.front().found;
    if (!first || first->fixed.previous != shown) {
      return untrusted("rounds after " + std::to_string(shown.value) + " are missing");
    }
  }
  for (size_t link = begin; link < scan_.chain.size(); ++link) {
    const ChainLink& at = scan_.chain[link];
    if (at.found) {
      recovered_.bytes_after_image += at.found->fixed.total_bytes;
      auto loaded = load(*at.found);
      if (loaded.ok()) {
        last_items_ = repeat_of(loaded->head.items);
        TRY(redo_.apply(loaded->head, loaded->bytes));
        TRY(relieve_memory());
        continue;
      }
      if (loaded.error().code != Code::kCorruption) return loaded.error();
    }
    if (is_mutant(Mutant::kCutAtDamage)) break;
    ASSIGN(last_items_, told_after(link));
    TRY(redo_.apply_lost(at.number, last_items_));
  }
  redo_.finish();
  auto damaged = [](const Image& image) { return !image.whole; };
  recovered_.damaged = redo_.found_damage() || std::any_of(images_.begin(), images_.end(), damaged);
  return {};
}

Result<void> Recovery::hand_over() {
  for (size_t i = 0; i < scan_.files_in_use; ++i) {
    const ScannedFile& file = scan_.files[i];
    recovered_.highest_epoch = std::max(recovered_.highest_epoch, file.header->boot_epoch);
  }
  JournalEnd end;
  const std::vector<ChainLink>& chain = scan_.chain;
  for (const ChainLink& link : chain) {
    if (!link.found) continue;
    recovered_.highest_epoch = std::max(recovered_.highest_epoch, link.found->fixed.boot_epoch);
    end.file = link.found->file;
    end.position = link.found->position + link.found->fixed.total_bytes;
  }
  if (cut_at_) {
    recovered_.highest_epoch = std::max(recovered_.highest_epoch, cut_at_->fixed.boot_epoch);
    end.file = cut_at_->file;
    end.position = cut_at_->position;
  }
  end.header_is_sure = is_header_sure(end);
  // As while running: each start would take a file more than it gives back, and on a full disk
  // there is nothing else to use.
  end.shown = recovered_.older_image;
  journal_.adopt(scan_, end);
  LastRound last;
  if (!chain.empty()) last.number = chain.back().number;
  if (chain.size() > 1) last.previous = chain[chain.size() - 2].number;
  last.items = std::move(last_items_);
  recovered_.last = last;
  journal_.follow(std::move(last));
  return write_last_anew();
}

// The last process may have ended before it did, and segments are written on the strength of what
// was found.
Result<void> Recovery::flush_what_was_found() {
  for (size_t i = 0; i < scan_.files_in_use; ++i) TRY(disk_.flush(scan_.files[i].handle));
  return disk_.flush_directory(kJournalDirectory);
}

// A file's header was flushed with its first round: if that is the last one, the same is to be said
// of both.
bool Recovery::is_header_sure(const JournalEnd& end) const {
  const std::vector<ChainLink>& chain = scan_.chain;
  if (chain.empty()) return false;
  return std::any_of(chain.begin(), chain.end() - 1, [&](const ChainLink& link) {
    return link.found && link.found->file == end.file;
  });
}

// The next round follows the one before the last, and tells of that.
Result<void> Recovery::write_last_anew() {
  if (scan_.chain.empty() || !scan_.chain.back().found) return {};
  // Flushed before the next one was submitted, which was cut.
  if (cut_at_ && cut_at_->fixed.previous == scan_.chain.back().number) return {};
  auto loaded = load(*scan_.chain.back().found);
  if (!loaded.ok() && loaded.error().code != Code::kCorruption) return loaded.error();
  if (!loaded.ok() || !round_is_whole(loaded->head, loaded->bytes)) return {};
  const RoundFixed& last = loaded->head.fixed;
  recovered_.last_round = content_of(loaded->head, loaded->bytes);
  journal_.follow({last.previous, last.before_previous, std::move(loaded->head.repeat)});
  return {};
}

Result<Recovered> Recovery::run() {
  ASSIGN(scan_, scan_journal(disk_, store_));
  TRY(flush_what_was_found());
  TRY(judge_last_round());
  TRY(choose_start());
  TRY(hand_over());
  for (auto& [uid, state] : table_.states) state.durable = state.last;
  table_.buffer.end_round();
  return recovered_;
}

}  // namespace

Result<Recovered> recover(Disk& disk, const StoreId& store, ReplicaTable& table, Journal& journal,
                          const RecoveryLimits& limits) {
  return Recovery(disk, store, limits, table, journal).run();
}

}  // namespace strandlog::store
