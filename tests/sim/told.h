// Told: what brokers tell clients of where logs begin and end, off the wire; none of it goes back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/network.h"
#include "wire/messages.h"

namespace strandlog::sim {

/// I10, as far as it is promised. One process of a broker never tells of a partition a term, a
/// start or a high watermark below one that it told before. Another process may: a leader that was
/// elected a moment ago, or was deposed and does not know it, knows of less. But an answer to
/// ListOffsets, which a quorum confirmed, is never below what anybody had been told when it was
/// asked for. One thread.
class Told {
 public:
  void saw_request(const Sighting& sighting, const wire::Request& request);
  void saw_answer(const Sighting& sighting, const wire::Answer& answer);
  const std::vector<std::string>& violations() const { return violations_; }
  uint64_t count() const { return count_; }

 private:
  struct Marks {
    Term term;  ///< 0 where an answer names none
    Offset start, end;
  };
  using Places = std::map<wire::TopicPartition, Marks>;

  void tell(const Sighting& sighting, const wire::TopicPartition& where, const Marks& now);
  void check_confirmed(const Sighting& sighting, uint64_t request,
                       const wire::ListOffsetsAnswer& answer);
  void check(const Sighting& sighting, const wire::TopicPartition& where, const Marks& before,
             const Marks& now, const char* whom);

  struct Known {
    Marks by_anybody;
    std::map<uint64_t, Marks> by_process;
  };
  std::map<wire::TopicPartition, Known> known_;
  /// (connection, request) of ListOffsets without an answer → by_anybody when it was sent.
  std::map<std::pair<uint64_t, uint64_t>, Places> asked_;
  std::vector<std::string> violations_;
  uint64_t count_ = 0;
};

}  // namespace strandlog::sim
