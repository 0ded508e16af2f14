// Settings of strandlogd: the option table, and the BrokerConfig made from it.
#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "base/options.h"
#include "broker/config.h"

namespace strandlog::broker {

/// Every setting of the daemon, with the command-line-only ones (config, help, …).
OptionTable daemon_options();

struct Settings {
  BrokerConfig broker;
  std::string data_dir;
  LogLevel log_level = LogLevel::kInfo;
};

/// kInvalidArgument in words for what a single option's type cannot express: addresses that are
/// not HOST:PORT, a listener beyond loopback without security.allow.plaintext, missing names.
Result<Settings> settings_from(const OptionValues& values);

}  // namespace strandlog::broker
