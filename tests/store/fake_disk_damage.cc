// What lies there, and what is done to it behind everybody's back.
#include <algorithm>

#include "tests/store/fake_disk.h"

namespace strandlog::store {
namespace {

std::vector<uint8_t> all_of(const SparseBytes& bytes) {
  std::vector<uint8_t> out(bytes.size());
  bytes.read(0, out);
  return out;
}

}  // namespace

void FakeDisk::add_read_error(const std::string& path, uint64_t begin, uint64_t end) {
  CHECK(begin < end);
  File& file = files_.at(names_.at(path));
  for (uint64_t s = begin / kSector; s * kSector < end; ++s) file.bad_sectors.insert(s);
}

std::vector<std::string> FakeDisk::files() const {
  std::vector<std::string> out;
  for (const auto& [path, id] : names_) {
    if (id != kDirectory) out.push_back(path);
  }
  return out;
}

FakeDisk::Folder FakeDisk::folder(const std::string& directory) const {
  Folder out;
  for (const auto& [path, id] : names_) {
    if (id == kDirectory || parent_of(path) != directory) continue;
    uint64_t bytes = files_.at(id).now.size();
    ++out.files;
    out.bytes += bytes;
    out.longest = std::max(out.longest, bytes);
  }
  return out;
}

std::vector<uint8_t> FakeDisk::bytes_of(const std::string& path) const {
  return all_of(files_.at(names_.at(path)).now);
}

std::vector<uint8_t> FakeDisk::durable_bytes_of(const std::string& path) const {
  return all_of(files_.at(names_.at(path)).durable);
}

void FakeDisk::flip(const std::string& path, uint64_t position, uint8_t mask) {
  File& file = files_.at(names_.at(path));
  for (SparseBytes* image : {&file.now, &file.durable}) {
    std::array<uint8_t, 1> byte{};
    if (image->read(position, byte) == 0) continue;
    byte[0] ^= mask;
    image->write(position, byte);
  }
}

void FakeDisk::put(const std::string& path, ByteView bytes) {
  used_.reset();
  if (!names_.contains(path)) names_[path] = durable_names_[path] = next_file_++;
  File& file = files_[names_.at(path)];
  for (SparseBytes* image : {&file.now, &file.durable}) {
    image->resize(0);
    image->write(0, bytes);
  }
  file.dirty.clear();
  durable_names_[path] = names_.at(path);
}

void FakeDisk::erase(const std::string& path) {
  used_.reset();
  uint64_t id = names_.at(path);
  names_.erase(path);
  durable_names_.erase(path);
  std::erase_if(changes_, [&](const NameChange& c) { return c.to == path || c.from == path; });
  forget_if_unused(id);
}

}  // namespace strandlog::store
