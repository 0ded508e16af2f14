// Keys, options and errors of RocksDB; the only file that knows it. See rocks_state_store.h.
#include "store/rocks_state_store.h"

#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/check.h"
#include "base/endian.h"

namespace strandlog::store {
namespace {

namespace fs = std::filesystem;

/// Left when damage was found in use: the next open begins anew.
constexpr const char* kDamagedMark = "DAMAGED";
/// Up to so many bytes of tables every checksum is tried at open; beyond, when they are read.
constexpr uint64_t kVerifiedAtOpen = 64u << 20;

/// What RocksDB has to say comes as a Status; its diary would be one more file that grows.
class NoDiary final : public rocksdb::Logger {
 public:
  NoDiary() : Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// One column family: a memtable then holds a span of the writes of all machines in their order, so
// what a flush leaves is a state that was there, without atomic_flush.
rocksdb::Options options() {
  rocksdb::Options o;
  o.create_if_missing = true;
  o.paranoid_checks = true;
  o.info_log = std::make_shared<NoDiary>();
  o.avoid_flush_during_shutdown = true;  // nothing becomes durable that nobody asked for

  // Memory: two write buffers and the tables' indexes; nothing is cached.
  o.write_buffer_size = 1u << 20;
  o.arena_block_size = 64u << 10;
  o.max_write_buffer_number = 2;
  o.allow_concurrent_memtable_write = false;
  o.writable_file_max_buffer_size = 64u << 10;
  o.max_open_files = 64;
  o.table_cache_numshardbits = 1;
  // What it reserves ahead would come out of the free space that records count on.
  o.allow_fallocate = false;
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  o.compression = rocksdb::kNoCompression;

  // Files: few, and none that grows for ever.
  o.target_file_size_base = 4u << 20;
  o.max_bytes_for_level_base = 16u << 20;
  o.max_manifest_file_size = 1u << 20;
  o.manifest_preallocation_size = 16u << 10;

  // Threads: one that works, woken by work alone.
  o.max_background_jobs = 1;
  o.max_file_opening_threads = 1;
  o.skip_stats_update_on_db_open = true;
  o.stats_dump_period_sec = 0;
  o.stats_persist_period_sec = 0;
  return o;
}

// RocksDB does not throw, what it is made of does.
template <class Call>
rocksdb::Status guarded(Call call) {
  try {
    return call();
  } catch (const std::exception& e) {
    return rocksdb::Status::Aborted("exception", e.what());
  }
}

Code code_of(const rocksdb::Status& status) {
  if (status.IsNoSpace()) return Code::kDiskFull;
  if (status.IsIncomplete() || status.IsBusy()) return Code::kBusy;
  if (status.IsCorruption()) return Code::kCorruption;
  return status.IsIOError() ? Code::kIo : Code::kInternal;
}

rocksdb::Slice slice_of(std::string_view text) { return {text.data(), text.size()}; }

// ---------------------------------------------------------------------------------------- keys

enum Kind : char { kApplied = 0, kRow = 1, kEnd = 2 };

/// Length, name, kind: no machine's keys lie among another's.
std::string key_of(std::string_view machine, Kind kind, std::string_view key = {}) {
  std::string out(1, static_cast<char>(machine.size()));
  out.append(machine);
  out.push_back(kind);
  out.append(key);
  return out;
}

// ----------------------------------------------------------------------------------- directory

Error failed_io(const std::string& what, const std::error_code& error) {
  bool full = error == std::errc::no_space_on_device;
  return {full ? Code::kDiskFull : Code::kIo, what + ": " + error.message()};
}

Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return failed_io("make directory " + path, {errno, std::generic_category()});
}

struct Inside {
  bool empty = true;
  uint64_t table_bytes = 0;
};
Result<Inside> look(const std::string& path) {
  Inside inside;
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    inside.empty = false;
    if (it->path().extension() != ".sst") continue;
    std::error_code ignored;  // a table that cannot be looked at is found by RocksDB too
    uint64_t size = it->file_size(ignored);
    inside.table_bytes += ignored ? 0 : size;
  }
  if (error) return failed_io("list " + path, error);
  return inside;
}

Result<void> empty_directory(const std::string& path) {
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    fs::remove_all(it->path(), error);
    if (error) break;
  }
  if (error) return failed_io("empty " + path, error);
  return {};
}

