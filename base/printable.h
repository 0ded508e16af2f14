// Printable: text of unknown origin as a terminal may show it.
#pragma once

#include <string>
#include <string_view>

namespace strandlog {

/// True when `text` is UTF-8 throughout: shortest forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

/// `text` with control characters (C0, DEL, C1) and bytes that are not UTF-8 as \n, \r, \t or \xNN.
/// Those in `keep` stay.
std::string printable(std::string_view text, std::string_view keep = {});

}  // namespace strandlog
