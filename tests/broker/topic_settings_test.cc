// Topic settings: names and values that are taken, and what is said about the others.
#include "broker/topic_settings.h"

#include <gtest/gtest.h>

namespace strandlog::broker {
namespace {

TEST(TopicSettings, TakesKafkasNamesWithValuesInRange) {
  EXPECT_TRUE(check_topic_settings({{"cleanup.policy", "delete"},
                                    {"max.message.bytes", "2000"},
                                    {"retention.bytes", "-1"},
                                    {"retention.ms", "604800000"},
                                    {"segment.bytes", "1048576"}})
                  .ok());
}

TEST(TopicSettings, NamesWhatThereIsWhenOneIsUnknown) {
  auto refused = check_topic_settings({{"retention.hours", "1"}});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().text.find("retention.ms"), std::string::npos);
}

TEST(TopicSettings, RefusesValuesThatAreNoNumberOrOutOfRange) {
  for (const char* value : {"", "x", "12x", "-2", "99999999999999999999", "1e3"}) {
    EXPECT_FALSE(check_topic_settings({{"retention.ms", value}}).ok()) << value;
  }
  EXPECT_FALSE(check_topic_settings({{"max.message.bytes", "4000000"}}).ok());
  EXPECT_FALSE(check_topic_settings({{"cleanup.policy", "compact"}}).ok());
}

TEST(TopicSettings, AMessageLimitOfItsOwnIsOptional) {
  EXPECT_EQ(max_message_bytes_of({}), std::nullopt);
  EXPECT_EQ(max_message_bytes_of({{"max.message.bytes", "5000"}}), 5000u);
}

}  // namespace
}  // namespace strandlog::broker
