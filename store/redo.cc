// Redo of journalled rounds.
#include "store/redo.h"

#include <algorithm>

#include "base/log.h"
#include "store/segment_cut.h"
#include "store/segment_format.h"

namespace strandlog::store {
namespace {

std::string name_of(const Item& item) {
  return "item of kind " + std::to_string(static_cast<unsigned>(item.kind));
}

constexpr bool belongs_to_image(ItemKind kind) {
  return kind == ItemKind::kImageBegin || kind == ItemKind::kImageReplica ||
         kind == ItemKind::kImageNote;
}

}  // namespace

Result<void> Redo::apply(const RoundHead& head, ByteView bytes) {
  for (const Item& item : head.items) {
    if (belongs_to_image(item.kind)) continue;  // shows what the rounds before it did
    if (item_is_whole(item, head.fixed, bytes)) {
      TRY(apply_item(item, item_payload(item, head.fixed, bytes)));
      continue;
    }
    std::string what = "journal round " + std::to_string(head.fixed.number.value) + ": " +
                       name_of(item) + ", entries " + std::to_string(item.first.value) + " to " +
                       std::to_string(item.last.value) + ", is damaged";
    if (item.uid.value == 0) return Error{Code::kCorruption, what};
    table_.set_fault(item.uid, what);
    found_damage_ = true;
  }
  return {};
}

Result<void> Redo::apply_lost(RoundNumber number, const std::vector<RepeatedItem>& items) {
  std::string what = "journal round " + std::to_string(number.value) + ": the head is damaged";
  for (const RepeatedItem& item : items) {
    constexpr uint32_t kHarmless = 1u << static_cast<unsigned>(ItemKind::kBoot);
    if (item.uid.value != 0) {
      table_.set_fault(item.uid, what);
    } else if ((item.kinds & ~kHarmless) != 0) {
      return Error{Code::kCorruption, what + ", and it held notes of the whole store"};
    }
  }
  found_damage_ = true;
  LOG(kWarn, "journal round head lost", kv("round", number), kv("replicas", items.size()));
  return {};
}

Result<void> Redo::apply_item(const Item& item, ByteView payload) {
  switch (item.kind) {
    case ItemKind::kBoot:
    case ItemKind::kSeal:
    case ItemKind::kImageBegin:
    case ItemKind::kImageReplica:
    case ItemKind::kImageNote:
      return {};
    case ItemKind::kNote: {
      ASSIGN(auto note, decode_note(payload));
      table_.notes[note.first] = note.second;
      return {};
    }
    case ItemKind::kMade:
      return apply_made(item, payload);
    case ItemKind::kEntries:
    case ItemKind::kHardState:
    case ItemKind::kTruncation:
    case ItemKind::kConfiguration:
    case ItemKind::kTrim:
    case ItemKind::kLife:
    case ItemKind::kInstalledSegments:
    case ItemKind::kEntriesInSegment:
      break;
  }
  ReplicaLog* log = table_.find(item.uid);
  if (!log || log->state().life == Life::kDead) {
    if (!log && item.uid.value != 0) table_.set_fault(item.uid, name_of(item) + " before made");
    if (item.uid.value == 0) {
      return Error{Code::kUnsupported, "journal: " + name_of(item) + " of the whole store"};
    }
    return {};
  }
  switch (item.kind) {
    case ItemKind::kEntries:
      apply_entries(*log, item, payload);
      return {};
    case ItemKind::kEntriesInSegment:
      apply_entries_in_segment(*log, item, payload);
      return {};
    case ItemKind::kHardState:
      log->state().term = item.term;
      log->state().vote = item.vote;
      return {};
    case ItemKind::kTruncation:
      apply_truncation(*log, item);
      return {};
    case ItemKind::kConfiguration:
      log->set_configuration(item.first, Bytes::copy(payload));
      return {};
    case ItemKind::kTrim:
      apply_trim(*log, item, payload);
      return {};
    case ItemKind::kLife:
      apply_life(*log, item);
      return {};
    case ItemKind::kMade:
    case ItemKind::kInstalledSegments:
    case ItemKind::kNote:
    case ItemKind::kBoot:
    case ItemKind::kImageBegin:
    case ItemKind::kImageReplica:
    case ItemKind::kImageNote:
    case ItemKind::kSeal:
      break;
  }
  table_.set_fault(item.uid, "journal: " + name_of(item) + " is not supported by this build");
  return {};
}

Result<void> Redo::apply_made(const Item& item, ByteView payload) {
  if (item.uid.value == 0) return Error{Code::kUnsupported, "journal: made uid 0"};
  auto made = decode_made(payload);
  if (!made.ok() || made->spec.uid != item.uid) {
    table_.set_fault(item.uid, "journal: malformed made uid");
    return {};
  }
  if (ReplicaLog* log = table_.find(item.uid)) {
    if (log->in_service()) {
      table_.set_fault(item.uid, "journal: made a second time");
    } else {  // its first sign was damage
      log->state().spec = made->spec;
    }
    return {};
  }
  table_.add(made->spec).set_configuration(Index{0}, made->configuration);
  return {};
}

void Redo::apply_entries(ReplicaLog& log, const Item& item, ByteView run) {
  if (!log.in_service()) return;
  // A base image shows a log without entries that were truncated soon after it; their rounds come
  // again, and then the truncation.
  Index last = log.beyond.value_or(log.state().last);
  if (log.beyond || item.first > last.plus(1)) {
    log.beyond = item.last;
    return;
  }
  auto fits = log.check_run(run, headers_);
  if (fits.ok() && (headers_.empty() || headers_.back().index != item.last)) {
    fits = Error{Code::kCorruption, "its last entry is not " + std::to_string(item.last.value)};
  }
  if (!fits.ok()) {
    table_.set_fault(item.uid, "journal: entries that do not fit: " + fits.error().text);
    return;
  }
  table_.add_run(log, run, headers_);
}

void Redo::apply_entries_in_segment(ReplicaLog& log, const Item& item, ByteView payload) {
  auto place = decode_segment_place(payload);
  Error failed{Code::kCorruption, "the entries fail their CRC"};
  if (place.ok() && place->bytes <= kMaxRoundBytes) {
    std::string path = segment_file_path(item.uid, {place->segment_first, place->segment_term});
    scratch_.resize(place->bytes);
    if (auto file = disk_.open(path, OpenMode::kRead); file.ok()) {
      auto got = disk_.read(*file, place->position, scratch_);
      disk_.close(*file);
      if (got.ok() && *got == place->bytes && crc_of_headers(scratch_) == place->headers_crc) {
        apply_entries(log, item, scratch_);
        return;
      }
      if (!got.ok()) failed = got.error();
    } else {
      failed = file.error();
    }
  }
  table_.set_fault(item.uid, "journal: entries in a segment: " + failed.text);
}

void Redo::apply_truncation(ReplicaLog& log, const Item& item) {
  if (!log.in_service()) return;
  Index keep = item.first.value == 0 ? Index{0} : item.first.previous();
  if (keep > log.state().last) {
    if (log.beyond) log.beyond = std::min(*log.beyond, keep);
    return;
  }
  log.beyond.reset();
  if (auto cut = cut_log(disk_, log, keep); !cut.ok()) {
    table_.set_fault(item.uid, "journal: truncation to entry " + std::to_string(keep.value) + ": " +
                                   cut.error().text);
  }
}

void Redo::apply_trim(ReplicaLog& log, const Item& item, ByteView payload) {
  auto trim = decode_trim(payload);
  if (!trim.ok()) {
    table_.set_fault(item.uid, trim.error().text);
    return;
  }
  if (!log.in_service()) return;
  auto known = log.point_at(item.first);
  if (known && (known->next_offset != trim->first || known->chain != trim->second)) {
    table_.set_fault(item.uid, "journal: a trim to entry " + std::to_string(item.first.value) +
                                   " that is another one");
    return;
  }
  log.trim({item.first, item.term, trim->first, trim->second});
}

void Redo::apply_life(ReplicaLog& log, const Item& item) {
  if (item.argument < 1 || item.argument > 4) {
    table_.set_fault(item.uid, "journal: life " + std::to_string(item.argument));
    return;
  }
  log.state().life = static_cast<Life>(item.argument);
  if (log.state().life == Life::kDead) log.clear();
}

void Redo::finish() {
  for (auto& [uid, log] : table_.logs) {
    if (log.beyond && log.in_service()) {
      table_.set_fault(uid, "journal: entries " + std::to_string(log.state().last.value + 1) +
                                " and on are missing");
    }
    log.beyond.reset();
  }
}

}  // namespace strandlog::store
