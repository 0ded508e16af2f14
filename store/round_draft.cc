// Gathering a round.
#include "store/round_draft.h"

#include "base/crc32c.h"

namespace strandlog::store {

void RoundDraft::touch(ReplicaLog& log, RoundNumber round) {
  if (log.touched_round == round) return;
  log.touched_round = round;
  touched_.push_back(log.state().spec.uid);
}

void RoundDraft::set_hard_state(const Item& item) {
  auto [at, is_first] = hard_states_.try_emplace(item.uid, items_.size());
  if (is_first) {
    items_.push_back(item);
  } else {
    items_[at->second] = item;
  }
}

void RoundDraft::add(Item item, ByteView payload, RoundBuffer& buffer) {
  RoundBuffer::Place place = buffer.take(payload.size());
  std::memcpy(place.data, payload.data(), payload.size());
  item.position = place.position;
  item.bytes = static_cast<uint32_t>(payload.size());
  item.crc = crc32c(payload);
  items_.push_back(item);
}

bool RoundDraft::extends(Uid uid, const RoundBuffer::Place& place) const {
  return place.follows && !items_.empty() && items_.back().kind == ItemKind::kEntries &&
         items_.back().uid == uid && items_.back().position + items_.back().bytes == place.position;
}

uint32_t RoundDraft::crc_before(Uid uid, const RoundBuffer::Place& place) const {
  return extends(uid, place) ? items_.back().crc : 0;
}

void RoundDraft::add_entries(const Item& run, const RoundBuffer::Place& place) {
  if (extends(run.uid, place)) {
    Item& item = items_.back();
    item.last = run.last;
    item.term = run.term;
    item.bytes += run.bytes;
    item.crc = run.crc;
    return;
  }
  items_.push_back(run);
  items_.back().position = place.position;
}

}  // namespace strandlog::store
