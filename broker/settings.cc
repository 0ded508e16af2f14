// The daemon's option table; see settings.h.
#include "broker/settings.h"

#include <algorithm>

#include "broker/address.h"
#include "broker/topic_settings.h"

namespace strandlog::broker {
namespace {

Option bytes_option(std::string name, std::string fallback, int64_t min, int64_t max,
                    std::string help) {
  return {.name = std::move(name),
          .type = OptionType::kBytes,
          .unit = "BYTES",
          .fallback = std::move(fallback),
          .min = min,
          .max = max,
          .help = std::move(help)};
}

constexpr int64_t kMiB = int64_t{1} << 20;

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address.starts_with("localhost:") ||
         address.starts_with("[::1]:");
}

}  // namespace

OptionTable daemon_options() {
  OptionTable table = {
      {.name = "broker.id",
       .type = OptionType::kInteger,
       .unit = "N",
       .min = 1,
       .max = 1'000'000,
       .help = "this broker's number in its cluster; required, except with --dev (1)"},
      {.name = "data.dir",
       .type = OptionType::kString,
       .unit = "DIR",
       .help = "the data directory, formatted at the first start; required, except with --dev"},
      {.name = "listen",
       .type = OptionType::kString,
       .unit = "HOST:PORT",
       .fallback = "127.0.0.1:7400",
       .help = "where clients connect"},
      {.name = "listen.peer",
       .type = OptionType::kString,
       .unit = "HOST:PORT",
       .fallback = "127.0.0.1:7500",
       .help = "where other brokers connect"},
      {.name = "advertise",
       .type = OptionType::kString,
       .unit = "HOST:PORT",
       .help = "the client address told to others (default: listen)"},
      {.name = "advertise.peer",
       .type = OptionType::kString,
       .unit = "HOST:PORT",
       .help = "the peer address told to others (default: listen.peer)"},
      {.name = "seeds",
       .type = OptionType::kList,
       .unit = "HOST:PORT,…",
       .help = "peer addresses that a blank broker asks for its cluster"},
      {.name = "security.allow.plaintext",
       .type = OptionType::kBool,
       .fallback = "false",
       .help = "allow listeners beyond loopback although nothing is encrypted or authenticated"},
      bytes_option("tail.cache.bytes", "64MiB", kMiB, 64 * 1024 * kMiB,
                   "recent entries kept in memory for readers"),
      bytes_option("journal.file.bytes", "16MiB", 1 * kMiB, 1024 * kMiB, "size of a journal file"),
      bytes_option("journal.max.bytes", "256MiB", 16 * kMiB, 64 * 1024 * kMiB,
                   "size of all journal files together"),
      bytes_option("segment.bytes", "64MiB", 1 * kMiB, 1024 * kMiB, "a segment ends at this size"),
      bytes_option("disk.reserve.bytes", "64MiB", 0, 1024 * 1024 * kMiB,
                   "free space that records may not use; writes are refused before it is touched"),
      bytes_option("max.message.bytes", "1MiB", 1024, kMostMessageBytes,
                   "the largest record batch, unless its topic says otherwise"),
      {.name = "disk.stall",
       .type = OptionType::kDuration,
       .fallback = "1s",
       .min = 50,
       .max = 600'000,
       .help = "a journal write that takes longer costs this broker its leaderships; other work of "
               "the disk: ten times as long"},
      {.name = "create.timeout",
       .type = OptionType::kDuration,
       .fallback = "10s",
       .min = 1000,
       .max = 3'600'000,
       .help = "a partition that is not created after this long begins anew on live brokers"},
      {.name = "replace.after",
       .type = OptionType::kDuration,
       .fallback = "10m",
       .min = 1000,
       .max = 7 * 24 * 3'600'000,
       .help = "replicas of a broker that is silent for this long are made anew on others"},
      {.name = "retention.ms",
       .type = OptionType::kInteger,
       .unit = "MS",
       .fallback = "604800000",
       .min = -1,
       .help = "records may go this long after they were appended, unless their topic says "
               "otherwise; -1: never for their age"},
      {.name = "retention.bytes",
       .type = OptionType::kInteger,
       .unit = "BYTES",
       .fallback = "-1",
       .min = -1,
       .help = "the oldest records of a partition may go while more than this is kept, unless "
               "their topic says otherwise; -1: no bound"},
      {.name = "retention.check.interval",
       .type = OptionType::kDuration,
       .fallback = "5s",
       .min = 100,
       .max = 3'600'000,
       .help = "time between looks at what may go"},
      {.name = "log.level",
       .type = OptionType::kChoice,
       .fallback = "info",
       .choices = {"debug", "info", "warn", "error"},
       .help = "what is logged to stderr"},
  };
  table = with_environment(std::move(table));
  table.push_back({.name = "config",
                   .flag = 'c',
                   .type = OptionType::kString,
                   .unit = "FILE",
                   .help = "read settings from this INI file",
                   .env = "STRANDLOG_CONFIG"});
  table.push_back({.name = "dev",
                   .type = OptionType::kBool,
                   .fallback = "false",
                   .help = "one broker that founds a cluster of itself, in ./strandlog-dev unless "
                           "data.dir says otherwise"});
  table.push_back({.name = "check-config",
                   .type = OptionType::kBool,
                   .fallback = "false",
                   .help = "check the settings and exit: 0 good, 2 bad"});
  table.push_back({.name = "print-config",
                   .type = OptionType::kChoice,
                   .choices = {"default", "effective"},
                   .help = "print the settings and exit"});
  table.push_back({.name = "output",
                   .flag = 'o',
                   .type = OptionType::kChoice,
                   .fallback = "ini",
                   .choices = {"ini", "json", "md"},
                   .help = "the form of --print-config"});
  table.push_back({.name = "version",
                   .type = OptionType::kBool,
                   .fallback = "false",
                   .help = "print the version and exit"});
  table.push_back({.name = "help",
                   .flag = 'h',
                   .type = OptionType::kBool,
                   .fallback = "false",
                   .help = "print this and exit"});
  return table;
}

