// What the option table accepts, refuses and prints.
#include "base/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/option_print.h"
#include "base/option_types.h"

namespace strandlog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

OptionTable table() {
  return with_environment({
      {.name = "data.dir", .flag = 'd', .help = "where the data lives"},
      {.name = "broker.id", .type = OptionType::kInteger, .min = 1, .max = 1000, .help = "number"},
      {.name = "tail.cache.bytes",
       .type = OptionType::kBytes,
       .fallback = "64MiB",
       .min = 1024,
       .help = "cache"},
      {.name = "sync.delay",
       .type = OptionType::kDuration,
       .unit = "s",
       .fallback = "5",
       .help = "delay"},
      {.name = "allow", .type = OptionType::kBool, .fallback = "false", .help = "allow it"},
      {.name = "seeds", .type = OptionType::kList, .help = "peers"},
      {.name = "header", .flag = 'H', .type = OptionType::kRepeated, .help = "headers"},
      {.name = "acks",
       .type = OptionType::kChoice,
       .fallback = "all",
       .choices = {"0", "1", "all"},
       .help = "acks"},
  });
}

OptionValues parsed(const OptionSources& sources) {
  auto values = parse_options(table(), sources);
  EXPECT_TRUE(values.ok()) << (values.ok() ? "" : values.error().text);
  return values.ok() ? std::move(values).value() : OptionValues{};
}

std::string failure(const OptionSources& sources) {
  auto values = parse_options(table(), sources);
  if (values.ok()) return "parsed";
  EXPECT_EQ(values.error().code, Code::kInvalidArgument);
  return values.error().text;
}

TEST(Options, TakeFlagOverEnvironmentOverFileOverDefault) {
  OptionSources sources{.file_name = "b.conf", .file_text = "broker.id = 3\n"};
  EXPECT_EQ(parsed({}).bytes("tail.cache.bytes"), 64u << 20);
  EXPECT_EQ(parsed(sources).integer("broker.id"), 3);
  EXPECT_EQ(parsed(sources).find("broker.id")->where, "b.conf:1");

  sources.environment["STRANDLOG_BROKER_ID"] = "4";
  EXPECT_EQ(parsed(sources).integer("broker.id"), 4);
  EXPECT_EQ(parsed(sources).origin("broker.id"), Origin::kEnvironment);

  sources.arguments = {"--broker.id", "5"};
  EXPECT_EQ(parsed(sources).integer("broker.id"), 5);
  EXPECT_EQ(parsed(sources).origin("broker.id"), Origin::kFlag);
}

TEST(Options, ReadEveryShapeOfFlag) {
  const auto values =
      parsed({.arguments = {"one", "-d", "/x", "--allow", "two", "--acks=1", "-Ha=1", "-H", "b=2,3",
                            "--seeds", "a:1, b:2", "--seeds=c:3", "--", "--three"}});
  EXPECT_EQ(values.text("data.dir"), "/x");
  EXPECT_TRUE(values.flag("allow"));
  EXPECT_EQ(values.text("acks"), "1");
  EXPECT_THAT(values.list("header"), ElementsAre("a=1", "b=2,3"));
  EXPECT_THAT(values.list("seeds"), ElementsAre("a:1", "b:2", "c:3"));
  EXPECT_THAT(values.positionals(), ElementsAre("one", "two", "--three"));
}

TEST(Options, TakeNegativeValuesAfterTheirFlag) {
  EXPECT_EQ(parsed({.arguments = {"--data.dir", "-5"}}).text("data.dir"), "-5");
}

TEST(Options, NeverGuessAbbreviations) {
  EXPECT_THAT(failure({.arguments = {"--broker.i", "3"}}), HasSubstr("no option \"--broker.i\""));
}

