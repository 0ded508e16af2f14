// Runs every file of the corpora through its fuzz entry, so that what was once found stays fixed.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/log.h"
#include "tests/fuzz/entries.h"

namespace strandlog::fuzz {
namespace {

TEST(FuzzReplay, EveryCorpusFileIsHandled) {
  set_log_level(LogLevel::kError);
  for (const Target& target : targets()) {
    std::vector<std::filesystem::path> files;
    for (const auto& file :
         std::filesystem::directory_iterator(std::string(STRANDLOG_FUZZ_CORPUS "/") + target.name))
      files.push_back(file.path());
    std::sort(files.begin(), files.end());
    EXPECT_FALSE(files.empty()) << target.name;

    for (const auto& path : files) {
      SCOPED_TRACE(path.string());
      std::ifstream in(path, std::ios::binary);
      std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
      target.entry(bytes);
    }
  }
}

}  // namespace
}  // namespace strandlog::fuzz
