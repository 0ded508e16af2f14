// Seeds for the targets that have no sample messages of their own.
#pragma once

#include <string>
#include <vector>

namespace strandlog::fuzz {

struct Seed {
  std::string target;
  std::vector<uint8_t> bytes;
};

std::vector<Seed> more_seeds();

}  // namespace strandlog::fuzz