TEST(Options, NameTheNearestFlagOrKey) {
  EXPECT_THAT(failure({.arguments = {"--brokr.id", "3"}}),
              HasSubstr("did you mean \"broker.id\"?"));
  EXPECT_THAT(failure({.arguments = {"--zzzzzzzzz"}}), Not(HasSubstr("did you mean")));
  EXPECT_EQ(failure({.file_name = "b.conf", .file_text = "# first\n[broker]\nib = 3\n"}),
            "b.conf:3: no option \"broker.ib\"; did you mean \"broker.id\"?");
}

TEST(Options, ReadSectionsAndDottedKeys) {
  const auto values = parsed({.file_name = "f",
                              .file_text = "data.dir=/a b # note\r\n; c\n\n[tail.cache]\n"
                                           "bytes = 2KiB\n[]\nseeds=x:1\nseeds = y:2,z:3"});
  EXPECT_EQ(values.text("data.dir"), "/a b");
  EXPECT_EQ(values.bytes("tail.cache.bytes"), 2048u);
  EXPECT_THAT(values.list("seeds"), ElementsAre("x:1", "y:2", "z:3"));
}

TEST(Options, RefuseMisshapenFiles) {
  EXPECT_THAT(failure({.file_name = "f", .file_text = "[x\n"}), HasSubstr("f:1: the section"));
  EXPECT_THAT(failure({.file_name = "f", .file_text = "\nword\n"}), HasSubstr("f:2: \"word\""));
  EXPECT_THAT(failure({.file_name = "f", .file_text = "broker.id=1\nbroker.id=2\n"}),
              HasSubstr("f:2: broker.id is given twice"));
}

TEST(Options, TakeQuotedTextFromAFileAsItStands) {
  const auto values = parsed({.file_name = "f",
                              .file_text = "data.dir = \" /a #b\\n\\\"\\\\ \" # note\n"
                                           "header = say \"no\" # note\nseeds = \"x:1,y:2\"\n"});
  EXPECT_EQ(values.text("data.dir"), " /a #b\n\"\\ ");
  EXPECT_THAT(values.list("header"), ElementsAre("say \"no\""));
  EXPECT_THAT(values.list("seeds"), ElementsAre("x:1", "y:2"));
  for (const char* text : {"\"x", "\"x\\", "\"x\\q\"", "\"x\" y"}) {
    EXPECT_THAT(failure({.file_name = "f", .file_text = "data.dir = " + std::string(text)}),
                HasSubstr("f:1: data.dir wants its text between two double quotes"))
        << text;
  }
}

TEST(Options, RefuseMisshapenValuesWithWhatIsAllowed) {
  EXPECT_THAT(failure({.arguments = {"--broker.id", "0"}}), HasSubstr("at least 1 is allowed"));
  EXPECT_THAT(failure({.arguments = {"--broker.id", "1001"}}), HasSubstr("at most 1000"));
  EXPECT_THAT(failure({.arguments = {"--broker.id", "3x"}}), HasSubstr("a whole number"));
  EXPECT_THAT(failure({.arguments = {"--broker.id", "99999999999999999999"}}),
              HasSubstr("a whole number"));
  EXPECT_THAT(failure({.arguments = {"--acks", "2"}}), HasSubstr("one of 0, 1, all"));
  EXPECT_THAT(failure({.arguments = {"--allow=perhaps"}}), HasSubstr("true or false"));
  EXPECT_THAT(failure({.arguments = {"--broker.id"}}), HasSubstr("broker.id"));
  EXPECT_THAT(failure({.arguments = {"--acks", "1", "--acks", "0"}}), HasSubstr("given twice"));
}

TEST(Options, KnowUnits) {
  EXPECT_EQ(parse_bytes("1GiB"), int64_t{1} << 30);
  EXPECT_EQ(parse_bytes("16 MiB"), 16 << 20);
  EXPECT_EQ(parse_bytes("5k"), 5000);
  EXPECT_EQ(parse_bytes("7"), 7);
  EXPECT_EQ(parse_bytes("-1"), std::nullopt);
  EXPECT_EQ(parse_bytes("9999999999GiB"), std::nullopt);
  EXPECT_EQ(parse_bytes("1mib"), std::nullopt);
  EXPECT_EQ(parse_duration_ms("250ms", "s"), 250);
  EXPECT_EQ(parse_duration_ms("2", "s"), 2000);
  EXPECT_EQ(parse_duration_ms("7d", "ms"), 604800000);
  EXPECT_EQ(parse_duration_ms("x", "ms"), std::nullopt);
  EXPECT_EQ(parsed({}).duration("sync.delay"), std::chrono::seconds{5});
}

