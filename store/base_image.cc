// Encoding and decoding of item payloads.
#include "store/base_image.h"

#include "store/codec.h"
#include "store/segment_format.h"

namespace strandlog::store {
namespace {

constexpr uint8_t kImageVersion = 1;
constexpr uint8_t kKindLog = 1;        // segment kinds; 2 is reserved for compacted ones
constexpr uint8_t kLocationLocal = 1;  // segment locations; 2 is reserved for remote ones

Error malformed(const std::string& what) {
  return {Code::kCorruption, "journal: malformed " + what};
}

void put_spec(FieldWriter& w, const ReplicaSpec& spec) {
  w.id(spec.uid).uuid(spec.group).uuid(spec.topic).number<uint32_t>(spec.partition);
  w.number<uint64_t>(spec.creation).blob(view_of(spec.topic_name));
}

ReplicaSpec get_spec(FieldReader& r) {
  ReplicaSpec spec;
  spec.uid = r.id<Uid>();
  spec.group = r.uuid<GroupId>();
  spec.topic = r.uuid<TopicId>();
  spec.partition = r.number<uint32_t>();
  spec.creation = r.number<uint64_t>();
  spec.topic_name = std::string(text_of(r.blob()));
  return spec;
}

void put_point(FieldWriter& w, const LogPoint& point) {
  w.id(point.index).id(point.term).id(point.next_offset).number<uint64_t>(point.chain);
  w.number<int64_t>(point.append_time_ms);
}

LogPoint get_point(FieldReader& r) {
  LogPoint point;
  point.index = r.id<Index>();
  point.term = r.id<Term>();
  point.next_offset = r.id<Offset>();
  point.chain = r.number<uint64_t>();
  point.append_time_ms = r.number<int64_t>();
  return point;
}

void put_segments(FieldWriter& w, const std::vector<SegmentRange>& segments) {
  w.number<uint32_t>(static_cast<uint32_t>(segments.size()));
  for (const SegmentRange& s : segments) {
    w.number<uint8_t>(kKindLog).number<uint8_t>(kLocationLocal);
    w.id(s.first).id(s.term).id(s.base_offset);
    put_point(w, s.end);
    w.number<uint64_t>(s.end_position).number<uint64_t>(s.bytes);
  }
}

Result<std::vector<SegmentRange>> get_segments(FieldReader& r) {
  std::vector<SegmentRange> segments;
  uint32_t count = r.number<uint32_t>();
  for (uint32_t i = 0; i < count && r.ok(); ++i) {
    uint8_t kind = r.number<uint8_t>();
    uint8_t location = r.number<uint8_t>();
    if (r.ok() && (kind != kKindLog || location != kLocationLocal)) {
      return Error{Code::kUnsupported, "journal: segment of kind " + std::to_string(kind) +
                                           " at location " + std::to_string(location)};
    }
    SegmentRange s;
    s.first = r.id<Index>();
    s.term = r.id<Term>();
    s.base_offset = r.id<Offset>();
    s.end = get_point(r);
    s.end_position = r.number<uint64_t>();
    s.bytes = r.number<uint64_t>();
    segments.push_back(s);
  }
  return segments;
}

void put_state(FieldWriter& w, const ReplicaState& s) {
  w.number<uint8_t>(static_cast<uint8_t>(s.life)).id(s.term).id(s.vote);
  w.id(s.start.index).id(s.start.term).id(s.start.offset).number<uint64_t>(s.start.chain);
  w.id(s.last).id(s.next_offset).number<uint64_t>(s.chain);
  w.number<int64_t>(s.last_append_time_ms).number<uint64_t>(s.bytes);
  w.number<uint8_t>(s.fault ? 1 : 0).blob(view_of(s.fault.value_or("")));
  w.number<uint32_t>(static_cast<uint32_t>(s.terms.size()));
  for (const TermStart& t : s.terms) w.id(t.first).id(t.term);
}

void get_state(FieldReader& r, ReplicaState& s) {
  s.life = static_cast<Life>(r.number<uint8_t>());
  s.term = r.id<Term>();
  s.vote = r.id<Uid>();
  s.start.index = r.id<Index>();
  s.start.term = r.id<Term>();
  s.start.offset = r.id<Offset>();
  s.start.chain = r.number<uint64_t>();
  s.last = r.id<Index>();
  s.next_offset = r.id<Offset>();
  s.chain = r.number<uint64_t>();
  s.last_append_time_ms = r.number<int64_t>();
  s.bytes = r.number<uint64_t>();
  bool faulty = r.number<uint8_t>() != 0;
  std::string fault(text_of(r.blob()));
  if (faulty) s.fault = std::move(fault);
  uint32_t terms = r.number<uint32_t>();
  for (uint32_t i = 0; i < terms && r.ok(); ++i) {
    Index first = r.id<Index>();
    s.terms.push_back({first, r.id<Term>()});
  }
}

// ------------------------------------------------------------------------------- contradictions

bool terms_fit(const ReplicaState& s) {
  if (s.last == s.start.index) return s.terms.empty();
  if (s.terms.empty() || s.terms.front().first != s.start.index.plus(1)) return false;
  TermStart before{s.start.index, s.start.term};
  for (const TermStart& t : s.terms) {
    bool first = &t == &s.terms.front();
    if (t.first <= before.first || t.term < before.term) return false;
    if (!first && t.term == before.term) return false;
    before = t;
  }
  return before.first <= s.last;
}

bool segments_fit(const ReplicaState& s, const std::vector<SegmentRange>& segments) {
  LogPoint end{s.start.index, s.start.term, s.start.offset, s.start.chain, 0};
  for (const SegmentRange& range : segments) {
    if (range.first.value == 0 || range.end.index < range.first) return false;
    if (range.end_position < kSegmentHeaderBytes || range.end_position >= kMaxNumber) return false;
    bool first = &range == &segments.front();
    if (first && range.first > end.index.plus(1)) return false;  // a trim may lie inside it
    if (!first && range.first != end.index.plus(1)) return false;
    if (!first && range.base_offset != end.next_offset) return false;
    end = range.end;
  }
  return end.index == s.last && end.next_offset == s.next_offset && end.chain == s.chain;
}

}  // namespace

std::optional<std::string> contradiction_of(const ImageReplica& replica) {
  const ReplicaState& s = replica.state;
  if (s.fault) return std::nullopt;
  std::string log =
      "entries " + std::to_string(s.start.index.value + 1) + " to " + std::to_string(s.last.value);
  if (s.last < s.start.index || s.last.value >= kMaxNumber) return "no log has " + log;
  if (!terms_fit(s)) return "its terms do not fit " + log;
  if (!segments_fit(s, replica.segments)) return "its segments do not hold " + log;
  return std::nullopt;
}

std::vector<uint8_t> encode_image_replica(const ImageReplica& replica) {
  FieldWriter w;
  w.number<uint8_t>(kImageVersion);
  put_spec(w, replica.state.spec);
  put_state(w, replica.state);
  w.number<uint32_t>(static_cast<uint32_t>(replica.state.configurations.size()));
  for (const KeptConfiguration& c : replica.state.configurations) w.id(c.index).blob(c.value);
  put_segments(w, replica.segments);
  return w.take();
}

Result<ImageReplica> decode_image_replica(ByteView payload) {
  FieldReader r(payload);
  if (uint8_t version = r.number<uint8_t>(); version != kImageVersion) {
    return Error{Code::kUnsupported, "journal: base image part of version " +
                                         std::to_string(version) + ", this build reads " +
                                         std::to_string(kImageVersion)};
  }
  ImageReplica replica;
  replica.state.spec = get_spec(r);
  get_state(r, replica.state);
  uint32_t configurations = r.number<uint32_t>();
  for (uint32_t i = 0; i < configurations && r.ok(); ++i) {
    Index index = r.id<Index>();
    replica.state.configurations.push_back({index, Bytes::copy(r.blob())});
  }
  ASSIGN(replica.segments, get_segments(r));
  auto life = static_cast<uint8_t>(replica.state.life);
  if (!r.finished() || life < 1 || life > 4) return malformed("base image part");
  return replica;
}

std::vector<uint8_t> encode_made(const ReplicaSpec& spec, ByteView configuration) {
  FieldWriter w;
  put_spec(w, spec);
  w.blob(configuration);
  return w.take();
}

Result<Made> decode_made(ByteView payload) {
  FieldReader r(payload);
  Made made;
  made.spec = get_spec(r);
  made.configuration = Bytes::copy(r.blob());
  if (!r.finished()) return malformed("made uid");
  return made;
}

std::vector<uint8_t> encode_note(const std::string& name, ByteView value) {
  FieldWriter w;
  w.blob(view_of(name)).blob(value);
  return w.take();
}

Result<std::pair<std::string, Bytes>> decode_note(ByteView payload) {
  FieldReader r(payload);
  std::string name(text_of(r.blob()));
  Bytes value = Bytes::copy(r.blob());
  if (!r.finished()) return malformed("note");
  return std::pair{std::move(name), std::move(value)};
}

std::vector<uint8_t> encode_trim(Offset offset, uint64_t chain) {
  FieldWriter w;
  w.id(offset).number<uint64_t>(chain);
  return w.take();
}

Result<std::pair<Offset, uint64_t>> decode_trim(ByteView payload) {
  FieldReader r(payload);
  Offset offset = r.id<Offset>();
  uint64_t chain = r.number<uint64_t>();
  if (!r.finished()) return malformed("trim");
  return std::pair{offset, chain};
}

std::vector<uint8_t> encode_log_start(const LogStart& start) {
  FieldWriter w;
  w.id(start.index).id(start.term).id(start.offset).number<uint64_t>(start.chain);
  return w.take();
}

Result<LogStart> decode_log_start(ByteView body) {
  FieldReader r(body);
  LogStart start;
  start.index = r.id<Index>();
  start.term = r.id<Term>();
  start.offset = r.id<Offset>();
  start.chain = r.number<uint64_t>();
  if (!r.finished()) return malformed("trim entry");
  return start;
}

std::vector<uint8_t> encode_segment_place(const SegmentPlace& place) {
  FieldWriter w;
  w.id(place.segment_first).id(place.segment_term).number<uint64_t>(place.position);
  w.number<uint64_t>(place.bytes).number<uint32_t>(place.headers_crc);
  return w.take();
}

Result<SegmentPlace> decode_segment_place(ByteView payload) {
  FieldReader r(payload);
  SegmentPlace place;
  place.segment_first = r.id<Index>();
  place.segment_term = r.id<Term>();
  place.position = r.number<uint64_t>();
  place.bytes = r.number<uint64_t>();
  place.headers_crc = r.number<uint32_t>();
  if (!r.finished()) return malformed("place of entries in a segment");
  return place;
}

}  // namespace strandlog::store
