// Carrying out damage.
#include "tests/fuzz/damage.h"

#include <algorithm>

#include "base/endian.h"

namespace strandlog::fuzz {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kMaxFileBytes = 256u << 10;

/// A place in a file. Behind the file's end nothing is there to be damaged.
struct Place {
  std::string path;
  uint64_t position = 0;
};

class Damager {
 public:
  Damager(store::FakeDisk& disk, std::vector<std::string> files, Input& input)
      : disk_(disk), files_(std::move(files)), input_(input) {}

  void run(Damage damage) {
    if (files_.empty()) return;
    switch (damage) {
      case Damage::kFlip: {
        Place place = take_place();
        if (place.position < size_of(place.path)) {
          disk_.flip(place.path, place.position, input_.byte());
        }
        return;
      }
      case Damage::kReadError: {
        std::string path = take_file();
        uint64_t position = input_.byte() * kPage;
        disk_.add_read_error(path, position, position + 1);
        return;
      }
      case Damage::kWrite: {
        Place place = take_place();
        ByteView bytes = input_.take(input_.number(2));
        return change(place, bytes);
      }
      case Damage::kNumber:
        return set_number();
      case Damage::kResize: {
        std::string path = take_file();
        auto bytes = disk_.bytes_of(path);
        uint64_t pages = input_.byte();
        bytes.resize(std::min(pages * kPage + input_.number(2) % kPage, kMaxFileBytes));
        return disk_.put(path, bytes);
      }
      case Damage::kSwap: {
        std::string one = take_file(), other = take_file();
        auto bytes = disk_.bytes_of(one);
        disk_.put(one, disk_.bytes_of(other));
        return disk_.put(other, bytes);
      }
      case Damage::kCopy: {
        std::string from = take_file();
        uint64_t page = input_.byte();
        Place to{take_file(), input_.byte() * kPage};
        auto bytes = disk_.bytes_of(from);
        uint64_t begin = std::min<uint64_t>(page * kPage, bytes.size());
        uint64_t count = std::min(input_.byte() * kPage, bytes.size() - begin);
        return change(to, ByteView(bytes).subspan(begin, count));
      }
      case Damage::kClear: {
        Place place{take_file(), input_.byte() * kPage};
        return change(place, std::vector<uint8_t>(input_.byte() % 16 * kPage));
      }
      case Damage::kErase: {
        std::string path = take_file();
        disk_.erase(path);
        std::erase(files_, path);
        return;
      }
    }
  }

 private:
  uint64_t size_of(const std::string& path) const { return disk_.bytes_of(path).size(); }
  std::string take_file() { return files_[input_.byte() % files_.size()]; }
  Place take_place() {
    Place place{take_file(), input_.byte() * kPage};
    place.position += input_.number(2) % kPage;
    return place;
  }
  void change(const Place& place, ByteView bytes) {
    auto all = disk_.bytes_of(place.path);
    if (place.position >= all.size()) return;
    bytes = bytes.first(std::min<size_t>(bytes.size(), all.size() - place.position));
    std::copy(bytes.begin(), bytes.end(), all.begin() + static_cast<ptrdiff_t>(place.position));
    disk_.put(place.path, all);
  }
  // Small, huge, a power of two, or near the value that was there.
  void set_number() {
    Place place = take_place();
    uint8_t choice = input_.byte();
    uint64_t value = input_.byte();
    if (choice % 4 == 1) value = UINT64_MAX - value;
    if (choice % 4 == 2) value = uint64_t{1} << value % 64;
    auto all = disk_.bytes_of(place.path);
    if (place.position + 8 > all.size()) return;
    uint8_t* at = all.data() + place.position;
    if (choice % 4 == 3) value = load_le<uint64_t>(at) + value - 128;
    std::array<uint8_t, 8> bytes{};
    store_le<uint64_t>(bytes.data(), value);
    change(place, ByteView(bytes).first(choice & 128 ? 8 : 4));
  }

  store::FakeDisk& disk_;
  std::vector<std::string> files_;
  Input& input_;
};

}  // namespace

std::vector<std::string> files_below(const store::FakeDisk& disk, const std::string& prefix) {
  std::vector<std::string> files = disk.files();
  std::erase_if(files, [&](const std::string& path) { return !path.starts_with(prefix); });
  return files;
}

void do_damage(store::FakeDisk& disk, const std::string& prefix, Input& input, size_t kinds,
               size_t max_count) {
  Damager damager(disk, files_below(disk, prefix), input);
  for (size_t i = 0; i < max_count && !input.empty(); ++i) {
    damager.run(static_cast<Damage>(input.byte() % kinds));
  }
}

}  // namespace strandlog::fuzz
