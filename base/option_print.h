// Option printing: help for a terminal, and the reference or effective values as INI, JSON or
// Markdown.
#pragma once

#include <string>
#include <string_view>

#include "base/options.h"

namespace strandlog {

/// The visible options, two columns, wrapped at `width` characters.
std::string option_help(const OptionTable& table, size_t width = 80);

/// Columns of the terminal at `descriptor`, within [60, 120]; 80 when it is none.
size_t terminal_width(int descriptor);

/// `text` in lines of at most `width` characters, each after the first begun by `indent` blanks.
std::string wrapped(std::string_view text, size_t width, size_t indent);

enum class OptionFormat { kIni, kJson, kMarkdown };

/// Every visible option with type, range, default, help, value and origin. The INI form parses back
/// to the same values; unset options stand in it as comments.
std::string print_options(const OptionTable& table, const OptionValues& values,
                          OptionFormat format);

/// `text` as a JSON string with its quotes; bytes below 0x20 are escaped.
std::string json_quoted(std::string_view text);

}  // namespace strandlog