rocksdb::Status open_database(const std::string& path, std::unique_ptr<rocksdb::DB>& db) {
  rocksdb::DB* raw = nullptr;
  rocksdb::Status status = guarded([&] { return rocksdb::DB::Open(options(), path, &raw); });
  db.reset(raw);
  if (!status.ok()) return status;
  // Without threads of their own flushes run on the one compaction thread.
  rocksdb::Env::Default()->SetBackgroundThreads(0, rocksdb::Env::Priority::HIGH);
  return status;
}

/// What is wrong with the database that lies there; OK and `db` set when nothing is.
rocksdb::Status open_existing(const std::string& path, const Inside& inside,
                              std::unique_ptr<rocksdb::DB>& db) {
  auto is_there = [&](const char* name) {
    return ::access((path + "/" + name).c_str(), F_OK) == 0;
  };
  if (is_there(kDamagedMark)) {
    return rocksdb::Status::Corruption("found damaged while in use");
  }
  // RocksDB would begin an empty one beside the files.
  if (!is_there("CURRENT")) return rocksdb::Status::Corruption("CURRENT is missing");
  rocksdb::Status status = open_database(path, db);
  if (status.ok() && inside.table_bytes <= kVerifiedAtOpen) {
    status = guarded([&] { return db->VerifyChecksum(); });
  }
  if (!status.ok()) db.reset();
  return status;
}

bool is_locked(const rocksdb::Status& status) {
  return status.IsIOError() && status.ToString().find("lock") != std::string::npos;
}

}  // namespace

// Opening can fail in more ways than RocksDB names well (a lost file is an I/O error to it), and
// nothing here is worth a broker that does not start: all are answered by beginning anew.
Result<RocksStateStore::Opened> RocksStateStore::open(const std::string& path) {
  TRY(make_directory(path));
  ASSIGN(Inside inside, look(path));
  std::unique_ptr<rocksdb::DB> db;
  std::string dropped;
  if (!inside.empty) {
    rocksdb::Status status = open_existing(path, inside, db);
    if (is_locked(status)) return Error{Code::kLocked, path + ": " + status.ToString()};
    if (status.IsNoSpace()) return Error{Code::kDiskFull, path + ": " + status.ToString()};
    if (!status.ok()) {
      dropped = status.ToString();
      TRY(empty_directory(path));
    }
  }
  if (!db) {
    rocksdb::Status status = open_database(path, db);
    if (!status.ok()) return Error{code_of(status), "make " + path + ": " + status.ToString()};
  }
  std::unique_ptr<RocksStateStore> store(new RocksStateStore(path, std::move(db)));
  return Opened{std::move(store), std::move(dropped)};
}

RocksStateStore::RocksStateStore(std::string path, std::unique_ptr<rocksdb::DB> db)
    : path_(std::move(path)), db_(std::move(db)) {}

RocksStateStore::~RocksStateStore() {
  (void)guarded([this] { return db_->Close(); });
}

