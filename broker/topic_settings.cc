// The table of topic settings; see topic_settings.h.
#include "broker/topic_settings.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace strandlog::broker {
namespace {

constexpr const char* kMaxMessageBytes = "max.message.bytes";

struct NumberSetting {
  const char* name;
  int64_t least, most;
};
constexpr int64_t kMost = int64_t{1} << 60;
constexpr std::array kNumbers = {
    NumberSetting{kMaxMessageBytes, 1024, kMostMessageBytes},
    NumberSetting{kRetentionBytes, -1, kMost},
    NumberSetting{kRetentionMs, -1, kMost},
    NumberSetting{"segment.bytes", 1 << 20, 1 << 30},
};

std::optional<int64_t> number_of(const std::string& text) {
  if (text.size() > 20) return std::nullopt;  // more digits than a number has
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<void> check_one(const std::string& name, const std::string& value) {
  if (name == "cleanup.policy") {
    if (value == "delete") return {};
    return Error{Code::kInvalidArgument, "cleanup.policy can only be delete yet"};
  }
  const auto* known = std::find_if(kNumbers.begin(), kNumbers.end(),
                                   [&](const NumberSetting& one) { return name == one.name; });
  if (known == kNumbers.end()) {
    std::string names = "cleanup.policy";
    for (const NumberSetting& one : kNumbers) names += std::string(", ") + one.name;
    return Error{Code::kInvalidArgument,
                 "no topic setting is called \"" + name + "\"; there are: " + names};
  }
  auto number = number_of(value);
  if (number && *number >= known->least && *number <= known->most) return {};
  return Error{Code::kInvalidArgument, name + " is a number from " + std::to_string(known->least) +
                                           " to " + std::to_string(known->most) + ", not \"" +
                                           value.substr(0, 40) + "\""};
}

}  // namespace

Result<void> check_topic_settings(const SettingMap& settings) {
  for (const auto& [name, value] : settings) TRY(check_one(name, value));
  return {};
}

std::optional<int64_t> setting_of(const SettingMap& settings, const std::string& name) {
  auto found = settings.find(name);
  return found == settings.end() ? std::nullopt : number_of(found->second);
}

std::optional<uint32_t> max_message_bytes_of(const SettingMap& settings) {
  auto number = setting_of(settings, kMaxMessageBytes);
  if (!number || *number < 0 || *number > kMostMessageBytes) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

}  // namespace strandlog::broker
