// Errors as values: Error, Code and Result<T>.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace strandlog {

/// What kind of failure. The numbers travel on the wire and are never reused.
enum class Code : uint16_t {
  kInternal = 1,         ///< a bug of ours
  kInvalidArgument = 2,  ///< the request can never succeed as it is
  kNotFound = 3,         ///< no such topic, partition, broker, file
  kOutOfRange = 4,       ///< an offset outside [start, end]
  kNotLeader = 5,        ///< ask the leader named in the answer
  kNoLeader = 6,         ///< none elected now; retry
  kBusy = 7,             ///< a bound is hit; retry later
  kTimeout = 8,          ///< the deadline passed; the effect is unknown
  kUnreachable = 9,      ///< no broker answered
  kCorruptBatch = 10,    ///< CRC, count or shape of a record batch is wrong
  kTooLarge = 11,        ///< over a size limit
  kUnsupported = 12,     ///< a version, codec or feature this build lacks
  kConflict = 13,        ///< exists already, or state forbids it
  kDiskFull = 14,        ///< writes are refused until space is freed
  kIo = 15,              ///< the operating system said no
  kCorruption = 16,      ///< stored bytes fail their checksum
  kWrongIdentity = 17,   ///< another cluster, broker, store or format
  kLocked = 18,          ///< another process holds the directory
  kBlank = 19,           ///< the broker belongs to no cluster yet
  kFaulty = 20,          ///< this replica is out of service
  kClosed = 21,          ///< the object was closed
  kStale = 22,           ///< an old term, epoch or session
  kDenied = 23,          ///< not allowed for this principal
  kInterrupted = 24,     ///< the user stopped it
  kExpired = 25,         ///< an offset below the log's start: the record went by retention
};

/// The stable lower-case name, as printed in `error[name]`.
constexpr std::string_view code_name(Code code) {
  switch (code) {
    case Code::kInternal:
      return "internal";
    case Code::kInvalidArgument:
      return "invalid-argument";
    case Code::kNotFound:
      return "not-found";
    case Code::kOutOfRange:
      return "out-of-range";
    case Code::kNotLeader:
      return "not-leader";
    case Code::kNoLeader:
      return "no-leader";
    case Code::kBusy:
      return "busy";
    case Code::kTimeout:
      return "timeout";
    case Code::kUnreachable:
      return "unreachable";
    case Code::kCorruptBatch:
      return "corrupt-batch";
    case Code::kTooLarge:
      return "too-large";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kConflict:
      return "conflict";
    case Code::kDiskFull:
      return "disk-full";
    case Code::kIo:
      return "io";
    case Code::kCorruption:
      return "corruption";
    case Code::kWrongIdentity:
      return "wrong-identity";
    case Code::kLocked:
      return "locked";
    case Code::kBlank:
      return "blank";
    case Code::kFaulty:
      return "faulty";
    case Code::kClosed:
      return "closed";
    case Code::kStale:
      return "stale";
    case Code::kDenied:
      return "denied";
    case Code::kInterrupted:
      return "interrupted";
    case Code::kExpired:
      return "expired";
  }
  return "internal";
}

/// True when the same request may succeed later without being changed.
constexpr bool is_retriable(Code code) {
  return code == Code::kNotLeader || code == Code::kNoLeader || code == Code::kBusy ||
         code == Code::kTimeout || code == Code::kUnreachable || code == Code::kStale ||
         code == Code::kDiskFull || code == Code::kBlank;
}

/// A failure: what failed, the limit, the value, the next step, all in `text`.
struct Error {
  Code code = Code::kInternal;
  std::string text;
  bool operator==(const Error&) const = default;
};

/// A value or an Error. Asking for the one that is not there is a broken invariant.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & {
    CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const {
    CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by design
  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    CHECK(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace strandlog

/// Evaluates a Result and returns its error from the enclosing function.
#define TRY(expression)                                                              \
  do {                                                                               \
    if (auto try_result = (expression); !try_result.ok()) return try_result.error(); \
  } while (false)

#define STRANDLOG_CONCAT_(a, b) a##b
#define STRANDLOG_CONCAT(a, b) STRANDLOG_CONCAT_(a, b)
/// `ASSIGN(auto x, f())`: x = the value, or returns the error.
#define ASSIGN(target, expression)                         \
  auto STRANDLOG_CONCAT(assign_, __LINE__) = (expression); \
  if (!STRANDLOG_CONCAT(assign_, __LINE__).ok())           \
    return STRANDLOG_CONCAT(assign_, __LINE__).error();    \
  target = std::move(STRANDLOG_CONCAT(assign_, __LINE__)).value()
