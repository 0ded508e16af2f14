// Line shape: what turns one line of input into one record.
#include "tools/line_shape.h"

#include "tools/record_format.h"

namespace strandlog::tools {

Result<client::Record> LineShape::record(std::string_view line) const {
  client::Record made = base;
  if (json) {
    ASSIGN(auto parsed, record_from_json(line));
    if (parsed.key) made.key = std::move(parsed.key);
    if (parsed.partition && !made.partition) made.partition = parsed.partition;
    made.value = std::move(parsed.value);
    made.timestamp_ms = parsed.timestamp_ms;
    for (auto& header : parsed.headers) made.headers.push_back(std::move(header));
    return made;
  }
  if (separator) {
    const auto at = line.find(*separator);
    if (at != std::string_view::npos) {
      made.key = std::string(line.substr(0, at));
      line.remove_prefix(at + separator->size());
    }
  }
  if (!(tombstone && line.empty())) made.value.emplace(line);
  return made;
}

}  // namespace strandlog::tools
