// Reading and writing history files.
#include "tests/sim/history_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cinttypes>
#include <cstring>
#include <fstream>
#include <string_view>

namespace strandlog::sim {
namespace {

constexpr std::array<std::string_view, 3> kWritten = {"no", "maybe", "yes"};
constexpr std::array<std::string_view, 2> kBegins = {"start", "anywhere"};

Error io(const std::string& what, const std::string& path) {
  return {Code::kIo, what + " " + path + ": " + std::strerror(errno)};
}

// One line, word by word; once a word is not as expected, the line is bad.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}
  bool ok() const { return ok_; }
  bool ended() const { return rest_.empty(); }
  std::string_view word() {
    size_t end = std::min(rest_.find(' '), rest_.size());
    std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ok_ = ok_ && !found.empty();
    return found;
  }
  template <class Number>
  Number number() {
    std::string_view text = word();
    Number value{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    ok_ = ok_ && error == std::errc{} && end == text.data() + text.size();
    return value;
  }
  Time time() { return Time{number<int64_t>()}; }
  template <class Names>
  size_t one_of(const Names& names) {
    auto at = std::find(names.begin(), names.end(), word());
    ok_ = ok_ && at != names.end();
    return ok_ ? static_cast<size_t>(at - names.begin()) : 0;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

class Reader {
 public:
  explicit Reader(History& into) : history_(into) {}
  void begin_file() { finals_.clear(); }
  bool take(Line line) {
    static constexpr std::array<std::string_view, 6> kKinds = {"sent", "run", "final",
                                                               "seen", "end", "twice"};
    switch (line.one_of(kKinds)) {
      case 0:
        take_sent(line);
        break;
      case 1:
        begin_run(line);
        break;
      case 2:
        begin_final(line);
        break;
      case 3:
        take_seen(line);
        break;
      case 4: {
        Place where = place(line);
        Time invoked = line.time();
        history_.ends.push_back({where, invoked, line.number<int64_t>()});
        break;
      }
      default: {
        auto client = line.number<uint32_t>();
        history_.possible_duplicates[client] += line.number<uint64_t>();
      }
    }
    return good_ && line.ok() && line.ended();
  }

 private:
  static Place place(Line& line) { return {"", line.number<int32_t>()}; }

  void take_sent(Line& line) {
    static constexpr std::array<std::string_view, 3> kOutcomes = {"open", "acked", "failed"};
    Sent& sent = history_.sent.emplace_back();
    sent.client = line.number<uint32_t>();
    sent.where = place(line);
    sent.value = line.word();
    sent.acks = static_cast<client::Acks>(line.number<int>());
    sent.invoked = line.time();
    sent.outcome = static_cast<Sent::Outcome>(line.one_of(kOutcomes));
    if (sent.outcome == Sent::Outcome::kOpen) return;
    sent.completed = line.time();
    if (sent.outcome == Sent::Outcome::kAcked) sent.offset = line.number<int64_t>();
    if (sent.outcome == Sent::Outcome::kFailed) {
      sent.written = static_cast<client::Written>(line.one_of(kWritten));
    }
  }
  void begin_run(Line& line) {
    Place where = place(line);
    history_.runs[where].push_back({{}, line.one_of(kBegins) == 0});
    finals_[where] = nullptr;
  }
  void begin_final(Line& line) {
    Place where = place(line);
    // Two final reads would hide each other.
    good_ = good_ && history_.final.count(where) == 0;
    finals_[where] = &history_.final[where];
  }
  void take_seen(Line& line) {
    Place where = place(line);
    auto offset = line.number<int64_t>();
    auto final = finals_.find(where);
    good_ = good_ && final != finals_.end();
    if (!good_) return;
    Log& into = final->second ? *final->second : history_.runs[where].back().seen;
    into.push_back({offset, std::string(line.word()), true});
  }

  History& history_;
  std::map<Place, Log*> finals_;  // none: the last of the partition's runs, which may move
  bool good_ = true;
};

Result<void> read_file(const std::string& path, Reader& reader) {
  std::ifstream file(path);
  if (!file) return io("open", path);
  reader.begin_file();
  std::string text;
  for (uint64_t number = 1; std::getline(file, text); ++number) {
    if (reader.take(Line(text))) continue;
    return Error{Code::kCorruption, path + ":" + std::to_string(number) +
                                        ": not a line of a history: " + text.substr(0, 200)};
  }
  if (file.bad()) return io("read", path);
  return {};
}

}  // namespace

Result<HistoryWriter> HistoryWriter::create(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return io("create", path);
  return HistoryWriter(path, file);
}

void HistoryWriter::sent(const Sent& sent) {
  std::fprintf(file_.get(), "sent %" PRIu32 " %" PRId32 " %s %d %" PRId64, sent.client,
               sent.where.partition, sent.value.c_str(), static_cast<int>(sent.acks),
               sent.invoked.us);
  switch (sent.outcome) {
    case Sent::Outcome::kOpen:
      std::fputs(" open\n", file_.get());
      return;
    case Sent::Outcome::kAcked:
      std::fprintf(file_.get(), " acked %" PRId64 " %" PRId64 "\n", sent.completed.us, sent.offset);
      return;
    case Sent::Outcome::kFailed:
      std::fprintf(file_.get(), " failed %" PRId64 " %s\n", sent.completed.us,
                   kWritten[static_cast<size_t>(sent.written)].data());
      return;
  }
}

void HistoryWriter::begin_run(int32_t partition, bool from_start) {
  std::fprintf(file_.get(), "run %" PRId32 " %s\n", partition, kBegins[from_start ? 0 : 1].data());
}

void HistoryWriter::begin_final(int32_t partition) {
  std::fprintf(file_.get(), "final %" PRId32 "\n", partition);
}

void HistoryWriter::seen(int32_t partition, const Seen& seen) {
  std::fprintf(file_.get(), "seen %" PRId32 " %" PRId64 " %s\n", partition, seen.offset,
               seen.value.c_str());
}

void HistoryWriter::end(const EndSeen& end) {
  std::fprintf(file_.get(), "end %" PRId32 " %" PRId64 " %" PRId64 "\n", end.where.partition,
               end.invoked.us, end.end);
}

void HistoryWriter::possible_duplicates(uint32_t client, uint64_t count) {
  std::fprintf(file_.get(), "twice %" PRIu32 " %" PRIu64 "\n", client, count);
}

Result<void> HistoryWriter::close() {
  std::FILE* file = file_.release();
  bool whole = std::ferror(file) == 0;
  if (std::fclose(file) != 0 || !whole) return io("write", path_);
  return {};
}

Result<History> read_history(const std::vector<std::string>& paths) {
  History history;
  Reader reader(history);
  for (const std::string& path : paths) TRY(read_file(path, reader));
  // Files are in the order of completion; that of one client's sends at one moment is kept.
  std::stable_sort(history.sent.begin(), history.sent.end(),
                   [](const Sent& a, const Sent& b) { return a.invoked < b.invoked; });
  return history;
}

}  // namespace strandlog::sim
