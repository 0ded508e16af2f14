// What goes in and out: lines, positions, JSON records, tables.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "base/printable.h"
#include "tools/line_reader.h"
#include "tools/output.h"
#include "tools/position.h"
#include "tools/record_format.h"
#include "tools/time_text.h"

namespace strandlog::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Both ends of a pipe, closed at the end.
struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    close_reader();
    close_writer();
  }
  void close_reader() { close_end(0); }
  void close_writer() { close_end(1); }
  void close_end(size_t which) {
    if (ends[which] >= 0) ::close(ends[which]);
    ends[which] = -1;
  }
  std::array<int, 2> ends{-1, -1};
};

std::vector<std::string> lines_of(const std::string& text) {
  // A file takes any amount at once; a pipe would need somebody to empty it meanwhile.
  const int file = ::memfd_create("lines", MFD_CLOEXEC);
  EXPECT_EQ(::write(file, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  EXPECT_EQ(::lseek(file, 0, SEEK_SET), 0);
  LineReader reader(file, 8 << 20);
  std::vector<std::string> lines;
  while (true) {
    const auto next = reader.next(10000);
    EXPECT_TRUE(next.ok());
    if (!next.ok() || *next != LineReader::Next::kLine) break;
    lines.emplace_back(reader.line());
  }
  ::close(file);
  return lines;
}

TEST(LineReader, KeepsEveryByteBetweenNewlines) {
  EXPECT_THAT(lines_of(std::string("a\n\n\r\nb\0c\nlast", 13)),
              ElementsAre("a", "", "\r", std::string("b\0c", 3), "last"));
  EXPECT_THAT(lines_of("a\n"), ElementsAre("a"));
  EXPECT_THAT(lines_of("\n"), ElementsAre(""));
  EXPECT_THAT(lines_of(""), IsEmpty());
}

TEST(LineReader, JoinsLinesAcrossBlocks) {
  const std::string long_line(3 << 20, 'x');
  std::string text;
  for (int i = 0; i < 300000; ++i) text += std::to_string(i) + "\n";
  const auto lines = lines_of(text + long_line + "\nend\n");
  ASSERT_EQ(lines.size(), 300002u);
  for (int i = 0; i < 300000; ++i) ASSERT_EQ(lines[static_cast<size_t>(i)], std::to_string(i));
  EXPECT_EQ(lines[300000], long_line);
  EXPECT_EQ(lines[300001], "end");
}

TEST(LineReader, RefusesALineBeyondItsBound) {
  Pipe pipe;
  const std::string text(5000, 'x');
  ASSERT_EQ(::write(pipe.ends[1], text.data(), text.size()), 5000);
  pipe.close_writer();
  LineReader reader(pipe.ends[0], 100);
  const auto next = reader.next(1000);
  ASSERT_FALSE(next.ok());
  EXPECT_EQ(next.error().code, Code::kTooLarge);
}

TEST(Position, ReadsItsGrammar) {
  const client::Ends ends{100, 150};
  EXPECT_EQ(parse_position("start", 0)->resolve(ends), 100);
  EXPECT_EQ(parse_position("end", 0)->resolve(ends), 150);
  EXPECT_EQ(parse_position("120", 0)->resolve(ends), 120);
  EXPECT_EQ(parse_position("7", 0)->resolve(ends), 7);
  EXPECT_EQ(parse_position("+5", 0)->resolve(ends), 105);
  EXPECT_EQ(parse_position("-5", 0)->resolve(ends), 145);
  EXPECT_EQ(parse_position("+500", 0)->resolve(ends), 150);
  EXPECT_EQ(parse_position("-500", 0)->resolve(ends), 100);
}

TEST(Position, RefusesTheRestWithTheGrammar) {
  for (const char* text : {"", "+", "-", "--5", "+-5", "5x", "begin", "99999999999999999999"}) {
    const auto position = parse_position(text, 0);
    ASSERT_FALSE(position.ok()) << text;
    EXPECT_THAT(position.error().text, HasSubstr("none of start, end, N"));
  }
}

client::ConsumedRecord consumed() {
  client::ConsumedRecord record;
  record.where = {"orders", 2};
  record.offset = 17;
  record.timestamp_ms = 1777889472123;
  return record;
}

TEST(RecordJson, HasTheDocumentedShape) {
  auto record = consumed();
  record.key = "42";
  record.value = "a\"\n";
  record.headers = {{"h", "v"}, {"n", std::nullopt}};
  EXPECT_EQ(record_json(record),
            R"({"topic":"orders","partition":2,"offset":17,"timestamp":"2026-05-04T10:11:12.123Z",)"
            R"("key":"42","value":"a\"\n","headers":[{"key":"h","value":"v"},)"
            R"({"key":"n","value":null}]})");
}

TEST(RecordJson, ReadsBackWhatItWrote) {
  auto record = consumed();
  record.key = std::string("\xff\0k", 3);
  record.value = "caf\xc3\xa9";
  record.headers = {{"h", std::string("\x80")}};

  const auto again = record_from_json(record_json(record));

  ASSERT_TRUE(again.ok()) << again.error().text;
  EXPECT_EQ(again->key, record.key);
  EXPECT_EQ(again->value, record.value);
  EXPECT_EQ(again->partition, 2);
  EXPECT_EQ(again->timestamp_ms, record.timestamp_ms);
  ASSERT_EQ(again->headers.size(), 1u);
  EXPECT_EQ(again->headers[0].value, std::string("\x80"));
}

TEST(RecordJson, RefusesOtherShapes) {
  for (const char* line :
       {"", "[]", "{", R"({"key":5})", R"({"partition":"x"})", R"({"headers":{}})",
        R"({"headers":[{"value":"x"}]})", R"({"value":"*","encoding":"base64"})",
        R"({"value":"x","encoding":"hex"})", R"({"timestamp":"yesterday"})"}) {
    const auto record = record_from_json(line);
    ASSERT_FALSE(record.ok()) << line;
    EXPECT_EQ(record.error().code, Code::kInvalidArgument);
  }
}

TEST(Base64, KnowsTheVectorsOfRfc4648) {
  const std::vector<std::pair<std::string, std::string>> vectors = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(base64(plain), coded);
    EXPECT_EQ(*from_base64(coded), plain);
  }
}

TEST(Utf8, RefusesOverlongSurrogatesAndCutShort) {
  EXPECT_TRUE(is_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82"));
  for (const char* text :
       {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80"})
    EXPECT_FALSE(is_utf8(text));
}

TEST(Unescaped, KnowsFourEscapes) {
  EXPECT_EQ(unescaped(R"(\t|\n\\\x)"), "\t|\n\\\\x");
  EXPECT_EQ(unescaped(R"(\0)"), std::string(1, '\0'));
  EXPECT_EQ(unescaped("\\"), "\\");
}

TEST(Moment, ReadsItsForms) {
  const int64_t moment = 1777889472123;
  EXPECT_EQ(*parse_moment("2026-05-04T10:11:12.123Z", 0), moment);
  EXPECT_EQ(*parse_moment("2026-05-04T12:11:12.1239+02:00", 0), moment);
  EXPECT_EQ(*parse_moment("2026-05-04t10:11:12.123z", 0), moment);
  EXPECT_EQ(*parse_moment("2026-05-04 08:41:12.123-01:30", 0), moment);
  EXPECT_EQ(*parse_moment("1777889472", 0), moment - 123);
  EXPECT_EQ(*parse_moment("1777889472123", 0), moment);
  EXPECT_EQ(*parse_moment("1777889472123999", 0), moment);
  EXPECT_EQ(*parse_moment("1777889472123999999", 0), moment);
  EXPECT_EQ(*parse_moment("-15m", moment), moment - 900'000);
  EXPECT_EQ(*parse_moment("-15", moment), moment - 15'000);
  EXPECT_EQ(*parse_moment("2024-02-29T00:00:00Z", 0), 1709164800000);
  EXPECT_EQ(*parse_moment("2026-05-04T10:11:12.5Z", 0), moment + 377);
}

TEST(Moment, RefusesTheRest) {
  for (const char* text : {"",
                           "x",
                           "-",
                           "--1",
                           "+1",
                           "1.5",
                           "-15x",
                           "2026-13-01",
                           "2026-02-29",
                           "2026-04-31",
                           "2026-05-04T",
                           "2026-05-04T10:11",
                           "2026-05-04T24:00:00Z",
                           "2026-05-04T10:60:00Z",
                           "2026-05-04T10:11:12.Z",
                           "2026-05-04T10:11:12Zx",
                           "2026-05-04T10:11:12+2",
                           "2026-05-04T10:11:12+24:00",
                           "20260504T101112Z",
                           "99999999999999999999"})
    EXPECT_FALSE(parse_moment(text, 0).ok()) << text;
  EXPECT_FALSE(parse_rfc3339("2026-05-04T10:11:12").ok()) << "no zone";
  EXPECT_FALSE(parse_rfc3339("1777889472").ok());
}

TEST(Table, ShowsControlCharactersEscaped) {
  Table table({"TOPIC", "N"});
  table.add({"a\x1b[31m\nb", "1"});
  EXPECT_EQ(table.text(), "TOPIC         N\na\\x1b[31m\\nb  1\n");
}

TEST(Out, TellsAGoneReaderFromAFailure) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  pipe.close_reader();
  Out gone(pipe.ends[1]);
  gone.write("x");
  gone.flush();
  EXPECT_TRUE(gone.stopped());
  EXPECT_TRUE(gone.state().ok());

  Out bad(-1);
  bad.write("x");
  bad.flush();
  EXPECT_TRUE(bad.stopped());
  EXPECT_EQ(bad.state().error().code, Code::kIo);
}

std::string printed(OutputFormat format, const Report& report) {
  Pipe pipe;
  Out out(pipe.ends[1]);
  print_report(out, format, report);
  out.flush();
  pipe.close_writer();
  std::string text(4096, '\0');
  text.resize(static_cast<size_t>(::read(pipe.ends[0], text.data(), text.size())));
  return text;
}

TEST(Report, PrintsInEveryForm) {
  const Report report{.document = Json::array({Json{{"b", 1}, {"a", 2}}, Json{{"b", 3}}}),
                      .table = "B  A\n",
                      .names = {"1", "3"}};
  EXPECT_EQ(printed(OutputFormat::kTable, report), "B  A\n");
  EXPECT_EQ(printed(OutputFormat::kJson, report), "[{\"b\":1,\"a\":2},{\"b\":3}]\n");
  EXPECT_EQ(printed(OutputFormat::kJsonl, report), "{\"b\":1,\"a\":2}\n{\"b\":3}\n");
  EXPECT_EQ(printed(OutputFormat::kNames, report), "1\n3\n");
}

TEST(Table, PadsColumnsToTheWidestCell) {
  Table table({"A", "LONG"});
  table.add({"wide", "x"});
  EXPECT_EQ(table.text(), "A     LONG\nwide  x\n");
}

}  // namespace
}  // namespace strandlog::tools