Error RocksStateStore::failed(const std::string& what, const rocksdb::Status& status) const {
  if (status.IsCorruption()) {
    int mark = ::open((path_ + "/" + kDamagedMark).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (mark >= 0) ::close(mark);
  }
  return {code_of(status), path_ + ": " + what + ": " + status.ToString()};
}

Result<Index> RocksStateStore::applied(std::string_view machine) const {
  TRY(check_machine(machine));
  if (auto known = applied_.find(machine); known != applied_.end()) return known->second;
  std::string value;
  rocksdb::Status status =
      guarded([&] { return db_->Get(rocksdb::ReadOptions(), key_of(machine, kApplied), &value); });
  if (!status.ok() && !status.IsNotFound()) return failed("read", status);
  Index index;
  if (status.ok()) {
    if (value.size() != sizeof index.value) {
      return failed("read", rocksdb::Status::Corruption("an applied index of " +
                                                        std::to_string(value.size()) + " bytes"));
    }
    index.value = load_le<uint64_t>(view_of(value).data());
  }
  applied_[std::string(machine)] = index;
  return index;
}

Result<void> RocksStateStore::apply(std::string_view machine, Index applied,
                                    const StateBatch& batch) {
  TRY(check_batch(machine, batch));
  ASSIGN(Index before, this->applied(machine));
  CHECK(applied > before);
  rocksdb::Status status = guarded([&] {
    rocksdb::WriteBatch writes;
    rocksdb::Status added;
    for (const StateBatch::Change& change : batch.changes()) {
      std::string key = key_of(machine, kRow, change.key);
      added = change.value ? writes.Put(key, slice_of(change.value->text())) : writes.Delete(key);
      if (!added.ok()) return added;
    }
    std::string index(sizeof applied.value, '\0');
    store_le<uint64_t>(reinterpret_cast<uint8_t*>(index.data()), applied.value);
    added = writes.Put(key_of(machine, kApplied), index);
    if (!added.ok()) return added;
    rocksdb::WriteOptions how;
    how.disableWAL = true;
    how.no_slowdown = true;
    return db_->Write(how, &writes);
  });
  if (!status.ok()) return failed("write", status);
  applied_[std::string(machine)] = applied;
  return {};
}

Result<std::optional<Bytes>> RocksStateStore::get(std::string_view machine,
                                                  std::string_view key) const {
  TRY(check_machine(machine));
  std::string value;
  rocksdb::Status status =
      guarded([&] { return db_->Get(rocksdb::ReadOptions(), key_of(machine, kRow, key), &value); });
  if (status.IsNotFound()) return std::optional<Bytes>{};
  if (!status.ok()) return failed("read", status);
  return std::optional<Bytes>(Bytes::copy(value));
}

Result<StatePage> RocksStateStore::scan(std::string_view machine, std::string_view prefix,
                                        std::string_view after, size_t max_bytes) const {
  TRY(check_machine(machine));
  StatePage page;
  rocksdb::Status status = guarded([&] {
    std::string begin = key_of(machine, kRow);
    std::string end = key_of(machine, kEnd);
    rocksdb::Slice bound(end);
    rocksdb::ReadOptions how;
    how.iterate_upper_bound = &bound;
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(how));
    size_t bytes = 0;
    for (it->Seek(begin + std::string(std::max(prefix, after))); it->Valid(); it->Next()) {
      std::string_view key = it->key().ToStringView().substr(begin.size());
      if (!key.starts_with(prefix)) break;
      if (key == after) continue;
      bytes += key.size() + it->value().size();
      if (bytes > max_bytes && !page.rows.empty()) {
        page.more = true;
        break;
      }
      page.rows.push_back({std::string(key), Bytes::copy(it->value().ToStringView())});
    }
    return it->status();
  });
  if (!status.ok()) return failed("read", status);
  return page;
}

Result<void> RocksStateStore::drop(std::string_view machine) {
  TRY(check_machine(machine));
  if (auto index = applied(machine); index.ok() && *index == Index{}) return {};  // no rows either
  if (auto known = applied_.find(machine); known != applied_.end()) applied_.erase(known);
  rocksdb::Status status = guarded([&] {
    rocksdb::WriteOptions how;
    how.disableWAL = true;
    return db_->DeleteRange(how, db_->DefaultColumnFamily(), key_of(machine, kApplied),
                            key_of(machine, kEnd));
  });
  if (!status.ok()) return failed("drop " + std::string(machine), status);
  return flush();
}

Result<void> RocksStateStore::flush() {
  rocksdb::Status status = guarded([&] {
    rocksdb::FlushOptions how;
    how.allow_write_stall = true;
    return db_->Flush(how);
  });
  if (!status.ok()) return failed("flush", status);
  return {};
}

void RocksStateStore::start_flush() {
  rocksdb::Status status = guarded([&] {
    rocksdb::FlushOptions how;
    how.wait = false;
    how.allow_write_stall = true;  // false would wait here until a stall is ruled out
    return db_->Flush(how);
  });
  // A disk that refuses is met again by the next apply or flush.
  if (!status.ok()) (void)failed("flush", status);
}

}  // namespace strandlog::store
