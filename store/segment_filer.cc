// Filing entries into segments.
#include "store/segment_filer.h"

#include <algorithm>
#include <utility>

#include "store/segment_cut.h"

namespace strandlog::store {

uint64_t SegmentFiler::take(Uid owner) {
  uint64_t ticket = kTicket | next_ticket_++;
  owners_[ticket] = owner;
  return ticket;
}

Result<SegmentWriter*> SegmentFiler::writer_for(Files& files, ReplicaLog& log,
                                                const EntryRef& next) {
  if (files.writer && files.writer->full()) drain(files, log);
  if (files.writer) return files.writer.get();
  const ReplicaSpec& spec = log.state().spec;
  ASSIGN(EntryHeader first, decode_entry_header({next.data, kEntryHeaderBytes}, spec.group));
  SegmentHeader header;
  header.uid = spec.uid;
  header.group = spec.group;
  header.topic_name = spec.topic_name.substr(0, kMaxTopicName);
  header.partition = spec.partition;
  header.first = first.index;
  header.term = first.term;
  header.base_offset = first.base_offset;
  const std::vector<SegmentRange>& segments = log.segments();
  header.chain_before = segments.empty() ? log.state().start.chain : segments.back().end.chain;
  ASSIGN(files.writer,
         SegmentWriter::create({disk_, pool_, *this}, header, options_.segment_bytes));
  return files.writer.get();
}

Result<bool> SegmentFiler::file(ReplicaLog& log, Index upto) {
  if (log.filed_to() >= upto) return true;
  Files& files = files_[log.state().spec.uid];
  while (log.filed_to() < upto) {
    const EntryRef& entry = log.entry(log.filed_to().plus(1));
    ASSIGN(SegmentWriter * writer, writer_for(files, log, entry));
    ASSIGN(uint64_t taken, writer->append({entry.data, entry.bytes}));
    if (taken == 0) return false;
    filed_bytes_ += taken;
    unwritten_bytes_ += taken;
    log.mark_filed(writer->taken().end_position);
  }
  files.writer->flush_partial();
  return true;
}

void SegmentFiler::flush(Uid uid) {
  auto found = files_.find(uid);
  if (found == files_.end() || !found->second.writer) return;
  SegmentWriter& writer = *found->second.writer;
  writer.flush_partial();
  if (writer.durable().end.index != writer.taken().end.index) writer.flush();
}

// The old file goes on to be written and flushed beside its successor.
void SegmentFiler::drain(Files& files, ReplicaLog& log) {
  if (files.writer->taken().bytes == 0) {
    files.writer.reset();
    return;
  }
  files.writer->flush_partial();
  files.writer->flush();
  if (files.indexes.size() >= kKeptIndexes) files.indexes.erase(files.indexes.begin());
  const SegmentRange& range = files.writer->taken();
  files.indexes[range.first] = files.writer->index();
  log.segments().push_back(range);
  files.draining.push_back(std::move(files.writer));
}

void SegmentFiler::end_segment(ReplicaLog& log) {
  auto found = files_.find(log.state().spec.uid);
  if (found == files_.end() || !found->second.writer) return;
  drain(found->second, log);
}

bool SegmentFiler::durable_through(Uid uid, Index last) const {
  auto found = files_.find(uid);
  if (found == files_.end()) return true;
  auto durable = [&](const SegmentWriter& writer) {
    return writer.taken().first > last ||
           writer.durable().end.index >= std::min(last, writer.taken().end.index);
  };
  const Files& files = found->second;
  return std::all_of(files.draining.begin(), files.draining.end(),
                     [&](const auto& old) { return durable(*old); }) &&
         (!files.writer || durable(*files.writer));
}

// An ended segment may have been cut since: what is behind the cut does not count any more.
Index SegmentFiler::written_to(const ReplicaLog& log) const {
  auto found = files_.find(log.state().spec.uid);
  if (found == files_.end()) return log.filed_to();
  for (const auto& old : found->second.draining) {
    const SegmentRange& written = old->written();
    auto is_same = [&](const SegmentRange& range) { return range.is_in_file_of(written); };
    auto range = std::find_if(log.segments().rbegin(), log.segments().rend(), is_same);
    bool counts = range != log.segments().rend() && written.end.index < range->end.index;
    if (counts) return std::min(written.end.index, log.filed_to());
  }
  const auto& writer = found->second.writer;
  return writer ? std::min(writer->written().end.index, log.filed_to()) : log.filed_to();
}

std::vector<SegmentRange> SegmentFiler::ranges(const ReplicaLog& log) const {
  std::vector<SegmentRange> all = log.segments();
  const SegmentWriter* filling = writer(log.state().spec.uid);
  if (filling && filling->taken().bytes > 0) all.push_back(filling->taken());
  return all;
}

const SegmentWriter* SegmentFiler::writer(Uid uid) const {
  auto found = files_.find(uid);
  return found == files_.end() ? nullptr : found->second.writer.get();
}

std::optional<SegmentFiler::Readable> SegmentFiler::find(const ReplicaLog& log,
                                                         std::variant<Index, Offset> from) const {
  auto ends_before = [&](const SegmentRange& range) {
    if (auto* index = std::get_if<Index>(&from)) return range.end.index < *index;
    return range.end.next_offset <= std::get<Offset>(from);
  };
  const std::vector<SegmentRange>& ended = log.segments();
  auto found = std::partition_point(ended.begin(), ended.end(), ends_before);
  auto files = files_.find(log.state().spec.uid);
  if (found == ended.end()) {
    const SegmentWriter* filling = writer(log.state().spec.uid);
    if (!filling || ends_before(filling->written())) return std::nullopt;
    return Readable{filling->file(), &filling->index()};
  }
  Readable readable{segment_file(log, *found), nullptr};
  if (files == files_.end()) return readable;
  auto index = files->second.indexes.find(found->first);
  if (index != files->second.indexes.end()) readable.index = &index->second;
  for (const auto& old : files->second.draining) {
    const SegmentRange& written = old->written();
    bool same = written.is_in_file_of(*found);
    if (same && written.end.index < found->end.index) readable.file.range = written;
  }
  return readable;
}

void SegmentFiler::sweep(Files& files) {
  std::erase_if(files.draining, [&](const std::unique_ptr<SegmentWriter>& old) {
    bool durable = old->idle() && old->durable().end.index == old->taken().end.index;
    if (durable) bytes_written_ += old->bytes_written();
    return durable;
  });
}

Result<std::optional<Uid>> SegmentFiler::on_done(const DiskDone& done) {
  auto owner = owners_.find(done.ticket);
  if (owner == owners_.end()) return std::optional<Uid>{};
  Uid uid = owner->second;
  owners_.erase(owner);
  Files& files = files_[uid];
  auto give = [&](SegmentWriter& writer) -> Result<bool> {
    const uint64_t written = writer.written().bytes;
    auto mine = writer.on_done(done);
    unwritten_bytes_ -= writer.written().bytes - written;
    if (mine.ok() || mine.error().code != Code::kDiskFull) return mine;
    refused_.push_back(uid);
    return true;
  };
  for (const auto& old : files.draining) {
    ASSIGN(bool mine, give(*old));
    if (!mine) continue;
    sweep(files);
    return std::optional(uid);
  }
  if (files.writer) TRY(give(*files.writer));
  return std::optional(uid);
}

void SegmentFiler::retry() {
  for (Uid uid : std::exchange(refused_, {})) {
    auto found = files_.find(uid);
    if (found == files_.end()) continue;
    // Its flush may have come back before the piece was written; ask again.
    for (auto& old : found->second.draining) {
      old->retry();
      old->flush();
    }
    if (!found->second.writer) continue;
    found->second.writer->retry();
    found->second.writer->flush();
  }
}

bool SegmentFiler::writes(Uid uid, Index first, Term term) const {
  auto found = files_.find(uid);
  if (found == files_.end()) return false;
  auto same = [&](const std::unique_ptr<SegmentWriter>& writer) {
    return writer && writer->taken().first == first && writer->taken().term == term;
  };
  const Files& files = found->second;
  return same(files.writer) || std::any_of(files.draining.begin(), files.draining.end(), same);
}

bool SegmentFiler::idle(Uid uid) const {
  auto found = files_.find(uid);
  if (found == files_.end()) return true;
  const Files& files = found->second;
  return std::all_of(files.draining.begin(), files.draining.end(),
                     [](const auto& old) { return old->idle(); }) &&
         (!files.writer || files.writer->idle());
}

void SegmentFiler::give_up(Uid uid) {
  auto found = files_.find(uid);
  if (found == files_.end()) return;
  for (auto& old : found->second.draining) old->give_up();
  if (found->second.writer) found->second.writer->give_up();
}

void SegmentFiler::forget(Uid uid) {
  CHECK(idle(uid));
  auto found = files_.find(uid);
  if (found == files_.end()) return;
  auto unwritten = [](const SegmentWriter& w) { return w.taken().bytes - w.written().bytes; };
  for (auto& old : found->second.draining) unwritten_bytes_ -= unwritten(*old);
  if (found->second.writer) unwritten_bytes_ -= unwritten(*found->second.writer);
  files_.erase(found);
}

}  // namespace strandlog::store
