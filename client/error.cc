// Error conversion: one switch per direction, checked at compile time.
#include "client/error.h"

#include "base/printable.h"

namespace strandlog::client {
namespace {

constexpr bool same(strandlog::Code base, Code shown) {
  return static_cast<uint16_t>(base) == static_cast<uint16_t>(shown);
}

#define STRANDLOG_SAME_CODE(name) \
  static_assert(same(strandlog::Code::name, Code::name), "the numbers travel on the wire")
STRANDLOG_SAME_CODE(kInternal);
STRANDLOG_SAME_CODE(kInvalidArgument);
STRANDLOG_SAME_CODE(kNotFound);
STRANDLOG_SAME_CODE(kOutOfRange);
STRANDLOG_SAME_CODE(kNotLeader);
STRANDLOG_SAME_CODE(kNoLeader);
STRANDLOG_SAME_CODE(kBusy);
STRANDLOG_SAME_CODE(kTimeout);
STRANDLOG_SAME_CODE(kUnreachable);
STRANDLOG_SAME_CODE(kCorruptBatch);
STRANDLOG_SAME_CODE(kTooLarge);
STRANDLOG_SAME_CODE(kUnsupported);
STRANDLOG_SAME_CODE(kConflict);
STRANDLOG_SAME_CODE(kDiskFull);
STRANDLOG_SAME_CODE(kIo);
STRANDLOG_SAME_CODE(kCorruption);
STRANDLOG_SAME_CODE(kWrongIdentity);
STRANDLOG_SAME_CODE(kLocked);
STRANDLOG_SAME_CODE(kBlank);
STRANDLOG_SAME_CODE(kFaulty);
STRANDLOG_SAME_CODE(kClosed);
STRANDLOG_SAME_CODE(kStale);
STRANDLOG_SAME_CODE(kDenied);
STRANDLOG_SAME_CODE(kInterrupted);
STRANDLOG_SAME_CODE(kExpired);
#undef STRANDLOG_SAME_CODE

}  // namespace

Code public_code(strandlog::Code code) { return static_cast<Code>(static_cast<uint16_t>(code)); }
strandlog::Code base_code(Code code) {
  return static_cast<strandlog::Code>(static_cast<uint16_t>(code));
}

// Every base name is a literal, so its data ends with a zero.
const char* code_name(Code code) { return strandlog::code_name(base_code(code)).data(); }

Error public_error(strandlog::Code code, std::string text, Written written) {
  Retry retry = is_retriable(code) ? Retry::kSafe : Retry::kNever;
  return {public_code(code), retry, written, printable(text)};
}

Error public_error(const strandlog::Error& error, Written written) {
  return public_error(error.code, error.text, written);
}

Error public_error(const wire::WireError& error, const std::string& where) {
  return public_error(error.code, where.empty() ? error.text : where + ": " + error.text);
}

Error no_topic(const std::string& name) {
  return public_error(strandlog::Code::kNotFound, "topic \"" + name + "\" does not exist");
}

Error no_partition(const std::string& name, size_t partitions, int64_t number) {
  return public_error(strandlog::Code::kNotFound, "topic \"" + name + "\" has " +
                                                      std::to_string(partitions) +
                                                      " partitions, no " + std::to_string(number));
}

bool certainly_not_written(strandlog::Code code) {
  switch (code) {
    case strandlog::Code::kInvalidArgument:
    case strandlog::Code::kNotFound:
    case strandlog::Code::kOutOfRange:
    case strandlog::Code::kExpired:
    case strandlog::Code::kNotLeader:
    case strandlog::Code::kNoLeader:
    case strandlog::Code::kBusy:
    case strandlog::Code::kCorruptBatch:
    case strandlog::Code::kTooLarge:
    case strandlog::Code::kUnsupported:
    case strandlog::Code::kDiskFull:
    case strandlog::Code::kWrongIdentity:
    case strandlog::Code::kBlank:
    case strandlog::Code::kDenied:
      return true;
    case strandlog::Code::kInternal:
    case strandlog::Code::kTimeout:
    case strandlog::Code::kUnreachable:
    case strandlog::Code::kConflict:
    case strandlog::Code::kIo:
    case strandlog::Code::kCorruption:
    case strandlog::Code::kLocked:
    case strandlog::Code::kFaulty:
    case strandlog::Code::kClosed:
    case strandlog::Code::kStale:
    case strandlog::Code::kInterrupted:
      return false;
  }
  return false;
}

}  // namespace strandlog::client
