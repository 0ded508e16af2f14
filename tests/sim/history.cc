// Checking a history against the final log; offsets give the order, so nothing has to be searched.
#include "tests/sim/history.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace strandlog::sim {
namespace {

constexpr size_t kMostViolations = 20;

using Outcome = Sent::Outcome;

class Checker {
 public:
  explicit Checker(const History& history) : history_(history) {}
  Judgement run() {
    values_.reserve(history_.sent.size());
    for (const Sent& sent : history_.sent) values_[sent.value] = {&sent};
    for (const auto& [where, run] : history_.final) look_at_final(where, run);
    check_acked();
    check_order();
    check_duplicates();
    for (const auto& [where, runs] : history_.runs) {
      bool deleted = history_.deleted.contains(where.topic);
      for (const Run& run : runs) {
        check_dense(where, run);
        deleted ? check_seen_of_deleted(where, run.seen) : check_seen(where, run.seen);
      }
    }
    return std::move(judgement_);
  }

 private:
  // Where the final log has what somebody sent.
  struct Value {
    const Sent* sent = nullptr;
    int64_t first = -1;
    uint64_t copies = 0;
  };

  void violated(const char* invariant, const std::string& text) {
    ++judgement_.broken[invariant];
    if (judgement_.violations.size() < kMostViolations) {
      judgement_.violations.push_back(std::string(invariant) + ": " + text);
    }
  }
  // As much as tells it apart.
  static std::string quoted(const std::string& value) { return "\"" + value.substr(0, 40) + "\""; }
  static std::string name(const Place& where) {
    return where.topic + "/" + std::to_string(where.partition);
  }
  static std::string at(const Place& where, int64_t offset) {
    return name(where) + " offset " + std::to_string(offset);
  }

  // Nothing that came later was promised, nor that it was not done.
  bool is_before_deletion(const std::string& topic, Time when) const {
    auto deleted = history_.deleted.find(topic);
    return deleted == history_.deleted.end() || when < deleted->second;
  }
  bool was_sent_there(const Sent& sent, const Place& where) const {
    if (sent.where == where) return true;
    auto is_later = [&] {
      auto name_of = [](const std::string& topic) { return topic.substr(0, topic.find('#')); };
      return history_.deleted.contains(sent.where.topic) &&
             sent.where.partition == where.partition &&
             name_of(sent.where.topic) == name_of(where.topic);
    };
    bool was_open =
        sent.outcome == Outcome::kOpen || !is_before_deletion(sent.where.topic, sent.completed);
    return was_open && is_later();
  }

  // I5 dense offsets, I6 nothing that was refused; remembers where each value is.
  void look_at_final(const Place& where, const Log& log) {
    int64_t next = start_of(where);
    for (const Seen& seen : log) {
      if (seen.offset != next)
        violated("I5", at(where, seen.offset) + " follows " + std::to_string(next - 1));
      next = seen.offset + 1;
      auto value = values_.find(seen.value);
      if (value == values_.end() || !was_sent_there(*value->second.sent, where)) {
        violated("I6", at(where, seen.offset) + " holds " + quoted(seen.value) +
                           ", which nobody sent there");
        continue;
      }
      const Sent& s = *value->second.sent;
      if (s.outcome == Outcome::kFailed && s.written == client::Written::kNo) {
        violated("I20", at(where, seen.offset) + " holds " + quoted(seen.value) +
                            ", which failed as not written");
      }
      if (value->second.copies++ == 0) value->second.first = seen.offset;
    }
  }

  int64_t start_of(const Place& where) const {
    auto start = history_.starts.find(where);
    return start == history_.starts.end() ? 0 : start->second;
  }
  // What the final log has at an offset; null below its start and above its end.
  const Seen* final_at(const Place& where, int64_t offset) const {
    auto final = history_.final.find(where);
    int64_t index = offset - start_of(where);
    bool there = final != history_.final.end() && index >= 0 &&
                 static_cast<size_t>(index) < final->second.size();
    return there ? &final->second[static_cast<size_t>(index)] : nullptr;
  }

  // I1 no acknowledged record is lost; I5 later sends come behind earlier acknowledgements.
  void check_acked() {
    std::map<Place, std::vector<const Sent*>> by_place;
    for (const Sent& s : history_.sent) {
      bool promised = s.outcome == Outcome::kAcked && s.acks == client::Acks::kAll;
      if (!promised || !is_before_deletion(s.where.topic, s.completed)) continue;
      by_place[s.where].push_back(&s);
      if (history_.deleted.contains(s.where.topic) || s.offset < start_of(s.where)) {
        check_alone(s.where, {s.offset, s.value}, "was acknowledged");
        continue;
      }
      const Seen* there = final_at(s.where, s.offset);
      if (!there || there->value != s.value) {
        violated("I1", quoted(s.value) + " was acknowledged at " + at(s.where, s.offset) +
                           " and is not there");
      }
    }
    for (auto& [where, acked] : by_place) check_real_time(where, acked);
    check_ends(by_place);
  }

