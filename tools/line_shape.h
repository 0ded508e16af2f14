// Line shape: what turns one line of input into one record.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "strandlog/producer.h"

namespace strandlog::tools {

struct LineShape {
  client::Record base;  ///< topic, and what all records share
  std::optional<std::string> separator;
  bool json = false;
  bool tombstone = false;

  /// What a line says wins over what all records share, except for the partition. Without the
  /// separator in it a line is a value alone. kInvalidArgument for JSON that is no record.
  Result<client::Record> record(std::string_view line) const;
};

}  // namespace strandlog::tools