TEST(Options, DistinguishUnsetFromDefault) {
  EXPECT_FALSE(parsed({}).has("broker.id"));
  EXPECT_TRUE(parsed({}).has("acks"));
  EXPECT_TRUE(parsed({}).list("seeds").empty());
}

TEST(Options, FindACommandAmongGlobalFlags) {
  const OptionTable globals = {{.name = "server", .flag = 's'},
                               {.name = "quiet", .flag = 'q', .type = OptionType::kBool}};
  EXPECT_THAT(leading_words(globals, {"-s", "a:1", "topic", "-q", "list", "x"}, 2),
              ElementsAre(2u, 4u));
  EXPECT_THAT(leading_words(globals, {"--server=a:1", "-sb:2", "dev", "--other", "up"}, 2),
              ElementsAre(2u));
}

TEST(OptionPrint, WritesAnIniThatParsesBackToTheSame) {
  const OptionSources sources{.arguments = {"--data.dir=/x", "--seeds=a:1,b:2", "-Hk=v", "-Hl=w"}};
  const auto values = parsed(sources);

  const auto text = print_options(table(), values, OptionFormat::kIni);
  const auto again = parsed({.file_name = "again", .file_text = text});

  for (const auto& option : table()) {
    ASSERT_EQ(again.has(option.name), values.has(option.name)) << option.name;
    if (!values.has(option.name)) continue;
    EXPECT_EQ(again.find(option.name)->texts, values.find(option.name)->texts) << option.name;
  }
}

TEST(OptionPrint, WritesAnIniThatParsesBackWhateverTheTextHolds) {
  for (const char* text :
       {" a", "a ", "a #b", "#a", "a\nacks = 0", "\"a\"", "\"", "a\\n", "\r", ""}) {
    const auto values = parsed({.arguments = {"--data.dir", text, "--header", text},
                                .file_name = "f\nacks = 0\n",
                                .file_text = "sync.delay = 7"});
    const auto printed = print_options(table(), values, OptionFormat::kIni);
    const auto again = parsed({.file_name = "again", .file_text = printed});
    EXPECT_EQ(again.text("data.dir"), text) << printed;
    EXPECT_THAT(again.list("header"), ElementsAre(text));
    EXPECT_EQ(again.text("acks"), "all");
  }
}

TEST(OptionPrint, NamesOriginAndEnvironmentInJson) {
  const auto text =
      print_options(table(), parsed({.arguments = {"-d", "a\"b"}}), OptionFormat::kJson);
  EXPECT_THAT(text,
              HasSubstr(R"("value":"a\"b","origin":"--data.dir","env":"STRANDLOG_DATA_DIR")"));
  EXPECT_THAT(text,
              HasSubstr(R"("name":"broker.id","type":"integer","unit":"","range":"1..1000")"));
}

TEST(OptionPrint, EscapesBarsInMarkdown) {
  EXPECT_THAT(print_options(table(), parsed({}), OptionFormat::kMarkdown),
              HasSubstr("| `acks` | choice | 0\\|1\\|all | `all` | acks |"));
}

TEST(OptionPrint, WrapsHelpAtTheWidth) {
  const OptionTable long_help = {
      {.name = "name", .help = std::string(30, 'a') + " " + std::string(30, 'b')}};
  const auto text = option_help(long_help, 60);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    EXPECT_LE(end - begin, 60u);
    begin = end + 1;
  }
  EXPECT_THAT(text, HasSubstr("\n" + std::string(28, ' ') + "bbb"));
}

}  // namespace
}  // namespace strandlog
