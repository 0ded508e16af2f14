// Exit codes: what a script learns from the command without reading its words.
#pragma once

#include "base/result.h"
#include "strandlog/result.h"

namespace strandlog::tools {

/// The numbers are documented and never change.
enum class Exit : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,        ///< nothing was sent
  kNotFound = 3,     ///< or out of range
  kUnreachable = 4,  ///< no broker reached, or timeout: the same command may succeed later
  kDenied = 5,
  kConflict = 6,
  kPartial = 7,  ///< some items failed
  kCorruption = 8,
  kUnavailable = 10,  ///< `health` alone
  kDegraded = 11,     ///< `health` alone
  kInterrupted = 130,
};

constexpr Exit exit_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return Exit::kUsage;
    case Code::kNotFound:
    case Code::kOutOfRange:
    case Code::kExpired:
      return Exit::kNotFound;
    case Code::kNotLeader:
    case Code::kNoLeader:
    case Code::kBusy:
    case Code::kTimeout:
    case Code::kUnreachable:
    case Code::kBlank:
    case Code::kStale:
      return Exit::kUnreachable;
    case Code::kDenied:
      return Exit::kDenied;
    case Code::kConflict:
    case Code::kWrongIdentity:
    case Code::kLocked:
      return Exit::kConflict;
    case Code::kCorruptBatch:
    case Code::kCorruption:
      return Exit::kCorruption;
    case Code::kInterrupted:
      return Exit::kInterrupted;
    case Code::kInternal:
    case Code::kTooLarge:
    case Code::kUnsupported:
    case Code::kDiskFull:
    case Code::kIo:
    case Code::kFaulty:
    case Code::kClosed:
      return Exit::kFailed;
  }
  return Exit::kFailed;
}

/// The client's errors carry the same numbers.
constexpr Code base_code(client::Code code) { return static_cast<Code>(code); }
constexpr Exit exit_of(client::Code code) { return exit_of(base_code(code)); }
inline Error lifted(const client::Error& error) { return {base_code(error.code), error.text}; }

/// A client's answer as the rest of the command handles it.
template <class T>
Result<T> lift(client::Result<T> result) {
  if (!result.ok()) return lifted(result.error());
  return std::move(result).value();
}
inline Result<void> lift(const client::Result<void>& result) {
  if (!result.ok()) return lifted(result.error());
  return {};
}

}  // namespace strandlog::tools
