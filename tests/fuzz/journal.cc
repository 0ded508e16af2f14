// Recovery of a store whose journal was damaged.
#include "tests/fuzz/damage.h"
#include "tests/fuzz/entries.h"
#include "tests/fuzz/repairs.h"
#include "tests/fuzz/store_check.h"

namespace strandlog::fuzz {

// First byte: which sample, and in its top bit whether damage is honest: then what the store serves
// was durable once. Second byte: what is repaired. Then the damage.
void feed_journal(ByteView bytes) {
  Input input(bytes);
  uint8_t choice = input.byte();
  uint8_t repairs = input.byte();
  const SampleStore& sample = sample_store(choice % kSampleStores);
  bool honest = choice >= 128;
  store::FakeDisk disk = sample.disk;
  do_damage(disk, "journal/", input, honest ? kHonestDamages : kDamages, honest ? 6 : 40);
  if (!honest && repairs != 0) {
    for (const std::string& path : files_below(disk, "journal/")) {
      auto file = disk.bytes_of(path);
      repair_journal(file, repairs);
      disk.put(path, file);
    }
  }
  bool forged = !honest && repairs != 0;
  check_store(disk, honest ? &sample.snapshots : nullptr, forged);
}

}  // namespace strandlog::fuzz
