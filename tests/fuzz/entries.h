// The fuzz entry functions, one per frame root; libFuzzer and the replay test call the same ones.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"

namespace strandlog::fuzz {

/// Feeds `input` to one decoder, as it is and again as a message under a valid header; stops the
/// process if what is accepted does not survive another round.
using Entry = void (*)(ByteView input);

struct Target {
  std::string name;  ///< also the folder of its corpus
  Entry entry;
};

const std::vector<Target>& targets();

}  // namespace strandlog::fuzz
