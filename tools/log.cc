// log: looks into the data directory of a stopped broker and changes nothing.
#include <algorithm>
#include <map>

#include "store/inspect.h"
#include "tools/command.h"
#include "tools/time_text.h"

namespace strandlog::tools {
namespace {

using store::Damage;
using store::InspectedReplica;
using store::Inspection;

Json json_of(const Damage& damage) {
  return {{"file", damage.file},
          {"position", damage.position},
          {"index", damage.index.value},
          {"what", damage.what}};
}

/// The store's torn bytes lie in its journal's last round and belong to no single partition; they
/// stand with the first one so that sums over the document are right.
Json document_of(const Inspection& inspection) {
  std::map<uint64_t, Json> damage;
  for (const auto& found : inspection.damage) {
    auto& list = damage.try_emplace(found.uid.value, Json::array()).first->second;
    list.push_back(json_of(found));
  }
  Json partitions = Json::array();
  for (const auto& replica : inspection.replicas) {
    auto own = damage.find(replica.spec.uid.value);
    const uint64_t torn = partitions.empty() ? inspection.torn_bytes : 0;
    partitions.push_back({{"topic", replica.spec.topic_name},
                          {"partition", replica.spec.partition},
                          {"batches", replica.batches},
                          {"records", replica.records},
                          {"start", replica.start.value},
                          {"end", replica.end.value},
                          {"torn_bytes", torn},
                          {"damage", own == damage.end() ? Json::array() : own->second}});
  }
  Json document = {{"ok", inspection.sound()}, {"partitions", std::move(partitions)}};
  const auto of_store = damage.find(0);
  if (of_store != damage.end()) document["damage"] = of_store->second;
  return document;
}

std::string table_of(const Inspection& inspection) {
  Table table({"TOPIC", "PARTITION", "BATCHES", "RECORDS", "START", "END", "SIZE", "STATE"});
  for (const auto& replica : inspection.replicas) {
    table.add({replica.spec.topic_name, std::to_string(replica.spec.partition),
               std::to_string(replica.batches), std::to_string(replica.records),
               std::to_string(replica.start.value), std::to_string(replica.end.value),
               human_bytes(replica.bytes), replica.fault ? "faulty: " + *replica.fault : "ok"});
  }
  std::string text = table.text();
  if (inspection.torn_bytes > 0)
    text += "torn tail " + std::to_string(inspection.torn_bytes) + " B (cut at the next start)\n";
  for (const auto& damage : inspection.damage)
    text += "DAMAGE " + damage.file + " at " + std::to_string(damage.position) + ": " +
            damage.what + "\n";
  return text;
}

Result<Exit> verify(Invocation& invocation) {
  ASSIGN(const auto inspection, store::inspect_directory(invocation.positionals[0]));
  Report report{.document = document_of(inspection), .table = table_of(inspection)};
  for (const auto& replica : inspection.replicas)
    report.names.push_back(replica.spec.topic_name + "/" + std::to_string(replica.spec.partition));
  invocation.print(report);
  return inspection.sound() ? Exit::kDone : Exit::kCorruption;
}

const char* kind_name(EntryKind kind) {
  switch (kind) {
    case EntryKind::kData:
      return "data";
    case EntryKind::kNoop:
      return "noop";
    case EntryKind::kConfiguration:
      return "configuration";
    case EntryKind::kTrim:
      return "trim";
    case EntryKind::kLossMarker:
      return "loss-marker";
    case EntryKind::kCatalog:
      return "catalog";
  }
  return "unknown";
}

Json json_of(const store::InspectedEntry& inspected) {
  const EntryHeader& header = inspected.entry.header;
  return {{"topic", inspected.replica.topic_name},
          {"partition", inspected.replica.partition},
          {"index", header.index.value},
          {"term", header.term.value},
          {"kind", kind_name(header.kind)},
          {"offset", header.base_offset.value},
          {"records", header.record_count},
          {"bytes", header.body_bytes},
          {"time", rfc3339(header.append_time_ms)},
          {"in", inspected.in_segment ? "segment" : "journal"}};
}

/// Streams: a directory may hold more entries than memory does. "json" is one array.
Result<Exit> dump(Invocation& invocation) {
  Out& out = *invocation.out;
  const bool array = invocation.format == OutputFormat::kJson;
  const bool names = invocation.format == OutputFormat::kNames;
  const bool table = invocation.format == OutputFormat::kTable;
  if (table) out.write("TOPIC/PARTITION INDEX TERM KIND OFFSET RECORDS BYTES TIME IN\n");
  bool first = true;
  const auto visit = [&](const store::InspectedEntry& entry) {
    const Json json = json_of(entry);
    const std::string name =
        entry.replica.topic_name + "/" + std::to_string(entry.replica.partition);
    if (table) {
      out.write(name);
      for (const char* key : {"index", "term", "kind", "offset", "records", "bytes", "time", "in"})
        out.write(" " + (json[key].is_string() ? json[key].get<std::string>() : json[key].dump()));
      out.write("\n");
    } else if (names) {
      out.write(name + "/" + json["index"].dump() + "\n");
    } else {
      if (array) out.write(first ? "[" : ",");
      out.write(json_line(json));
    }
    first = false;
  };
  ASSIGN(const auto inspection, store::inspect_directory(invocation.positionals[0], visit));
  if (array) out.write(first ? "[]\n" : "]\n");
  for (const auto& damage : inspection.damage)
    invocation.note("damage: " + damage.file + " at " + std::to_string(damage.position) + ": " +
                    damage.what);
  return inspection.sound() ? Exit::kDone : Exit::kCorruption;
}

}  // namespace

std::vector<Command> log_commands() {
  const Positional directory{.name = "DIR", .help = "the data directory of a stopped broker"};
  return {
      {.path = "log verify",
       .summary = "check every checksum of a stopped broker's data (8: damage, 6: it runs)",
       .positionals = {directory},
       .examples = {"strandlog log verify .strandlog-dev/broker-1 -o json"},
       .json = R"({"ok","partitions":[{"topic","partition","batches","records","start","end",)"
               R"("torn_bytes","damage":[{"file","position","index","what"}]}]}; "damage" beside )"
               R"("partitions" when it concerns the whole directory)",
       .exits = {{Exit::kNotFound, "no store in the directory"},
                 {Exit::kDenied, "the directory is open to others, or not a directory"},
                 {Exit::kConflict, "a broker runs on it"},
                 {Exit::kCorruption, "damage was found"}},
       .handler = verify},
      {.path = "log dump",
       .summary = "list every entry of a stopped broker's data once",
       .positionals = {directory},
       .examples = {"strandlog log dump .strandlog-dev/broker-1 -o jsonl"},
       .json = R"([{"topic","partition","index","term","kind","offset","records","bytes","time",)"
               R"("in"},…])",
       .exits = {{Exit::kNotFound, "no store in the directory"},
                 {Exit::kDenied, "the directory is open to others, or not a directory"},
                 {Exit::kConflict, "a broker runs on it"},
                 {Exit::kCorruption, "damage was found"}},
       .handler = dump},
  };
}

}  // namespace strandlog::tools
