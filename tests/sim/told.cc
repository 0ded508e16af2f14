// Running maxima of what was told.
#include "tests/sim/told.h"

#include <algorithm>

namespace strandlog::sim {
namespace {

constexpr size_t kMostViolations = 20;

}  // namespace

void Told::saw_request(const Sighting& sighting, const wire::Request& request) {
  const auto* list = std::get_if<wire::ListOffsetsRequest>(&request.body);
  if (!list) return;
  Places& before = asked_[{sighting.connection, request.id}];
  for (const wire::TopicPartition& where : list->items) before[where] = known_[where].by_anybody;
}

void Told::saw_answer(const Sighting& sighting, const wire::Answer& answer) {
  if (const auto* fetch = std::get_if<wire::FetchAnswer>(&answer.body)) {
    for (const auto& item : fetch->items) {
      if (!item.error) tell(sighting, item.where, {{}, item.log_start, item.high_watermark});
    }
  } else if (const auto* described = std::get_if<wire::DescribePartitionsAnswer>(&answer.body)) {
    for (const auto& item : described->items) {
      if (item.error) continue;
      tell(sighting, item.where, {item.term, item.start, item.high_watermark});
    }
  } else if (const auto* list = std::get_if<wire::ListOffsetsAnswer>(&answer.body)) {
    check_confirmed(sighting, answer.id, *list);
  }
}

void Told::check_confirmed(const Sighting& sighting, uint64_t request,
                           const wire::ListOffsetsAnswer& answer) {
  auto asked = asked_.extract({sighting.connection, request});
  for (const auto& item : answer.items) {
    if (item.error) continue;
    Marks now{{}, item.start, item.end};
    if (!asked.empty()) {
      check(sighting, item.where, asked.mapped()[item.where], now,
            "somebody had been told when it was asked");
    }
    tell(sighting, item.where, now);
  }
}

void Told::tell(const Sighting& sighting, const wire::TopicPartition& where, const Marks& now) {
  ++count_;
  Known& all = known_[where];
  Marks& own = all.by_process[sighting.process];
  check(sighting, where, own, now, "it told before");
  for (Marks* known : {&own, &all.by_anybody}) {
    known->term = std::max(known->term, now.term);
    known->start = std::max(known->start, now.start);
    known->end = std::max(known->end, now.end);
  }
}

void Told::check(const Sighting& sighting, const wire::TopicPartition& where, const Marks& before,
                 const Marks& now, const char* whom) {
  auto compare = [&](const char* what, uint64_t told, uint64_t tells) {
    if (tells >= told || violations_.size() >= kMostViolations) return;
    violations_.push_back("I10: " + sighting.from + " tells " + std::to_string(tells) + " as " +
                          what + " of " + where.topic.text() + "/" +
                          std::to_string(where.partition) + ", below " + std::to_string(told) +
                          ", which " + whom);
  };
  if (now.term != Term{}) compare("the leader's term", before.term.value, now.term.value);
  compare("the start", before.start.value, now.start.value);
  compare("the end", before.end.value, now.end.value);
}

}  // namespace strandlog::sim
