// What the end of a process and the loss of power leave on a fake disk.
#include "tests/store/fake_disk.h"

namespace strandlog::store {

void FakeDisk::run_in_part(const Pending& pending) {
  if (pending.op.kind != DiskOp::Kind::kWrite) return;
  uint64_t position = pending.op.position;
  for (const Bytes& piece : pending.op.pieces) {
    apply_write(files_.at(pending.file), position, piece);
    position += piece.size();
  }
}

void FakeDisk::crash_lane(DiskOp::Lane lane, Dice& dice, bool was_stopped) {
  std::vector<const Pending*> queue;
  for (const Pending& pending : pending_) {
    if (pending.op.lane == lane) queue.push_back(&pending);
  }
  if (queue.empty()) return;
  uint64_t whole = was_stopped ? 0 : dice.below(queue.size() + 1);
  for (uint64_t i = 0; i < whole; ++i) {
    if (queue[i]->op.kind != DiskOp::Kind::kRead) run(*queue[i]);
  }
  if (whole < queue.size()) run_in_part(*queue[whole]);
}

void FakeDisk::crash_names(Dice& dice, Harm harm) {
  uint64_t stay = dice.percent(50) ? changes_.size() : dice.below(changes_.size() + 1);
  for (uint64_t i = 0; i < changes_.size(); ++i) {
    bool stays = harm.loses_names ? dice.below(2) == 1 : i < stay;
    if (stays) apply_name(changes_[i], durable_names_);
    if (!stays && harm.loses_names) ++figures_.names_undone;
  }
  drop_orphans();
}

void FakeDisk::drop_orphans() {
  changes_.clear();
  // What lies in a directory that did not survive is gone with it; parents sort before children.
  for (auto it = durable_names_.begin(); it != durable_names_.end();) {
    std::string parent = parent_of(it->first);
    auto found = durable_names_.find(parent);
    bool kept = parent.empty() || (found != durable_names_.end() && found->second == kDirectory);
    it = kept ? std::next(it) : durable_names_.erase(it);
  }
  names_ = durable_names_;
}

void FakeDisk::tear_file(File& file, Dice& dice) {
  uint64_t before = file.durable.size(), after = file.now.size();
  std::set<uint64_t> sectors;
  for (const Extent& extent : file.dirty) {
    for (uint64_t s = extent.begin / kSector; s * kSector < extent.end; ++s) sectors.insert(s);
  }
  uint64_t size = before;
  if (after > before) {
    uint64_t choice = dice.below(3);
    if (choice == 1) size = after;
    if (choice == 2) size = before + dice.below((after - before) / kSector + 1) * kSector;
  }
  for (uint64_t s : sectors) {
    uint64_t choice = dice.below(3);
    std::array<uint8_t, kSector> bytes{};
    if (choice == 0) continue;  // old
    file.now.read(s * kSector, bytes);
    if (choice == 2) {
      for (uint8_t& b : bytes) b = static_cast<uint8_t>(dice.next());
      ++figures_.torn_sectors;
    }
    file.durable.write(s * kSector, bytes);
  }
  file.durable.resize(size);
}

void FakeDisk::crash(uint64_t seed, Harm harm) {
  Dice dice(seed);
  bool was_stopped = stopped();
  forget_faults();
  crash_lane(DiskOp::Lane::kJournal, dice, was_stopped);
  crash_lane(DiskOp::Lane::kBackground, dice, was_stopped);
  crash_names(dice, harm);
  for (auto& [id, file] : files_) {
    if (harm.tears) {
      tear_file(file, dice);
    } else if (dice.percent(50)) {
      make_durable(file);
    } else if (!file.dirty.empty()) {
      ++figures_.files_undone;
    }
    file.now = file.durable;
    file.dirty.clear();
    file.handles = 0;
  }
  forget_process();
}

void FakeDisk::lose_unflushed() {
  forget_faults();
  drop_orphans();
  for (auto& [id, file] : files_) {
    file.now = file.durable;
    file.dirty.clear();
    file.handles = 0;
  }
  forget_process();
}

void FakeDisk::end_process(uint64_t seed) {
  Dice dice(seed);
  crash_lane(DiskOp::Lane::kJournal, dice, false);
  crash_lane(DiskOp::Lane::kBackground, dice, false);
  forget_faults();
  for (auto& [id, file] : files_) file.handles = 0;
  forget_process();
}

void FakeDisk::end_faults() {
  forget_faults();
  capacity_ = kAmple;
}

void FakeDisk::format() {
  FakeDisk blank;
  blank.next_handle_ = next_handle_;
  blank.operations_ = operations_;
  blank.errors_made_up_ = errors_made_up_;
  blank.figures_ = figures_;
  *this = std::move(blank);
}

void FakeDisk::forget_faults() {
  stop_at_.reset();
  partial_taken_ = false;
  fail_nothing();
}

void FakeDisk::forget_process() {
  used_.reset();
  pending_.clear();
  finished_.clear();
  handles_.clear();
  held_ = {};
  poll_limit_ = SIZE_MAX;
  std::vector<uint64_t> ids;
  for (const auto& [id, file] : files_) ids.push_back(id);
  for (uint64_t id : ids) forget_if_unused(id);
}

}  // namespace strandlog::store
