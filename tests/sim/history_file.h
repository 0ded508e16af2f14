// History files: what clients of real brokers asked and were told, a line each; checked as a whole.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/sim/history.h"

namespace strandlog::sim {

/// Writes the lines of one file; one thread at a time. Words are parted by blanks, times are
/// microseconds of the machine's monotonic clock, and a value is one word of at least one letter.
/// All of it is about one topic, which is not named: PARTITION is a number.
///
///     sent CLIENT PARTITION VALUE ACKS INVOKED open
///     sent CLIENT PARTITION VALUE ACKS INVOKED acked COMPLETED OFFSET
///     sent CLIENT PARTITION VALUE ACKS INVOKED failed COMPLETED no|maybe|yes
///     run PARTITION start|anywhere  a consumer begins to read there; what it sees follows
///     final PARTITION          as run from the start, after everything was healed
///     seen PARTITION OFFSET VALUE
///     end PARTITION INVOKED END
///     twice CLIENT COUNT       possible duplicates, as the producer counts them
class HistoryWriter {
 public:
  static Result<HistoryWriter> create(const std::string& path);

  void sent(const Sent& sent);
  void begin_run(int32_t partition, bool from_start);
  void begin_final(int32_t partition);
  void seen(int32_t partition, const Seen& seen);
  void end(const EndSeen& end);
  void possible_duplicates(uint32_t client, uint64_t count);
  /// Everything is in the file; kIo: some of it is not.
  Result<void> close();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  HistoryWriter(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

/// One history out of several files; each is a client's, a consumer's or a reader's, in its order.
/// kCorruption names the line that cannot be understood.
Result<History> read_history(const std::vector<std::string>& paths);

}  // namespace strandlog::sim
