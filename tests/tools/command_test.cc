// The command table is complete, and its parser says what is wrong.
#include "tools/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace strandlog::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Invocation> parse(std::vector<std::string> arguments) {
  return parse_invocation({.arguments = std::move(arguments)});
}

std::string failure(std::vector<std::string> arguments) {
  const auto invocation = parse(std::move(arguments));
  if (invocation.ok()) return "parsed";
  EXPECT_EQ(exit_of(invocation.error().code), Exit::kUsage);
  return invocation.error().text;
}

TEST(CommandTable, EveryCommandIsExplainedAndCanAnswerJson) {
  for (const auto& command : commands()) {
    EXPECT_FALSE(command.summary.empty()) << command.path;
    EXPECT_FALSE(command.examples.empty()) << command.path;
    EXPECT_FALSE(command.json.empty()) << command.path;
    EXPECT_NE(command.handler, nullptr) << command.path;
    for (const auto& option : command.options) EXPECT_FALSE(option.help.empty()) << option.name;
    for (const auto& positional : command.positionals)
      EXPECT_FALSE(positional.help.empty()) << command.path;
  }
}

TEST(CommandTable, NoOptionCollidesWithAGlobalOneOrAnother) {
  for (const auto& command : commands()) {
    std::set<std::string> names;
    std::set<char> flags;
    for (const auto* table : {&global_options(), &command.options}) {
      for (const auto& option : *table) {
        EXPECT_TRUE(names.insert(option.name).second) << command.path << " --" << option.name;
        const bool unique = option.flag == 0 || flags.insert(option.flag).second;
        EXPECT_TRUE(unique) << command.path << " -" << option.flag;
      }
    }
  }
}

TEST(CommandTable, EveryCommandParsesItsOwnDefaults) {
  for (const auto& command : commands()) {
    std::vector<std::string> arguments = {command.path.substr(0, command.path.find(' '))};
    if (command.path.find(' ') != std::string::npos)
      arguments.push_back(command.path.substr(command.path.find(' ') + 1));
    for (const auto& positional : command.positionals)
      if (positional.required) arguments.push_back("x");

    const auto invocation = parse(arguments);

    ASSERT_TRUE(invocation.ok()) << invocation.error().text;
    EXPECT_EQ(invocation->command->path, command.path);
  }
}

TEST(CommandTable, HelpNamesEveryOptionAndFitsTheWidth) {
  for (const auto& command : commands()) {
    const std::string help = command_help(command, 80);
    for (const auto& option : command.options) EXPECT_THAT(help, HasSubstr("--" + option.name));
    for (const auto& example : command.examples) EXPECT_THAT(help, HasSubstr(example));
    for (const auto* part : {"\nexit codes\n", "  0    ", "  2    ", "  130  "})
      EXPECT_THAT(help, HasSubstr(part));
    for (const auto& [exit, meaning] : command.exits)
      EXPECT_THAT(help, HasSubstr("\n  " + std::to_string(static_cast<int>(exit)) + " "));
    EXPECT_THAT(overview("", 80), HasSubstr(command.path));
  }
}

TEST(CommandParser, TakesGlobalOptionsAnywhere) {
  const auto invocation =
      parse({"-s", "a:1,b:2", "topic", "-q", "create", "t", "-p", "6", "-o", "json", "-r3"});

  ASSERT_TRUE(invocation.ok()) << invocation.error().text;
  EXPECT_EQ(invocation->command->path, "topic create");
  EXPECT_THAT(invocation->servers, ElementsAre("a:1", "b:2"));
  EXPECT_THAT(invocation->positionals, ElementsAre("t"));
  EXPECT_TRUE(invocation->quiet);
  EXPECT_EQ(invocation->format, OutputFormat::kJson);
  EXPECT_EQ(invocation->values.integer("partitions"), 6);
  EXPECT_EQ(invocation->values.integer("replicas"), 3);
}

TEST(CommandParser, TakesServersFromFlagThenEnvironmentThenProfileThenDefault) {
  CommandLine line{.arguments = {"topic", "list"}};
  EXPECT_THAT(parse_invocation(line)->servers, ElementsAre("127.0.0.1:7400"));
  line.profile_name = "profile";
  line.profile_text = "server = p:1\n";
  EXPECT_THAT(parse_invocation(line)->servers, ElementsAre("p:1"));
  EXPECT_EQ(parse_invocation(line)->servers_text(), "p:1 (from profile:1)");
  line.environment["STRANDLOG_SERVERS"] = "e:1,e:2";
  EXPECT_THAT(parse_invocation(line)->servers, ElementsAre("e:1", "e:2"));
  line.arguments = {"topic", "list", "--server=f:1"};
  EXPECT_THAT(parse_invocation(line)->servers, ElementsAre("f:1"));
}

