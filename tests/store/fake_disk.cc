// The disk in memory: operations that block; two images per file, faults on request.
#include "tests/store/fake_disk.h"

#include <algorithm>

namespace strandlog::store {

namespace {

std::string directory_name(const std::string& path) { return path == "." ? "" : path; }

std::string at(const std::string& path, uint64_t position) {
  return path + " at " + std::to_string(position);
}

}  // namespace

std::string FakeDisk::parent_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

FakeDisk::FakeDisk() {
  for (const char* name : {"journal", "state", "partitions", "tmp", "lost"}) {
    names_[name] = durable_names_[name] = kDirectory;
  }
}

const FakeDisk::Open& FakeDisk::opened(FileHandle handle) const {
  auto it = handles_.find(handle);
  CHECK(it != handles_.end());
  return it->second;
}

bool FakeDisk::is_directory(const std::string& path) const {
  if (path.empty()) return true;
  auto it = names_.find(path);
  return it != names_.end() && it->second == kDirectory;
}

Result<void> FakeDisk::check_parent(const std::string& path) const {
  if (is_directory(parent_of(path))) return {};
  return Error{Code::kIo, path + ": its directory does not exist"};
}

FakeDisk::Gate FakeDisk::count_operation() {
  if (stopped()) return Gate::kStopped;
  ++operations_;
  return Gate::kRun;
}

Error FakeDisk::stopped_error(const std::string& path) const {
  return {Code::kIo,
          path + ": the disk stopped after " + std::to_string(operations_) + " operations"};
}

Error FakeDisk::no_space(const std::string& what) {
  ++figures_.refused_for_space;
  return {Code::kDiskFull, what + ": no space left of " + std::to_string(capacity_)};
}

uint64_t FakeDisk::bytes_at(const std::string& path) const {
  auto name = names_.find(path);
  bool is_file = name != names_.end() && name->second != kDirectory;
  return is_file ? files_.at(name->second).now.size() : 0;
}

void FakeDisk::put_name(const NameChange& change) {
  uint64_t before = bytes_at(change.to) + (change.from.empty() ? 0 : bytes_at(change.from));
  apply_name(change, names_);
  if (used_) *used_ = *used_ - before + bytes_at(change.to);
  changes_.push_back(change);
  most_names_ = std::max(most_names_, names_.size());
}

void FakeDisk::apply_name(const NameChange& change, std::map<std::string, uint64_t>& names) {
  if (!change.from.empty()) names.erase(change.from);
  if (change.file == 0) {
    names.erase(change.to);
  } else {
    names[change.to] = change.file;
  }
}

// A file lives while a name, a handle, an operation or a name change not durable yet leads to it.
void FakeDisk::forget_if_unused(uint64_t id) {
  auto it = files_.find(id);
  if (it == files_.end() || it->second.handles > 0) return;
  auto named = [&](const auto& names) {
    return std::any_of(names.begin(), names.end(), [&](auto& n) { return n.second == id; });
  };
  if (named(names_) || named(durable_names_)) return;
  if (std::any_of(changes_.begin(), changes_.end(), [&](auto& c) { return c.file == id; })) return;
  if (std::any_of(pending_.begin(), pending_.end(), [&](auto& p) { return p.file == id; })) return;
  files_.erase(it);
}

uint64_t FakeDisk::used_bytes() const {
  if (used_) return *used_;
  uint64_t used = 0;
  for (const auto& [path, id] : names_) {
    if (id != kDirectory) used += files_.at(id).now.size();
  }
  used_ = used;
  return used;
}

void FakeDisk::grew(const Open& open, uint64_t bytes) {
  auto name = names_.find(open.path);
  if (used_ && name != names_.end() && name->second == open.file) *used_ += bytes;
}

void FakeDisk::check_aligned(OpenMode mode, uint64_t position, const void* memory, uint64_t size) {
  if (mode != OpenMode::kWriteDirect) return;
  CHECK(position % kAlignment == 0);
  CHECK(size % kAlignment == 0);
  CHECK(reinterpret_cast<uintptr_t>(memory) % kAlignment == 0);
}

Result<FileHandle> FakeDisk::open(const std::string& path, OpenMode mode) {
  if (is_directory(path)) return Error{Code::kIo, path + ": is a directory"};
  auto name = names_.find(path);
  if (name == names_.end()) {
    if (mode == OpenMode::kRead) return Error{Code::kNotFound, path + ": no such file"};
    TRY(check_parent(path));
    if (count_operation() == Gate::kStopped) return stopped_error(path);
    files_[next_file_];
    put_name({next_file_++, path, ""});
    name = names_.find(path);
  }
  FileHandle handle{next_handle_++};
  handles_[handle] = {name->second, mode, path};
  ++files_.at(name->second).handles;
  return handle;
}

void FakeDisk::close(FileHandle handle) {
  auto it = handles_.find(handle);
  if (it == handles_.end()) return;
  auto [id, mode, path] = std::move(it->second);
  handles_.erase(it);
  --files_.at(id).handles;
  auto name = names_.find(path);
  if (name == names_.end() || name->second != id) forget_if_unused(id);
}

Result<uint64_t> FakeDisk::size(FileHandle handle) {
  return files_.at(opened(handle).file).now.size();
}

Result<uint64_t> FakeDisk::read(FileHandle handle, uint64_t position, MutableByteView into) {
  return read_from(opened(handle), position, into);
}

Result<uint64_t> FakeDisk::read_from(const Open& open, uint64_t position, MutableByteView into) {
  check_aligned(open.mode, position, into.data(), into.size());
  ++figures_.reads;
  const File& file = files_.at(open.file);
  auto bad = file.bad_sectors.lower_bound(position / kSector);
  if (bad != file.bad_sectors.end() && *bad * kSector < position + into.size()) {
    ++errors_made_up_;
    return Error{Code::kIo, "read " + at(open.path, *bad * kSector) + ": medium error"};
  }
  return file.now.read(position, into);
}

Result<void> FakeDisk::write(FileHandle handle, uint64_t position, ByteView bytes) {
  auto result = write_pieces(opened(handle), position, {bytes});
  if (!result.ok()) return result.error();
  return {};
}

Result<uint64_t> FakeDisk::write_pieces(const Open& open, uint64_t position,
                                        const std::vector<ByteView>& pieces) {
  CHECK(open.mode != OpenMode::kRead);
  File& file = files_.at(open.file);
  uint64_t total = 0;
  for (ByteView piece : pieces) {
    check_aligned(open.mode, position + total, piece.data(), piece.size());
    total += piece.size();
  }
  bool stopped_here = count_operation() == Gate::kStopped;
  if (stopped_here && std::exchange(partial_taken_, true)) return stopped_error(open.path);
  if (!stopped_here && fails(Step::kWrite, open.path)) {
    return Error{Code::kIo, "write " + at(open.path, position) + ": input/output error"};
  }
  uint64_t end = position + total;
  if (end > file.now.size() && used_bytes() + (end - file.now.size()) > capacity_) {
    return no_space("write of " + std::to_string(total) + " bytes to " + at(open.path, position));
  }
  if (end > file.now.size()) grew(open, end - file.now.size());
  for (uint64_t done = 0; ByteView piece : pieces) {
    apply_write(file, position + done, piece);
    done += piece.size();
  }
  if (stopped_here) return stopped_error(open.path);
  ++figures_.writes;
  figures_.bytes_written += total;
  return total;
}

void FakeDisk::apply_write(File& file, uint64_t position, ByteView bytes) {
  if (bytes.empty()) return;
  file.now.write(position, bytes);
  file.dirty.push_back({position, position + bytes.size()});
  uint64_t first = position / kSector, last = (position + bytes.size() - 1) / kSector;
  file.bad_sectors.erase(file.bad_sectors.lower_bound(first), file.bad_sectors.upper_bound(last));
}

Result<void> FakeDisk::flush(FileHandle handle) { return flush_file(opened(handle)); }

Result<void> FakeDisk::flush_file(const Open& open) {
  if (count_operation() == Gate::kStopped) return stopped_error(open.path);
  File& file = files_.at(open.file);
  if (fails(Step::kFlush, open.path)) {
    if (flush_forgets_) file.dirty.clear();
    return Error{Code::kIo, "flush " + open.path + ": input/output error"};
  }
  make_durable(file);
  ++figures_.flushes;
  return {};
}

void FakeDisk::make_durable(File& file) {
  for (const Extent& extent : file.dirty) {
    file.durable.copy(file.now, extent.begin, extent.end);
  }
  file.dirty.clear();
  file.durable.resize(file.now.size());
}

bool FakeDisk::fails(Step step, const std::string& path) {
  Failing& failing = failing_.at(static_cast<size_t>(step));
  if (failing.left == 0 || !path.starts_with(failing.under) || --failing.left > 0) return false;
  ++errors_made_up_;
  return true;
}

bool FakeDisk::is_failing() const {
  return std::any_of(failing_.begin(), failing_.end(), [](auto& one) { return one.left > 0; });
}

Result<void> FakeDisk::allocate(FileHandle handle, uint64_t bytes) {
  return allocate_in(opened(handle), bytes);
}

Result<void> FakeDisk::allocate_in(const Open& open, uint64_t bytes) {
  File& file = files_.at(open.file);
  if (count_operation() == Gate::kStopped) return stopped_error(open.path);
  if (fails(Step::kAllocate, open.path)) {
    return Error{Code::kIo, "allocate in " + open.path + ": input/output error"};
  }
  if (bytes <= file.now.size()) return {};
  if (used_bytes() + (bytes - file.now.size()) > capacity_) {
    return no_space("allocate " + std::to_string(bytes) + " bytes for " + open.path);
  }
  grew(open, bytes - file.now.size());
  file.now.resize(bytes);
  return {};
}

Result<void> FakeDisk::make_directory(const std::string& path) {
  if (is_directory(path)) return {};
  if (names_.contains(path)) return Error{Code::kIo, path + ": exists and is a file"};
  TRY(check_parent(path));
  if (count_operation() == Gate::kStopped) return stopped_error(path);
  put_name({kDirectory, path, ""});
  return {};
}

Result<void> FakeDisk::flush_directory(const std::string& path) {
  std::string directory = directory_name(path);
  if (!is_directory(directory)) return Error{Code::kNotFound, path + ": no such directory"};
  if (count_operation() == Gate::kStopped) return stopped_error(path);
  if (fails(Step::kFlushDirectory, directory)) {
    return Error{Code::kIo, "flush " + path + ": input/output error"};
  }
  std::vector<NameChange> rest;
  std::vector<uint64_t> unnamed;
  for (NameChange& change : changes_) {
    if (parent_of(change.to) != directory) {
      rest.push_back(std::move(change));
      continue;
    }
    if (auto old = durable_names_.find(change.to); old != durable_names_.end()) {
      unnamed.push_back(old->second);
    }
    apply_name(change, durable_names_);
  }
  changes_ = std::move(rest);
  for (uint64_t id : unnamed) forget_if_unused(id);
  return {};
}

Result<std::vector<std::string>> FakeDisk::list(const std::string& path) {
  std::string directory = directory_name(path);
  if (!is_directory(directory)) return Error{Code::kNotFound, path + ": no such directory"};
  std::vector<std::string> out;
  std::string prefix = directory.empty() ? "" : directory + "/";
  for (auto name = names_.lower_bound(prefix);
       name != names_.end() && name->first.starts_with(prefix); ++name) {
    if (parent_of(name->first) == directory) out.push_back(name->first.substr(prefix.size()));
  }
  return out;
}

Result<void> FakeDisk::rename(const std::string& from, const std::string& to) {
  auto name = names_.find(from);
  if (name == names_.end()) return Error{Code::kNotFound, from + ": no such file"};
  if (name->second == kDirectory || is_directory(to)) {
    return Error{Code::kUnsupported, from + ": renaming directories is not supported"};
  }
  TRY(check_parent(to));
  if (count_operation() == Gate::kStopped) return stopped_error(from);
  put_name({name->second, to, from});
  return {};
}

Result<void> FakeDisk::remove(const std::string& path) { return remove_name(path); }

Result<void> FakeDisk::remove_name(const std::string& path) {
  if (!names_.contains(path)) return Error{Code::kNotFound, path + ": no such file"};
  if (is_directory(path) && !list(path).value().empty()) {
    return Error{Code::kIo, path + ": directory is not empty"};
  }
  if (count_operation() == Gate::kStopped) return stopped_error(path);
  put_name({0, path, ""});
  return {};
}

Result<uint64_t> FakeDisk::free_bytes() {
  uint64_t used = used_bytes();
  return used < capacity_ ? capacity_ - used : 0;
}

}  // namespace strandlog::store
