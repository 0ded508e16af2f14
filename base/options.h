// Options: one table of settings that drives flags, environment, INI file, help and reference.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strandlog {

enum class OptionType {
  kString,
  kInteger,   ///< decimal, may be negative
  kBytes,     ///< N, NKiB, NMiB, NGiB (powers of 1024), Nk, NM, NG (powers of 1000)
  kDuration,  ///< N with ms, s, m, h or d; without one it counts in Option::unit
  kBool,      ///< true/false, yes/no, on/off, 1/0; as a flag alone it means true
  kList,      ///< parts between commas; giving it again appends
  kRepeated,  ///< each time it is given adds one value, commas and all
  kChoice     ///< one of Option::choices
};

/// One setting. `name` is the INI key and, after "--", the flag.
struct Option {
  std::string name = {};
  char flag = 0;  ///< one-letter flag, 0 for none
  OptionType type = OptionType::kString;
  std::string unit = {};  ///< shown as the placeholder; a duration's unit (default "ms")
  std::optional<std::string> fallback = {};  ///< the default, as text; none: unset unless given
  int64_t min = std::numeric_limits<int64_t>::min();  ///< of numbers; durations in ms
  int64_t max = std::numeric_limits<int64_t>::max();
  std::vector<std::string> choices = {};
  std::string help = {};
  std::string env = {};  ///< environment variable; empty: none (see with_environment)
  bool hidden = false;   ///< works, but is not in help or the reference
};

/// Ordered as it shall be shown. Names and letters must be unique.
using OptionTable = std::vector<Option>;

/// Gives every option without one its variable: "data.dir" becomes STRANDLOG_DATA_DIR.
OptionTable with_environment(OptionTable table);

/// Where a value came from, weakest first.
enum class Origin { kDefault, kFile, kEnvironment, kFlag };

struct OptionValue {
  std::vector<std::string> texts = {};  ///< as given; one, or any number for lists
  int64_t number = 0;                   ///< integers, bytes, milliseconds, 0/1
  Origin origin = Origin::kDefault;
  std::string where = {};  ///< "default", "broker.conf:3", "STRANDLOG_DATA_DIR", "--data.dir"
};

/// The outcome of parsing. Asking for a name that is not in the table is a bug (CHECK), as is
/// asking for a value that is unset: ask has() unless the option has a default.
class OptionValues {
 public:
  bool has(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  uint64_t bytes(std::string_view name) const;
  std::chrono::milliseconds duration(std::string_view name) const;
  bool flag(std::string_view name) const;
  /// Empty when unset.
  const std::vector<std::string>& list(std::string_view name) const;
  Origin origin(std::string_view name) const;
  const OptionValue* find(std::string_view name) const;  ///< nullptr: unset
  /// The arguments that are neither flags nor their values.
  const std::vector<std::string>& positionals() const { return positionals_; }

 private:
  friend class OptionParser;
  const OptionValue& get(std::string_view name) const;

  std::map<std::string, std::optional<OptionValue>, std::less<>> values_;
  std::vector<std::string> positionals_;
};

/// What parse_options() reads, strongest first: arguments, environment, file, defaults.
struct OptionSources {
  std::vector<std::string> arguments = {};  ///< without the program's name
  std::map<std::string, std::string> environment = {};
  std::string file_name = {};  ///< for messages only
  std::string file_text = {};  ///< INI; empty: no file
};

/// kInvalidArgument for an unknown flag or key (with the nearest known name, and the line in a
/// file), a missing or misshapen value, a value out of range, or a key given twice. Names are never
/// abbreviated. A list given by a stronger source replaces the weaker one's whole.
/// INI: `key = value` with the dotted name, or `[section]` and the rest of the name; lines that
/// begin with # or ; and what follows " #" are comments. A value between double quotes is taken as it
/// stands there, blanks and # included; in it \n, \r, \t, \" and \\ have their usual meanings.
Result<OptionValues> parse_options(const OptionTable& table, const OptionSources& sources);

/// The process's variables whose names begin with STRANDLOG_.
std::map<std::string, std::string> strandlog_environment();

/// The words of `arguments` before the first option that is not in `table`, skipping the options
/// that are, at most `max_words`: how a command's name is found among global options. Returns their
/// positions in `arguments`.
std::vector<size_t> leading_words(const OptionTable& table,
                                  const std::vector<std::string>& arguments, size_t max_words);

}  // namespace strandlog