TEST(CommandParser, TakesAnEmptyVariableForNone) {
  CommandLine line{.arguments = {"topic", "list"}, .environment = {{"STRANDLOG_SERVERS", ""}}};
  EXPECT_THAT(parse_invocation(line)->servers, ElementsAre("127.0.0.1:7400"));
}

TEST(CommandParser, TakesOnlyGlobalOptionsFromTheProfile) {
  CommandLine line{.arguments = {"topic", "create", "t"}, .profile_name = "/p"};
  line.profile_text = "partitions = 3\n";
  const auto invocation = parse_invocation(line);
  ASSERT_FALSE(invocation.ok());
  EXPECT_THAT(invocation.error().text, HasSubstr("/p:1: no option \"partitions\""));
  EXPECT_THAT(invocation.error().text, HasSubstr("mend or delete /p"));
}

TEST(CommandParser, SaysWhereHelpIs) {
  EXPECT_THAT(failure({"topic", "create", "t", "-Z"}),
              HasSubstr("see: strandlog help topic create"));
}

TEST(CommandParser, NamesTheNearestCommand) {
  EXPECT_THAT(failure({"tpoic", "list"}), HasSubstr("did you mean \"topic\"?"));
  EXPECT_THAT(failure({"topic", "lst"}), HasSubstr("did you mean \"list\"?"));
  EXPECT_THAT(failure({"topic"}), HasSubstr("topic needs a verb"));
  EXPECT_THAT(failure({"topic", "list", "--servr", "x"}), HasSubstr("did you mean \"server\"?"));
}

TEST(CommandParser, CountsPositionals) {
  EXPECT_THAT(failure({"topic", "describe"}), HasSubstr("needs TOPIC"));
  EXPECT_THAT(failure({"topic", "describe", "a", "b"}), HasSubstr("nothing takes \"b\""));
  EXPECT_THAT(failure({"dev", "kill"}), HasSubstr("needs N"));
  EXPECT_TRUE(parse({"dev", "kill", "1", "2", "3"}).ok());
}

TEST(CommandParser, WithoutAWordAsksForTheOverview) {
  EXPECT_EQ(parse({})->command, nullptr);
  EXPECT_EQ(parse({"--help"})->command, nullptr);
  EXPECT_TRUE(parse({"topic", "create", "--help"})->help);
}

TEST(CommandParser, KeepsNegativePositions) {
  const auto invocation = parse({"consume", "t", "--from", "-5", "--to", "end"});
  ASSERT_TRUE(invocation.ok()) << invocation.error().text;
  EXPECT_EQ(invocation->values.text("from"), "-5");
}

TEST(ExitCodes, AreAsDocumented) {
  EXPECT_EQ(exit_of(client::Code::kInvalidArgument), Exit::kUsage);
  EXPECT_EQ(exit_of(client::Code::kNotFound), Exit::kNotFound);
  EXPECT_EQ(exit_of(client::Code::kOutOfRange), Exit::kNotFound);
  EXPECT_EQ(exit_of(client::Code::kUnreachable), Exit::kUnreachable);
  EXPECT_EQ(exit_of(client::Code::kTimeout), Exit::kUnreachable);
  EXPECT_EQ(exit_of(client::Code::kDenied), Exit::kDenied);
  EXPECT_EQ(exit_of(client::Code::kConflict), Exit::kConflict);
  EXPECT_EQ(exit_of(client::Code::kLocked), Exit::kConflict);
  EXPECT_EQ(exit_of(client::Code::kWrongIdentity), Exit::kConflict);
  EXPECT_EQ(exit_of(client::Code::kCorruption), Exit::kCorruption);
  EXPECT_EQ(exit_of(client::Code::kInterrupted), Exit::kInterrupted);
  EXPECT_EQ(exit_of(client::Code::kInternal), Exit::kFailed);
  EXPECT_EQ(static_cast<int>(Exit::kInterrupted), 130);
  EXPECT_EQ(static_cast<int>(Exit::kDegraded), 11);
}

}  // namespace
}  // namespace strandlog::tools
