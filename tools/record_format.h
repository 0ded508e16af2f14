// Record formats: how one line of input becomes a record, and one record a line of output.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "strandlog/consumer.h"
#include "strandlog/producer.h"

namespace strandlog::tools {

/// `{"key","value","partition","headers":[{"key","value"}],"timestamp"}`, all optional; what
/// record_json() writes reads back. With "encoding":"base64" the value is base64, with
/// "key_encoding" the key. kInvalidArgument for anything else, a field of another name included.
/// Does not set the topic.
Result<client::Record> record_from_json(std::string_view line);

/// One line without its end; see record_from_json().
std::string record_json(const client::ConsumedRecord& record);

/// "\t", "\n", "\0" and "\\" as the bytes they mean.
std::string unescaped(std::string_view text);

}  // namespace strandlog::tools
