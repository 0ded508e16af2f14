// TopicSettings: what may be set per topic, checked when it is set.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"

namespace strandlog::broker {

/// The largest max.message.bytes of a broker or topic: a batch travels as one frame.
constexpr uint32_t kMostMessageBytes = 3u << 20;

using SettingMap = std::map<std::string, std::string>;

constexpr const char* kRetentionBytes = "retention.bytes";
constexpr const char* kRetentionMs = "retention.ms";

/// Kafka's names, numbers and meanings; kInvalidArgument names what there is and what fits.
/// segment.bytes and cleanup.policy have no effect yet.
Result<void> check_topic_settings(const SettingMap& settings);

/// The topic's own, none when it has none. Of checked settings.
std::optional<int64_t> setting_of(const SettingMap& settings, const std::string& name);
std::optional<uint32_t> max_message_bytes_of(const SettingMap& settings);

}  // namespace strandlog::broker
