// Seeds: batches, packed bytes, runs, command lines, and damage to the sample stores.
#include "tests/fuzz/seeds.h"

#include "base/record_batch.h"
#include "tests/fuzz/damage.h"
#include "tests/fuzz/repairs.h"
#include "tests/fuzz/sample_store.h"

namespace strandlog::fuzz {
namespace {

using Bytes8 = std::vector<uint8_t>;

class Writer {
 public:
  Writer& byte(uint64_t value) { return number(value, 1); }
  Writer& number(uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) out_.push_back(static_cast<uint8_t>(value >> (8 * i)));
    return *this;
  }
  Writer& bytes(ByteView bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Writer& op(Damage damage, uint64_t file, uint64_t page) {
    return byte(static_cast<uint8_t>(damage)).byte(file).byte(page);
  }
  std::vector<uint8_t> take() { return std::move(out_); }

 private:
  std::vector<uint8_t> out_;
};

// ------------------------------------------------------------------------- batches and packed
// bytes

BatchBuilder sample_records() {
  BatchBuilder builder;
  CHECK(builder.add({.timestamp_ms = 1700000000000, .key = view_of("k"), .value = view_of("v1")})
            .ok());
  RecordView headed{.timestamp_ms = 1700000000007,
                    .value = view_of(std::string_view("aaaaaaaaaa"))};
  headed.headers = {{"trace", view_of("7")}, {"trace", std::nullopt}};
  CHECK(builder.add(headed).ok());
  CHECK(builder.add({.timestamp_ms = -1}).ok());
  return builder;
}

void add_batches(std::vector<Seed>& seeds) {
  BatchBuilder builder = sample_records();
  for (uint8_t codec = 0; codec < kCodecCount; ++codec) {
    seeds.push_back({"batch", builder.build(static_cast<Codec>(codec), {5, 1, 9}).value()});
    auto packed_later = builder.build(Codec::kNone).value();
    packed_later[21] = 0x80;  // the target packs the records itself
    packed_later[22] = codec;
    seeds.push_back({"batch", packed_later});
  }
}

void add_codecs(std::vector<Seed>& seeds) {
  std::string text = "a text that repeats, a text that repeats, and repeats; ";
  for (int i = 0; i < 4; ++i) text += text;
  for (uint8_t codec = 0; codec < kCodecCount; ++codec) {
    auto packed = compress(static_cast<Codec>(codec), view_of(text)).value();
    packed.resize(std::min<size_t>(packed.size(), 400));
    seeds.push_back({"codecs", Writer().byte(codec).byte(18).bytes(packed).take()});
    seeds.push_back(
        {"codecs", Writer().byte(codec).byte(140).bytes(view_of(text).first(100)).take()});
  }
}

// ------------------------------------------------------------------------------------ entries, INI

void add_entries(std::vector<Seed>& seeds) {
  const Snapshot& last = sample_store(1).snapshots.back();
  for (const auto& [uid, held] : last.replicas) {
    Writer writer;
    writer.byte(uid.value).number(0, 2);
    for (const auto& entry : held.entries) writer.bytes(entry);
    seeds.push_back({"entry", writer.take()});
  }
}

void add_options(std::vector<Seed>& seeds) {
  std::string zero(1, '\0'), end("\xff");
  std::string flags = "--data.dir=/x y" + zero + "-Hk=v" + zero + "-H" + zero + "l=w,z" + zero +
                      "--allow" + zero + "--seeds=a:1,b:2" + zero + "topic" + zero + "--" + zero +
                      "--x";
  std::string variables = "STRANDLOG_DELAY=250ms" + zero + "STRANDLOG_ACKS=1";
  std::string file =
      "# comment\n[broker]\nid = -3\n[]\ncache.bytes = 16 MiB # more\nheader=a\nheader = b # c\n"
      "allow=on\ninner = \"quoted \\\"text\\\"\\n\"\n";
  for (const std::string& text :
       {flags + end + variables + end + file + end + "b.conf", flags, end + variables,
        end + end + file, std::string("--delay=x"), std::string("-d") + zero + " #;\" "}) {
    seeds.push_back({"options", Bytes8(text.begin(), text.end())});
  }
}

// ------------------------------------------------------------------------------------------ stores

// Every page of a file that is not empty, without the zeroes at its end, as damage to an empty
// store.
void write_file(Writer& writer, ByteView file, uint64_t number) {
  for (size_t page = 0; page * 4096 < file.size(); ++page) {
    ByteView bytes = file.subspan(page * 4096, std::min<size_t>(4096, file.size() - page * 4096));
    while (!bytes.empty() && bytes.back() == 0) bytes = bytes.first(bytes.size() - 1);
    if (bytes.empty()) continue;
    writer.op(Damage::kWrite, number, page).number(0, 2).number(bytes.size(), 2).bytes(bytes);
  }
}

Bytes8 whole_journal(size_t sample, uint8_t repairs) {
  Writer writer;
  writer.byte(0).byte(repairs);
  const store::FakeDisk& disk = sample_store(sample).disk;
  uint64_t number = 0;
  for (const std::string& path : files_below(disk, "journal/")) {
    write_file(writer, disk.bytes_of(path), number++);
  }
  return writer.take();
}

constexpr uint8_t kRepairAll = 31;

void add_journals(std::vector<Seed>& seeds) {
  seeds.push_back({"journal", whole_journal(1, 0)});
  seeds.push_back({"journal", whole_journal(1, kRepairAll)});
  for (uint8_t sample = 1; sample < kSampleStores; ++sample) {
    auto add = [&](Writer& writer) { seeds.push_back({"journal", writer.take()}); };
    Writer honest, mixed, numbers;
    static_assert(129 % kSampleStores == 0);
    honest.byte(129 + uint64_t{sample}).byte(0);  // 129 is a multiple of the number of samples
    honest.op(Damage::kFlip, 0, 3).number(20, 2).byte(1).op(Damage::kReadError, 0, 4);
    add(honest);
    mixed.byte(sample).byte(kRepairAll);
    mixed.op(Damage::kResize, 0, 5).number(100, 2).op(Damage::kSwap, 0, 1);
    mixed.op(Damage::kCopy, 0, 2).byte(1).byte(4).byte(1).op(Damage::kClear, 0, 3).byte(1);
    add(mixed);
    numbers.byte(sample).byte(kRepairAll);
    for (uint64_t field : {24u, 32u, 40u, 64u, 68u, 96u, 112u, 120u, 128u, 136u, 160u}) {
      numbers.op(Damage::kNumber, field, 2 + field % 5).number(field, 2).byte(131).byte(129);
    }
    numbers.byte(static_cast<uint8_t>(Damage::kErase)).byte(2);
    add(numbers);
  }
}

void add_segments(std::vector<Seed>& seeds) {
  auto add = [&](Writer& writer) { seeds.push_back({"segment", writer.take()}); };
  for (uint64_t file = 0; file < 4; ++file) {
    Writer alone;
    alone.byte(file).byte(file % 2 == 0 ? 0 : 49);
    for (int wish = 0; wish < 3; ++wish) alone.number(5, 2).number(3000, 2).number(9, 4);
    alone.byte(file).byte(7).byte(1).number(0x8010, 2).byte(3).byte(1).number(0x8001, 2);
    alone.op(Damage::kNumber, 0, 1).number(24, 2).byte(131).byte(130);
    add(alone);
    Writer through;
    through.byte(file % 2 == 0 ? 128 : 192).byte(49);
    through.op(Damage::kFlip, file, 1).number(70, 2).byte(4).op(Damage::kReadError, file + 1, 1);
    add(through);
  }
}

}  // namespace

std::vector<Seed> more_seeds() {
  std::vector<Seed> seeds;
  add_batches(seeds);
  add_codecs(seeds);
  add_entries(seeds);
  add_options(seeds);
  add_journals(seeds);
  add_segments(seeds);
  return seeds;
}

}  // namespace strandlog::fuzz
