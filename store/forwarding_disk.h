// ForwardingDisk: every blocking call of a Disk goes to another one; what differs is derived.
#pragma once

#include <string>
#include <vector>

#include "base/env.h"

namespace strandlog::store {

/// submit() and poll() are the derived class's. Does not own the other disk.
class ForwardingDisk : public Disk {
 public:
  explicit ForwardingDisk(Disk& disk) : disk_(disk) {}
  Result<FileHandle> open(const std::string& path, OpenMode mode) override {
    return disk_.open(path, mode);
  }
  void close(FileHandle file) override { disk_.close(file); }
  Result<uint64_t> size(FileHandle file) override { return disk_.size(file); }
  Result<uint64_t> read(FileHandle file, uint64_t position, MutableByteView into) override {
    return disk_.read(file, position, into);
  }
  Result<void> write(FileHandle file, uint64_t position, ByteView bytes) override {
    return disk_.write(file, position, bytes);
  }
  Result<void> flush(FileHandle file) override { return disk_.flush(file); }
  Result<void> allocate(FileHandle file, uint64_t bytes) override {
    return disk_.allocate(file, bytes);
  }
  Result<void> make_directory(const std::string& path) override {
    return disk_.make_directory(path);
  }
  Result<void> flush_directory(const std::string& path) override {
    return disk_.flush_directory(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return disk_.list(path);
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return disk_.rename(from, to);
  }
  Result<void> remove(const std::string& path) override { return disk_.remove(path); }
  Result<uint64_t> free_bytes() override { return disk_.free_bytes(); }

 protected:
  Disk& disk_;
};

}  // namespace strandlog::store
