// ReadOnlyDisk: a Disk through which nothing can be changed, for offline tools.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/env.h"

namespace strandlog::store {

/// Opens every file for reading, whatever was asked for; a file that would be created is
/// kNotFound. Flushes do nothing, other changes fail with kDenied, nothing may be submitted.
class ReadOnlyDisk : public Disk {
 public:
  explicit ReadOnlyDisk(Disk& disk) : disk_(disk) {}
  ~ReadOnlyDisk() override {
    for (FileHandle file : open_) disk_.close(file);
  }

  Result<FileHandle> open(const std::string& path, OpenMode) override {
    auto file = disk_.open(path, OpenMode::kRead);
    if (file.ok()) open_.insert(*file);
    return file;
  }
  void close(FileHandle file) override {
    open_.erase(file);
    disk_.close(file);
  }
  Result<uint64_t> size(FileHandle file) override { return disk_.size(file); }
  Result<uint64_t> read(FileHandle file, uint64_t position, MutableByteView into) override {
    return disk_.read(file, position, into);
  }
  Result<void> flush(FileHandle) override { return {}; }
  Result<void> flush_directory(const std::string&) override { return {}; }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return disk_.list(path);
  }
  Result<uint64_t> free_bytes() override { return disk_.free_bytes(); }

  Result<void> write(FileHandle, uint64_t, ByteView) override { return refused("write"); }
  Result<void> allocate(FileHandle, uint64_t) override { return refused("allocate"); }
  Result<void> make_directory(const std::string& path) override { return refused("make " + path); }
  Result<void> rename(const std::string& from, const std::string&) override {
    return refused("rename " + from);
  }
  Result<void> remove(const std::string& path) override { return refused("remove " + path); }
  void submit(DiskOp) override { CHECK(false); }
  void poll(std::vector<DiskDone>&) override {}

 private:
  static Error refused(const std::string& what) {
    return {Code::kDenied, what + ": the store is open for reading only"};
  }
  Disk& disk_;
  std::set<FileHandle> open_;
};

}  // namespace strandlog::store
