// Result, Error: how every call of the library answers. No exception crosses the API.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace strandlog::client {

/// Stable numbers, the same as on the wire.
enum class Code : uint16_t {
  kInternal = 1, kInvalidArgument = 2, kNotFound = 3, kOutOfRange = 4, kNotLeader = 5,
  kNoLeader = 6, kBusy = 7, kTimeout = 8, kUnreachable = 9, kCorruptBatch = 10, kTooLarge = 11,
  kUnsupported = 12, kConflict = 13, kDiskFull = 14, kIo = 15, kCorruption = 16,
  kWrongIdentity = 17, kLocked = 18, kBlank = 19, kFaulty = 20, kClosed = 21, kStale = 22,
  kDenied = 23, kInterrupted = 24, kExpired = 25
};

enum class Retry { kNever, kSafe };         ///< kSafe: the same call may succeed later
enum class Written { kNo, kMaybe, kYes };   ///< did a failed send reach the log?

struct Error {
  Code code = Code::kInternal;
  Retry retry = Retry::kNever;
  Written written = Written::kNo;
  std::string text;  ///< what failed, the limit, the value, the next step
};

/// The stable lower-case name of a code: "not-found".
const char* code_name(Code code);

/// A value or an Error. value() of an error aborts: ask ok() first.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit
  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { require(); return *std::get_if<0>(&state_); }
  const T& value() const& { require(); return *std::get_if<0>(&state_); }
  T&& value() && { require(); return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const {
    if (ok()) std::abort();
    return *std::get_if<1>(&state_);
  }

 private:
  void require() const {
    if (!ok()) std::abort();
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit
  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    if (ok()) std::abort();
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace strandlog::client