Result<Settings> settings_from(const OptionValues& values) {
  Settings settings;
  BrokerConfig& broker = settings.broker;
  bool dev = values.flag("dev");
  if (!dev && !values.has("broker.id")) {
    return Error{Code::kInvalidArgument, "broker.id is required: --broker.id 1, or in the file"};
  }
  if (!dev && !values.has("data.dir")) {
    return Error{Code::kInvalidArgument, "data.dir is required: --data.dir DIR, or in the file"};
  }
  broker.id =
      BrokerId{values.has("broker.id") ? static_cast<uint64_t>(values.integer("broker.id")) : 1};
  settings.data_dir = values.has("data.dir") ? values.text("data.dir") : "strandlog-dev";
  broker.found_alone = dev;
  broker.listen = values.text("listen");
  broker.listen_peer = values.text("listen.peer");
  broker.advertise = values.has("advertise") ? values.text("advertise") : broker.listen;
  broker.advertise_peer =
      values.has("advertise.peer") ? values.text("advertise.peer") : broker.listen_peer;
  broker.seeds = values.list("seeds");
  std::vector<std::string> addresses = {broker.listen, broker.listen_peer, broker.advertise,
                                        broker.advertise_peer};
  addresses.insert(addresses.end(), broker.seeds.begin(), broker.seeds.end());
  for (const std::string& address : addresses) TRY(check_address(address));
  bool plaintext = values.flag("security.allow.plaintext");
  for (const std::string& address : {broker.listen, broker.listen_peer}) {
    if (plaintext || is_loopback(address)) continue;
    return Error{Code::kInvalidArgument,
                 address +
                     " is not a loopback address and nothing is encrypted yet; to accept that: "
                     "security.allow.plaintext=true"};
  }
  broker.max_message_bytes = static_cast<uint32_t>(values.bytes("max.message.bytes"));
  broker.disk_stall_ms = values.duration("disk.stall").count();
  broker.create_timeout_ms = values.duration("create.timeout").count();
  broker.replace_after_ms = values.duration("replace.after").count();
  broker.retention_ms = values.integer("retention.ms");
  broker.retention_bytes = values.integer("retention.bytes");
  broker.retention_check_ms = values.duration("retention.check.interval").count();
  broker.store.tail_cache_bytes = values.bytes("tail.cache.bytes");
  broker.store.journal_file_bytes = values.bytes("journal.file.bytes");
  broker.store.journal_max_bytes = values.bytes("journal.max.bytes");
  broker.store.segment_bytes = values.bytes("segment.bytes");
  broker.store.reserve_bytes = values.bytes("disk.reserve.bytes");
  // Any one request must find room beside the file in use and those kept for votes and checkpoints.
  constexpr uint64_t kLargestRequest = 16u << 20;
  if (broker.store.journal_max_bytes < 4 * broker.store.journal_file_bytes + kLargestRequest) {
    return Error{Code::kInvalidArgument,
                 "journal.max.bytes must be at least four times journal.file.bytes and 16 MiB"};
  }
  constexpr const char* kLevels[] = {"debug", "info", "warn", "error"};
  for (int i = 0; i < 4; ++i) {
    if (values.text("log.level") == kLevels[i]) settings.log_level = static_cast<LogLevel>(i);
  }
  return settings;
}

}  // namespace strandlog::broker
