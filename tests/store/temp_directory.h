// TempDirectory: an empty real directory beside the test binary, gone with its object.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/check.h"

namespace strandlog::store {

class TempDirectory {
 public:
  TempDirectory() {
    path_ = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "tmp-XXXXXX";
    CHECK(::mkdtemp(path_.data()) != nullptr);
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace strandlog::store
