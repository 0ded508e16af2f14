// Error conversion: the project's errors as the public API shows them.
#pragma once

#include <string>

#include "base/result.h"
#include "strandlog/result.h"
#include "wire/messages.h"

namespace strandlog::client {

/// The same number; every code of one enum exists in the other.
Code public_code(strandlog::Code code);
strandlog::Code base_code(Code code);

/// An error of the public API; retry follows from the code. Control characters in the text, of a
/// topic's name or a broker's words, are shown as \xNN: error texts go to terminals.
Error public_error(strandlog::Code code, std::string text, Written written = Written::kNo);
Error public_error(const strandlog::Error& error, Written written = Written::kNo);
/// `where` says who answered, in the text.
Error public_error(const wire::WireError& error, const std::string& where);

/// kNotFound.
Error no_topic(const std::string& name);
/// The same: the topic has `partitions`, none with this number.
Error no_partition(const std::string& name, size_t partitions, int64_t number);

/// True when a broker that answers a produce request with `code` has certainly not appended it.
/// A broker that appended and then stepped down answers stale, one without a majority timeout.
bool certainly_not_written(strandlog::Code code);

}  // namespace strandlog::client
