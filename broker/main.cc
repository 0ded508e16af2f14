// strandlogd: the composition root; settings, directory, seams, one shard, signals.
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/log.h"
#include "base/option_print.h"
#include "base/system_env.h"
#include "base/version.h"
#include "broker/settings.h"
#include "broker/shard.h"
#include "store/data_directory.h"
#include "store/memory_state_store.h"
#include "store/posix_disk.h"
#include "store/rocks_state_store.h"
#include "wire/zmq_transport.h"

namespace strandlog::broker {
namespace {

// Exit codes of the daemon; README lists them.
constexpr int kOther = 1, kBadConfig = 2, kForeignDirectory = 6, kDamaged = 8;

int complain(const Error& error, int code) {
  std::string_view name = code_name(error.code);
  std::fprintf(stderr, "strandlogd: error[%.*s]: %s\n", static_cast<int>(name.size()), name.data(),
               error.text.c_str());
  return code;
}

int exit_code_of_directory(Code code) {
  if (code == Code::kLocked || code == Code::kWrongIdentity || code == Code::kDenied) {
    return kForeignDirectory;
  }
  return code == Code::kCorruption ? kDamaged : kOther;
}

Result<OptionValues> read_options(const std::vector<std::string>& arguments) {
  OptionTable table = daemon_options();
  OptionSources sources{.arguments = arguments, .environment = strandlog_environment()};
  ASSIGN(OptionValues first, parse_options(table, sources));
  if (!first.has("config")) return first;
  sources.file_name = first.text("config");
  std::ifstream file(sources.file_name);
  if (!file) {
    return Error{Code::kInvalidArgument, "cannot read the configuration file " + sources.file_name};
  }
  sources.file_text.assign(std::istreambuf_iterator<char>(file), {});
  return parse_options(table, sources);
}

OptionFormat format_of(const std::string& name) {
  if (name == "json") return OptionFormat::kJson;
  return name == "md" ? OptionFormat::kMarkdown : OptionFormat::kIni;
}

int print_config(const OptionValues& values) {
  OptionTable table = daemon_options();
  // What only means something on the command line is no setting.
  std::erase_if(table,
                [](const Option& option) { return option.env.empty() || option.name == "config"; });
  OptionValues shown = values;
  if (values.text("print-config") == "default") {
    auto defaults = parse_options(daemon_options(), {});
    if (!defaults.ok()) return complain(defaults.error(), kOther);
    shown = *defaults;
  }
  std::printf("%s", print_options(table, shown, format_of(values.text("output"))).c_str());
  return 0;
}

// The directory says whose it is, so that without its journal it is not taken for a blank one.
Result<void> mark_cluster(const Shard& shard, store::DataDirectory& directory) {
  ClusterId cluster = shard.cluster();
  if (cluster.is_nil() || directory.identity().cluster == cluster) return {};
  return directory.join(cluster);
}

int serve(Shard& shard, wire::ZmqTransport& transport, store::PosixDisk& disk,
          store::DataDirectory& directory, Clock& clock, int signals) {
  constexpr int64_t kLongestWaitUs = 1'000'000;
  std::string told;
  for (;;) {
    shard.run_once();
    if (shard.failure()) {
      LOG(kError, "stopping at once", kv("why", shard.failure()->text));
      return complain(*shard.failure(),
                      shard.failure()->code == Code::kWrongIdentity ? kForeignDirectory : kOther);
    }
    if (shard.stopped()) break;
    if (auto marked = mark_cluster(shard, directory); !marked.ok()) {
      return complain(marked.error(), exit_code_of_directory(marked.error().code));
    }
    if (std::string state = shard.state(); state != told) {
      LOG(kInfo, "state", kv("now", state));
      told = state;
    }
    signalfd_siginfo info;
    if (read(signals, &info, sizeof info) == sizeof info) shard.begin_stop();
    int64_t until = shard.next_deadline().us - clock.now().us;
    if (until > 0) transport.wait(std::min(until, kLongestWaitUs), {disk.wake_fd(), signals});
  }
  LOG(kInfo, "stopped");
  return 0;
}

// A partition with data holds a file open, a client a socket.
void allow_many_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// What lies there can be computed again: whatever is wrong with it, the broker starts.
Result<std::unique_ptr<store::StateStore>> open_state(const std::string& path) {
  auto opened = store::RocksStateStore::open(path);
  if (opened.ok()) {
    if (!opened->dropped.empty()) {
      LOG(kWarn, "state/ was damaged: its tables are made again", kv("why", opened->dropped));
    }
    return std::unique_ptr<store::StateStore>(std::move(opened->store));
  }
  if (opened.error().code == Code::kLocked) return opened.error();
  LOG(kWarn, "state/ cannot be used: its tables are made again at every start",
      kv("why", opened.error().text));
  return std::unique_ptr<store::StateStore>(std::make_unique<store::MemoryStateStore>());
}

/// A life of the process on its directory. An error: it ended before it said anything to anybody.
Result<int> live(const Settings& settings, int signals) {
  SystemClock clock;
  SystemRandom random;
  ASSIGN(auto directory,
         store::DataDirectory::open_or_format(settings.data_dir, settings.broker.id, random));
  ASSIGN(auto disk, store::PosixDisk::open(settings.data_dir));
  wire::ZmqTransport transport;
  TRY(transport.listen(ListenerKind::kClient, settings.broker.listen));
  TRY(transport.listen(ListenerKind::kPeer, settings.broker.listen_peer));
  StoreId store_id = directory.identity().store;
  ASSIGN(auto opened, store::Store::open(settings.broker.store, *disk, random, store_id));
  ASSIGN(auto state, open_state(settings.data_dir + "/state"));
  LOG(kInfo, "started", kv("version", kVersion), kv("broker", settings.broker.id),
      kv("store", store_id), kv("boot", opened->boot_epoch()), kv("listen", settings.broker.listen),
      kv("peers", settings.broker.listen_peer));
  ASSIGN(auto shard,
         Shard::open(settings.broker, store_id, clock, random, *opened, *state, transport));
  const ClusterId& marked = directory.identity().cluster;
  if (!marked.is_nil() && shard->cluster() != marked) {
    return Error{Code::kCorruption,
                 settings.data_dir + " belongs to cluster " + marked.text() +
                     " and its journal does not say so: the journal was lost or replaced. Restore "
                     "it, or wipe the directory and start with an empty one"};
  }
  int code = serve(*shard, transport, *disk, directory, clock, signals);
  if (code == 0) {
    if (auto kept = state->flush(); !kept.ok()) {
      LOG(kWarn, "state/ is not flushed: the next start has more to do",
          kv("why", kept.error().text));
    }
  }
  return code;
}

/// Somebody may have copies of what is here, and take this broker in again.
bool has_others(const BrokerConfig& config) {
  return std::any_of(config.seeds.begin(), config.seeds.end(), [&](const std::string& seed) {
    return seed != config.advertise_peer && seed != config.listen_peer;
  });
}

/// A store that cannot be trusted is no use to anybody: as one whose disk is new the broker gets
/// its replicas back. False: said why not.
bool set_aside(const Settings& settings, const Error& why) {
  SystemRandom random;
  auto fresh = store::DataDirectory::set_aside(settings.data_dir, settings.broker.id, random);
  if (!fresh.ok()) {
    LOG(kError, "the directory could not be set aside", kv("why", fresh.error().text));
    return false;
  }
  LOG(kError,
      "this store cannot be trusted: it is set aside, and the broker begins with an empty one",
      kv("why", why.text), kv("to", settings.data_dir + "/lost"),
      kv("store", fresh->identity().store));
  return true;
}

int run(const Settings& settings) {
  set_log_level(settings.log_level);
  allow_many_files();
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  sigprocmask(SIG_BLOCK, &stop_signals, nullptr);  // before any thread: all inherit it
  signal(SIGPIPE, SIG_IGN);
  umask(077);  // RocksDB asks for 0644
  int signals = signalfd(-1, &stop_signals, SFD_NONBLOCK | SFD_CLOEXEC);

  auto code = live(settings, signals);
  if (!code.ok() && code.error().code == Code::kCorruption && has_others(settings.broker) &&
      set_aside(settings, code.error())) {
    code = live(settings, signals);
  }
  close(signals);
  if (code.ok()) return *code;
  bool bad_setting = code.error().code == Code::kInvalidArgument;
  return complain(code.error(),
                  bad_setting ? kBadConfig : exit_code_of_directory(code.error().code));
}

int main_with(const std::vector<std::string>& arguments) {
  auto values = read_options(arguments);
  if (!values.ok()) return complain(values.error(), kBadConfig);
  if (values->flag("help")) {
    std::printf(
        "strandlogd: a Strandlog broker\n\nusage: strandlogd --config FILE | --dev "
        "[options]\n\n%s",
        option_help(daemon_options(), terminal_width(STDOUT_FILENO)).c_str());
    return 0;
  }
  if (values->flag("version")) {
    std::printf("strandlogd %s\n", kVersion);
    return 0;
  }
  if (!values->positionals().empty()) {
    return complain({Code::kInvalidArgument, "unexpected argument \"" + values->positionals()[0] +
                                                 "\": see strandlogd --help"},
                    kBadConfig);
  }
  if (values->has("print-config") && values->text("print-config") == "default") {
    return print_config(*values);
  }
  auto settings = settings_from(*values);
  if (!settings.ok()) return complain(settings.error(), kBadConfig);
  if (values->has("print-config")) return print_config(*values);
  if (values->flag("check-config")) {
    std::printf("the settings are good\n");
    return 0;
  }
  return run(*settings);
}

}  // namespace
}  // namespace strandlog::broker

int main(int argc, char** argv) { return strandlog::broker::main_with({argv + 1, argv + argc}); }
