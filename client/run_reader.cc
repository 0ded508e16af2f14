// RunReader: checks every entry and batch before a record of it is shown.
#include "client/run_reader.h"

#include <utility>

#include "base/entry.h"
#include "client/error.h"

namespace strandlog::client {
namespace {

int64_t signed_offset(Offset offset) { return static_cast<int64_t>(offset.value); }

std::string text(std::optional<ByteView> bytes) { return std::string(text_of(*bytes)); }

}  // namespace

int64_t offset_after(const std::vector<Bytes>& frames, const GroupId& group, int64_t from) {
  int64_t next = from;
  for (const Bytes& frame : frames) {
    ByteView rest = frame;
    while (!rest.empty()) {
      auto header = decode_entry_header(rest, group);
      if (!header.ok() || header->body_bytes > rest.size() - kEntryHeaderBytes) return next;
      next = std::max(next, signed_offset(header->next_offset()));
      rest = rest.subspan(kEntryHeaderBytes + header->body_bytes);
    }
  }
  return next;
}

void RunReader::gap(int64_t begin, int64_t end, Error error, int64_t& position, Polled& out) const {
  out.events.push_back({ConsumerEvent::Kind::kGap, run_.where, begin, end, std::move(error)});
  position = end;
}

void RunReader::emit(const RecordView& record, Polled& out) const {
  ConsumedRecord& shown = out.records.emplace_back();
  shown.where = run_.where;
  shown.offset = signed_offset(record.offset);
  shown.timestamp_ms = record.timestamp_ms;
  if (record.key) shown.key = text(record.key);
  if (record.value) shown.value = text(record.value);
  for (const HeaderView& header : record.headers) {
    Header& copy = shown.headers.emplace_back();
    copy.key = std::string(header.key);
    if (header.value) copy.value = text(header.value);
  }
}

// Makes the next entry's records the current ones, or skips it.
void RunReader::next_entry(int64_t& position, Polled& out) {
  records_.clear();
  next_record_ = 0;
  ByteView rest = run_.frames[frame_].view().subspan(at_);
  auto header = decode_entry_header(rest, run_.group);
  if (!header.ok() || header->body_bytes > rest.size() - kEntryHeaderBytes) {
    frame_ = run_.frames.size();  // lengths are lost from here on: the next fetch begins here
    return;
  }
  ByteView whole = rest.first(kEntryHeaderBytes + header->body_bytes);
  at_ += whole.size();
  if (at_ >= run_.frames[frame_].size()) {
    ++frame_;
    at_ = 0;
  }
  int64_t begin = signed_offset(header->base_offset);
  int64_t end = signed_offset(header->next_offset());
  if (end <= position) return;
  if (begin > position) {
    gap(position, begin,
        public_error(strandlog::Code::kCorruption, "the broker sent offset " +
                                                       std::to_string(begin) + " instead of " +
                                                       std::to_string(position)),
        position, out);
  }
  if (header->kind != EntryKind::kData) {
    gap(position, end,
        public_error(strandlog::Code::kUnsupported,
                     "an entry of kind " + std::to_string(static_cast<int>(header->kind)) +
                         " holds these offsets; this build cannot read it"),
        position, out);
    return;
  }
  auto entry = decode_entry(whole, run_.group);
  if (!entry.ok()) return gap(position, end, public_error(entry.error()), position, out);
  auto records = read_records(entry->body, max_unpacked_bytes_, scratch_);
  if (!records.ok()) return gap(position, end, public_error(records.error()), position, out);
  if (records->size() != header->record_count || records->front().offset != header->base_offset) {
    return gap(position, end,
               public_error(strandlog::Code::kCorruptBatch,
                            "a batch of " + std::to_string(records->size()) +
                                " records stands where the log counts " +
                                std::to_string(header->record_count)),
               position, out);
  }
  records_ = std::move(*records);
}

void RunReader::read(size_t max_records, int64_t& position, Polled& out) {
  size_t end = out.records.size() + out.events.size() + max_records;
  if (auto missing = std::exchange(run_.missing, std::nullopt)) {
    if (missing->next > position) {
      gap(position, missing->next, std::move(missing->why), position, out);
    }
  }
  while (out.records.size() + out.events.size() < end && !finished()) {
    if (next_record_ >= records_.size()) {
      next_entry(position, out);
      continue;
    }
    const RecordView& record = records_[next_record_++];
    if (signed_offset(record.offset) < position) continue;
    emit(record, out);
    position = signed_offset(record.offset) + 1;
  }
}

}  // namespace strandlog::client
