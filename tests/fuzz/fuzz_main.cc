// The libFuzzer entry; STRANDLOG_FUZZ_TARGET names the target this binary is for.
#include "base/log.h"
#include "tests/fuzz/entries.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  strandlog::set_log_level(strandlog::LogLevel::kError);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const strandlog::fuzz::Target& target : strandlog::fuzz::targets())
    if (target.name == STRANDLOG_FUZZ_TARGET) target.entry({data, size});
  return 0;
}
