// Taking a checkpoint.
#include "store/checkpoint.h"

#include "base/crc32c.h"
#include "base/log.h"

namespace strandlog::store {

void Checkpoint::begin(RoundNumber shows, const ReplicaTable& table, SegmentFiler& filer) {
  CHECK(phase_ == Phase::kIdle);
  phase_ = Phase::kFiling;
  shows_ = shows;
  notes_ = table.notes;
  for (const auto& [uid, log] : table.logs) {
    ImageReplica& part = parts_[uid];
    part.state = log.state();
    if (log.in_service() && log.filed_to() < log.state().last) {
      to_file_.insert(uid);
    } else {
      capture(uid, part, log, filer);
    }
  }
}

// Everything the image shows of this log has been handed over just now, and nothing more: the
// ranges end where the image's log ends.
void Checkpoint::capture(Uid uid, ImageReplica& part, const ReplicaLog& log, SegmentFiler& filer) {
  part.segments = filer.ranges(log);
  filer.flush(uid);
  if (!filer.durable_through(uid, part.state.last)) to_flush_.insert(uid);
}

Result<void> Checkpoint::advance(ReplicaTable& table, SegmentFiler& filer) {
  if (phase_ != Phase::kFiling) return {};
  while (!to_file_.empty()) {
    Uid uid = *to_file_.begin();
    ReplicaLog& log = *table.find(uid);
    ImageReplica& part = parts_[uid];
    Result<bool> filed = true;
    if (log.in_service()) {
      filed = filer.file(log, part.state.last);
    } else {
      part.state.fault = log.state().fault;
    }
    if (!filed.ok() && filed.error().code == Code::kCorruption) {
      table.set_fault(uid, filed.error().text);
      part.state.fault = filed.error().text;
    } else if (!filed.ok()) {
      return filed.error();
    } else if (!*filed) {
      return {};
    }
    to_file_.erase(uid);
    capture(uid, part, log, filer);
  }
  finish_if_done();
  return {};
}

void Checkpoint::on_cut(const ReplicaLog& log, const SegmentFiler& filer) {
  if (phase_ == Phase::kIdle) return;
  Uid uid = log.state().spec.uid;
  auto found = parts_.find(uid);
  if (found == parts_.end() || found->second.state.last <= log.state().last) return;
  ImageReplica& part = found->second;
  const ReplicaState& now = log.state();
  part.state.last = now.last;
  part.state.next_offset = now.next_offset;
  part.state.chain = now.chain;
  part.state.last_append_time_ms = now.last_append_time_ms;
  part.state.terms = now.terms;
  part.state.bytes = now.bytes;
  part.state.configurations = now.configurations;
  if (to_file_.contains(uid) && log.filed_to() < now.last) return;
  part.segments = filer.ranges(log);
  if (to_file_.erase(uid) == 0) return;
  if (!filer.durable_through(uid, part.state.last)) to_flush_.insert(uid);
  finish_if_done();
}

void Checkpoint::on_dead(Uid uid) {
  auto found = parts_.find(uid);
  if (phase_ == Phase::kIdle || found == parts_.end()) return;
  // Its log is no longer worth filing; the round that ends its life comes after the image.
  ReplicaState& s = found->second.state;
  found->second.segments.clear();
  s.last = s.start.index;
  s.next_offset = s.start.offset;
  s.chain = s.start.chain;
  s.terms.clear();
  s.bytes = 0;
  to_file_.erase(uid);
  to_flush_.erase(uid);
  finish_if_done();
}

void Checkpoint::on_filed(Uid uid, const SegmentFiler& filer) {
  if (phase_ != Phase::kFiling || !to_flush_.contains(uid)) return;
  if (!filer.durable_through(uid, parts_[uid].state.last)) return;
  to_flush_.erase(uid);
  finish_if_done();
}

void Checkpoint::finish_if_done() {
  if (phase_ == Phase::kFiling && to_file_.empty() && to_flush_.empty()) phase_ = Phase::kReady;
}

Checkpoint::Image Checkpoint::image() const {
  CHECK(phase_ == Phase::kReady);
  Image image;
  std::vector<std::vector<uint8_t>> payloads;
  auto add = [&](ItemKind kind, Uid uid, std::vector<uint8_t> payload) {
    Item item{.kind = kind, .uid = uid};
    item.position = static_cast<uint32_t>(image.bytes);
    item.bytes = static_cast<uint32_t>(payload.size());
    item.crc = crc32c(payload);
    image.items.push_back(item);
    image.bytes += payload.size();
    payloads.push_back(std::move(payload));
  };
  Item begin{.kind = ItemKind::kImageBegin};
  begin.first = Index{shows_.value};
  begin.last = Index{parts_.size() + notes_.size()};
  image.items.push_back(begin);
  for (const auto& [uid, part] : parts_) {
    bool whole = part.segments.empty() ? part.state.last == part.state.start.index
                                       : part.segments.back().end.index == part.state.last;
    CHECK(whole || part.state.fault);  // the journal before this image will be gone
    add(ItemKind::kImageReplica, uid, encode_image_replica(part));
  }
  for (const auto& [name, value] : notes_) {
    add(ItemKind::kImageNote, Uid{}, encode_note(name, value));
  }
  auto memory = std::make_shared<Pages>(image.bytes);
  uint8_t* at = memory->data();
  for (const auto& payload : payloads) {
    std::memcpy(at, payload.data(), payload.size());
    at += payload.size();
  }
  std::memset(at, 0, memory->size() - image.bytes);
  image.payload = Bytes(memory, ByteView(memory->data(), memory->size()));
  return image;
}

void Checkpoint::end() {
  parts_.clear();
  notes_.clear();
  phase_ = Phase::kIdle;
}

}  // namespace strandlog::store