  // I7: an end that a broker reports is behind everything acknowledged before it was asked for, and
  // nothing is beyond it that was never written.
  void check_ends(std::map<Place, std::vector<const Sent*>>& acked_by_place) {
    std::vector<EndSeen> ends = history_.ends;
    auto by_invocation = [](const EndSeen& a, const EndSeen& b) { return a.invoked < b.invoked; };
    std::stable_sort(ends.begin(), ends.end(), by_invocation);
    std::map<Place, std::pair<size_t, int64_t>> passed;  // acknowledgements, highest offset
    for (auto& [where, acked] : acked_by_place) {
      auto by_completion = [](const Sent* a, const Sent* b) { return a->completed < b->completed; };
      std::stable_sort(acked.begin(), acked.end(), by_completion);
      passed[where] = {0, -1};
    }
    for (const EndSeen& seen : ends) {
      if (!is_before_deletion(seen.where.topic, seen.invoked)) continue;
      auto [done, highest] = passed.try_emplace(seen.where, 0, -1).first->second;
      const auto& acked = acked_by_place[seen.where];
      for (; done < acked.size() && acked[done]->completed < seen.invoked; ++done) {
        highest = std::max(highest, acked[done]->offset);
      }
      passed[seen.where] = {done, highest};
      auto final = history_.final.find(seen.where);
      int64_t size = start_of(seen.where);
      if (final != history_.final.end()) size += static_cast<int64_t>(final->second.size());
      if (history_.deleted.contains(seen.where.topic)) size = seen.end;  // it is not known
      if (seen.end > highest && seen.end <= size) continue;
      violated("I7", "the end of " + name(seen.where) + " was said to be " +
                         std::to_string(seen.end) + ", after offset " + std::to_string(highest) +
                         " was acknowledged, and it has " + std::to_string(size) + " records");
    }
  }

  void check_real_time(const Place& where, std::vector<const Sent*>& acked) {
    std::vector<const Sent*> completed = acked;
    auto by_completion = [](const Sent* a, const Sent* b) { return a->completed < b->completed; };
    std::stable_sort(completed.begin(), completed.end(), by_completion);
    size_t done = 0;
    int64_t highest = -1;
    for (const Sent* s : acked) {  // by invocation
      for (; done < completed.size() && completed[done]->completed < s->invoked; ++done) {
        highest = std::max(highest, completed[done]->offset);
      }
      if (s->offset <= highest) {
        violated("I5", quoted(s->value) + " was sent after " + at(where, highest) +
                           " was acknowledged and got " + std::to_string(s->offset));
      }
    }
  }

  // I3: of one client and partition, first occurrences in the order of sending. What was given up
  // as perhaps written may still arrive behind its successors, as long as there is no idempotence.
  void check_order() {
    std::map<std::pair<uint32_t, Place>, int64_t> last;
    for (const Sent& s : history_.sent) {
      const Value& value = values_.at(s.value);
      bool promised = s.outcome != Outcome::kFailed && s.acks != client::Acks::kNone;
      if (value.copies == 0 || !promised) continue;
      if (start_of(s.where) > 0) continue;  // an earlier copy of it may be gone
      auto [before, fresh] = last.try_emplace({s.client, s.where}, -1);
      if (value.first <= before->second) {
        violated("I3", quoted(s.value) + " at " + at(s.where, value.first) +
                           " was sent after what is at " + std::to_string(before->second));
      }
      before->second = std::max(before->second, value.first);
    }
  }

  // I2, as far as is promised without idempotence: no more than the producer says.
  void check_duplicates() {
    std::map<uint32_t, uint64_t> twice;
    for (const auto& [text, value] : values_) {
      if (value.copies > 1) twice[value.sent->client] += value.copies - 1;
    }
    for (const auto& [client, count] : twice) {
      judgement_.twice += count;
      auto said = history_.possible_duplicates.find(client);
      uint64_t most = said == history_.possible_duplicates.end() ? 0 : said->second;
      if (count > most) {
        violated("I2", "client " + std::to_string(client) + " has " + std::to_string(count) +
                           " records twice and spoke of " + std::to_string(most));
      }
    }
  }

  // I8: from where it was to begin, without a gap.
  void check_dense(const Place& where, const Run& run) {
    int64_t next = run.from_start || run.seen.empty() ? 0 : run.seen.front().offset;
    for (const Seen& seen : run.seen) {
      if (seen.offset != next) {
        violated("I8", at(where, seen.offset) + " was delivered after " + std::to_string(next - 1));
      }
      next = seen.offset + 1;
    }
  }

  // I4 one value per offset; I6 only what was committed.
  void check_seen(const Place& where, const Log& log) {
    for (const Seen& seen : log) {
      if (seen.record && seen.offset < start_of(where)) {
        check_alone(where, seen, "was read");
        continue;
      }
      const Seen* there = final_at(where, seen.offset);
      if (!there || there->value != seen.value) {
        violated("I4", at(where, seen.offset) + " was read as " + quoted(seen.value) +
                           " and is something else in the end");
      }
    }
  }

  // The same of a topic that is gone: beside what others were told of it.
  void check_seen_of_deleted(const Place& where, const Log& log) {
    for (const Seen& seen : log) {
      if (!seen.record) continue;  // it may say that the topic is gone
      check_alone(where, seen, "was read");
      auto value = values_.find(seen.value);
      if (value != values_.end() && was_sent_there(*value->second.sent, where)) continue;
      violated("I6", at(where, seen.offset) + " was read as " + quoted(seen.value) +
                         ", which nobody sent there");
    }
  }

  // I4: that nothing else was told to be at its offset.
  void check_alone(const Place& where, const Seen& seen, const char* how) {
    std::string_view other = told_[where].try_emplace(seen.offset, seen.value).first->second;
    if (other == seen.value) return;
    violated("I4", at(where, seen.offset) + " " + how + " as " + quoted(seen.value) + " and as " +
                       quoted(std::string(other)));
  }

  const History& history_;
  std::unordered_map<std::string_view, Value> values_;
  std::map<Place, std::map<int64_t, std::string>> told_;  // of topics and records that are gone
  Judgement judgement_;
};

}  // namespace

Judgement judge(const History& history) { return Checker(history).run(); }

std::vector<std::string> check(const History& history) { return judge(history).violations; }

}  // namespace strandlog::sim
