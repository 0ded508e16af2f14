// The version both programs print.
#pragma once

namespace strandlog {
constexpr const char* kVersion = "0.1.0";
}  // namespace strandlog
