// Placing rounds in journal files.
#include "store/journal.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "base/log.h"

namespace strandlog::store {
namespace {

// A round whose payload is at most this long carries it behind its head when that saves a page:
// copying it once more costs less than writing another page.
constexpr uint64_t kInlineBytes = kPageBytes;
constexpr uint64_t kPayloadAlignment = 64;
// Two hold images, two are kept from appends, and one is for these: with fewer they wait for ever.
constexpr uint64_t kFewestFiles = 5;

uint64_t align(uint64_t bytes) {
  return (bytes + kPayloadAlignment - 1) / kPayloadAlignment * kPayloadAlignment;
}

bool goes_inline(uint64_t head_bytes, uint64_t payload_bytes, size_t pieces) {
  return pieces == 1 && payload_bytes <= kInlineBytes &&
         page_up(align(head_bytes) + payload_bytes) < page_up(head_bytes) + page_up(payload_bytes);
}

std::string path_of(uint64_t name) {
  char text[40];
  std::snprintf(text, sizeof text, "%s/%08llu.jnl", kJournalDirectory,
                static_cast<unsigned long long>(name));
  return text;
}

uint64_t name_of(const std::string& path) {
  uint64_t name = 0;
  for (char c : path.substr(path.rfind('/') + 1)) {
    if (c < '0' || c > '9') break;
    name = name * 10 + static_cast<uint64_t>(c - '0');
  }
  return name;
}

}  // namespace

void Journal::adopt(const JournalScan& scan, const JournalEnd& end) {
  for (const ScannedFile& scanned : scan.files) {
    auto file = std::make_unique<File>();
    file->path = scanned.path;
    file->handle = scanned.handle;
    file->bytes = scanned.bytes;
    if (!scanned.header && scanned.bytes < options_.file_bytes) {  // not finished: no spare file
      drop_file(*file);
      continue;
    }
    file->in_use = scanned.header.has_value();
    if (scanned.header) {
      file->sequence = scanned.header->sequence;
      file->salt = scanned.header->salt;
      next_sequence_ = std::max(next_sequence_, file->sequence + 1);
    }
    next_name_ = std::max(next_name_, name_of(file->path) + 1);
    bytes_ += file->bytes;
    files_.push_back(std::move(file));
  }
  next_ = scan.highest.plus(1);
  if (scan.files_in_use == 0) return;
  // The file used last goes on even when it holds nothing but a round that was cut: in any other
  // order of use that round would seem to come after the next one.
  active_ = files_[scan.files_in_use - 1].get();
  bool goes_on = end.file + 1 == scan.files_in_use;
  position_ = goes_on ? end.position : kJournalHeaderBytes;
  if (!goes_on || !end.header_is_sure) unsure_header_ = scan.files[scan.files_in_use - 1].header;
  find_what_is_needed(scan, end.shown);
  put_aside(end.shown);
}

// A file without a round of the chain is as good as unused, however many rounds it once held: it
// still has its header. It may only hold a round of the chain unseen if one is lost, and a round
// that counts should the one of this start be torn if that was seen there.
void Journal::find_what_is_needed(const JournalScan& scan, RoundNumber shown) {
  std::set<size_t> linked, replaced;
  bool knows_all = true;
  for (const ChainLink& link : scan.chain) {
    knows_all = knows_all && (link.found || link.number <= shown);
    if (!link.found) continue;
    linked.insert(link.found->file);
    files_[link.found->file]->last_round = link.number;
  }
  for (const ScannedRound& round : scan.replaced) replaced.insert(round.file);
  for (size_t i = 0; i < scan.files_in_use; ++i) {
    if (linked.contains(i)) continue;
    File& file = *files_[i];
    file.last_round = scan.highest;  // for all we know
    if (!knows_all || &file == active_) continue;
    file.is_replaced = replaced.contains(i);
    file.in_use = file.is_replaced;
  }
}

void Journal::follow(LastRound last) { last_ = std::move(last); }

Result<void> Journal::make_header_sure() {
  if (!unsure_header_) return {};
  Pages pages(kJournalHeaderBytes);
  ASSIGN(uint64_t got, read_around_damage(disk_, active_->handle, 0, pages.view()));
  bool first_is_whole = got >= kPageBytes && is_journal_header(pages.view().first(kPageBytes));
  encode_journal_header(*unsure_header_, pages.view());
  // The copy that was read stays as it is until the other one is durable.
  for (uint64_t copy : {first_is_whole ? kPageBytes : 0, first_is_whole ? 0 : kPageBytes}) {
    TRY(disk_.write(active_->handle, copy, pages.view().subspan(copy, kPageBytes)));
    TRY(disk_.flush(active_->handle));
  }
  unsure_header_.reset();
  return {};
}

Result<std::unique_ptr<Journal::File>> Journal::open_file(uint64_t bytes) {
  auto file = std::make_unique<File>();
  file->path = path_of(next_name_);
  file->bytes = page_up(std::max(bytes, options_.file_bytes));
  ASSIGN(file->handle, disk_.open(file->path, OpenMode::kWriteDirect));
  ++next_name_;
  return file;
}

// Of a file that could not be made; what blocks it got are needed elsewhere.
void Journal::drop_file(const File& file) {
  disk_.close(file.handle);
  (void)disk_.remove(file.path).ok();
}

Result<Journal::File*> Journal::create_file(uint64_t bytes) {
  ASSIGN(std::unique_ptr<File> file, open_file(bytes));
  Result<void> made = disk_.allocate(file->handle, file->bytes);
  if (made.ok()) made = disk_.flush(file->handle);
  if (made.ok()) made = disk_.flush_directory(kJournalDirectory);
  if (!made.ok()) {
    drop_file(*file);
    return made.error();
  }
  bytes_ += file->bytes;
  files_.push_back(std::move(file));
  return files_.back().get();
}

uint64_t Journal::file_bytes_for(uint64_t round_bytes) const {
  return page_up(std::max(kJournalHeaderBytes + round_bytes, options_.file_bytes));
}

Journal::File* Journal::unused_file(uint64_t bytes) const {
  File* longest = nullptr;
  for (auto& file : files_) {
    if (file->in_use) continue;
    if (file->bytes >= bytes) return file.get();
    if (!longest || file->bytes > longest->bytes) longest = file.get();
  }
  return longest;
}

bool Journal::has_file_for(uint64_t round_bytes, uint64_t free_bytes) const {
  uint64_t bytes = file_bytes_for(round_bytes);
  const File* file = unused_file(bytes);
  uint64_t there = file ? std::min(file->bytes, bytes) : 0;
  return bytes - there <= free_bytes;
}

Result<Journal::File*> Journal::free_file(uint64_t bytes) {
  File* file = unused_file(bytes);
  if (!file) return create_file(bytes);
  if (file->bytes >= bytes) return file;
  TRY(disk_.allocate(file->handle, bytes));
  TRY(disk_.flush(file->handle));
  bytes_ += bytes - file->bytes;
  file->bytes = bytes;
  return file;
}

Result<void> Journal::begin_file(uint64_t round_bytes) {
  ASSIGN(File * file, free_file(file_bytes_for(round_bytes)));
  file->in_use = true;
  file->sequence = next_sequence_++;
  file->salt = random_.next();
  active_ = file;
  position_ = kJournalHeaderBytes;
  header_due_ = true;
  return {};
}

std::shared_ptr<Pages> Journal::head_memory(uint64_t bytes) {
  for (auto& memory : heads_) {
    if (memory.use_count() > 1) continue;
    if (memory->size() < bytes) memory = std::make_shared<Pages>(bytes);
    return memory;
  }
  heads_.push_back(std::make_shared<Pages>(bytes));
  return heads_.back();
}

Journal::Shape Journal::shape_of(const RoundContent& content) const {
  Shape shape;
  shape.head_bytes = round_head_bytes(content.items.size(), last_.items.size());
  shape.inlined = goes_inline(shape.head_bytes, content.payload_bytes, content.payload.size());
  shape.payload_at = shape.inlined ? align(shape.head_bytes) : page_up(shape.head_bytes);
  shape.head_pages =
      shape.inlined ? page_up(shape.payload_at + content.payload_bytes) : shape.payload_at;
  shape.total = shape.head_pages;
  if (!shape.inlined) {
    for (const Bytes& piece : content.payload) shape.total += piece.size();
  }
  return shape;
}

Result<RoundWrite> Journal::place(RoundContent& content) {
  const auto [head_bytes, payload_at, inlined, head_pages, total] = shape_of(content);
  CHECK(total <= kMaxRoundBytes);
  if (!active_ || content.begins_file || position_ + total > active_->bytes) {
    TRY(begin_file(total));
  }
  RoundHead head;
  head.items = std::move(content.items);
  head.repeat = std::move(last_.items);
  head.fixed = {boot_epoch_,
                next_,
                last_.number,
                last_.previous,
                active_->sequence,
                0,
                static_cast<uint32_t>(payload_at),
                static_cast<uint32_t>(total),
                0,
                0,
                content.has_image};

  uint64_t header_bytes = header_due_ ? kJournalHeaderBytes : 0;
  auto memory = head_memory(header_bytes + head_pages);
  MutableByteView whole = memory->view().first(header_bytes + head_pages);
  if (header_due_) {
    encode_journal_header(
        {options_.store, active_->sequence, active_->salt, boot_epoch_, active_->bytes},
        whole.first(kJournalHeaderBytes));
  }
  MutableByteView round = whole.subspan(header_bytes);
  encode_round_head(head, active_->salt, round);
  std::memset(round.data() + head_bytes, 0, round.size() - head_bytes);
  if (inlined) {
    std::memcpy(round.data() + payload_at, content.payload[0].data(), content.payload_bytes);
  }

  RoundWrite write{next_, active_->handle, position_ - header_bytes, {}, total};
  write.pieces.emplace_back(memory, whole);
  if (!inlined)
    std::move(content.payload.begin(), content.payload.end(), std::back_inserter(write.pieces));
  active_->last_round = next_;
  position_ += total;
  header_due_ = false;
  last_ = {next_, last_.number, repeat_of(head.items)};
  next_ = next_.plus(1);
  return write;
}

void Journal::put_aside(RoundNumber number) {
  for (auto& file : files_) {
    if (file.get() != active_ && file->in_use && file->last_round <= number) file->in_use = false;
  }
}

void Journal::release(RoundNumber number) {
  put_aside(number);
  for (auto file = files_.begin(); file != files_.end() && possible_files() < kFewestFiles;) {
    bool may_go = !(*file)->in_use && file->get() != active_;
    if (!may_go || (*file)->bytes <= options_.file_bytes) {
      ++file;
      continue;
    }
    remove(**file);
    file = files_.erase(file);
  }
}

// What may be made in the place of those that are on their way out counts.
uint64_t Journal::possible_files() const {
  uint64_t bytes = bytes_;
  for (const auto& [ticket, removing] : removing_) bytes -= removing;
  uint64_t rest = options_.max_bytes > bytes ? options_.max_bytes - bytes : 0;
  return files_.size() + rest / options_.file_bytes;
}

// Should its name come back, a start takes it for what it is: a file whose rounds nobody needs.
void Journal::remove(const File& file) {
  disk_.close(file.handle);
  DiskOp op;
  op.kind = DiskOp::Kind::kRemove;
  op.lane = DiskOp::Lane::kBackground;
  op.ticket = kTicket | next_ticket_++;
  op.path = file.path;
  removing_[op.ticket] = file.bytes;
  disk_.submit(std::move(op));
}

size_t Journal::would_release(RoundNumber number) const {
  auto would = [&](auto& file) {
    return file.get() != active_ && file->in_use && file->last_round <= number;
  };
  return static_cast<size_t>(std::count_if(files_.begin(), files_.end(), would));
}

// Not flushed: a header that comes back is taken for a replaced file's once more.
Result<void> Journal::release_replaced() {
  Pages blank(kJournalHeaderBytes);
  std::memset(blank.data(), 0, blank.size());
  for (auto& file : files_) {
    if (file.get() == active_ || !std::exchange(file->is_replaced, false)) continue;
    TRY(disk_.write(file->handle, 0, blank.view()));
    file->in_use = false;
  }
  return {};
}

uint64_t Journal::unused_files() const {
  auto unused = std::count_if(files_.begin(), files_.end(), [](auto& f) { return !f->in_use; });
  return static_cast<uint64_t>(unused);
}

uint64_t Journal::files_to_make() const {
  return options_.max_bytes > bytes_ ? (options_.max_bytes - bytes_) / options_.file_bytes : 0;
}

uint64_t Journal::free_files() const { return unused_files() + files_to_make(); }

uint64_t Journal::missing_spare_bytes(uint64_t files) const {
  uint64_t unused = unused_files() + (making_ ? 1 : 0);
  uint64_t missing = files > unused ? files - unused : 0;
  return std::min(missing, files_to_make()) * options_.file_bytes;
}

Result<void> Journal::begin_spare() {
  CHECK(!making_);
  ASSIGN(std::unique_ptr<File> file, open_file(options_.file_bytes));
  bytes_ += file->bytes;
  DiskOp allocate, name;
  allocate.kind = DiskOp::Kind::kAllocate;
  allocate.file = file->handle;
  allocate.position = file->bytes;
  allocate.flush_after = true;
  name.kind = DiskOp::Kind::kFlushDirectory;
  name.path = kJournalDirectory;
  making_ = std::make_unique<Making>();
  making_->file = std::move(file);
  making_->allocated = allocate.ticket = kTicket | next_ticket_++;
  making_->named = name.ticket = kTicket | next_ticket_++;
  for (DiskOp* op : {&allocate, &name}) {
    op->lane = DiskOp::Lane::kBackground;
    disk_.submit(std::move(*op));
  }
  return {};
}

Result<void> Journal::on_done(const DiskDone& done) {
  if (auto removed = removing_.extract(done.ticket)) {
    if (done.result.ok()) bytes_ -= removed.mapped();  // else the next start takes it over
    return {};
  }
  bool ours = making_ && (done.ticket == making_->allocated || done.ticket == making_->named);
  if (!ours) return {};  // of an earlier start
  if (!done.result.ok() && !making_->error) making_->error = done.result.error();
  if (done.ticket != making_->named) return {};
  std::unique_ptr<Making> made = std::move(making_);
  if (!made->error) {
    files_.push_back(std::move(made->file));
    return {};
  }
  bytes_ -= made->file->bytes;
  drop_file(*made->file);
  return *made->error;
}

}  // namespace strandlog::store
