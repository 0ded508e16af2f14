// dev: a cluster of brokers on this machine, to try things on and to break.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <thread>

#include "strandlog/admin.h"
#include "tools/ask.h"
#include "tools/dev_cluster.h"
#include "tools/interrupt.h"

namespace strandlog::tools {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kReadyPatience{30000};
constexpr milliseconds kStopPatience{15000};
constexpr milliseconds kAskPatience{1000};
constexpr milliseconds kPause{5};

Result<client::Client> dev_client(const DevCluster& cluster) {
  client::ClientConfig config;
  config.servers = cluster.endpoints();
  config.request_timeout = kAskPatience;
  config.connect_timeout = kAskPatience;
  return lift(client::Client::connect(std::move(config)));
}

/// "all", or numbers of brokers; none named means what `by_default` says.
Result<std::vector<int>> chosen(const Invocation& invocation, const DevCluster& cluster) {
  std::vector<int> all;
  for (int broker = 1; broker <= cluster.size(); ++broker) all.push_back(broker);
  std::vector<int> brokers;
  for (const auto& text : invocation.positionals) {
    if (text == "all") return all;
    int broker = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), broker);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
      return Error{Code::kInvalidArgument, "\"" + text + "\" is neither a broker's number nor all"};
    if (broker < 1 || broker > cluster.size())
      return Error{Code::kNotFound,
                   "no broker " + text + ": there are 1 to " + std::to_string(cluster.size())};
    brokers.push_back(broker);
  }
  return brokers.empty() ? all : brokers;
}

/// The broker's own sentence about itself; empty while it does not answer.
std::string sentence(const DevCluster& cluster, client::Admin& admin, int broker) {
  if (!accepts_connections(cluster.endpoint(broker))) return "";
  const auto status = admin.broker_status(cluster.endpoint(broker));
  return status.ok() && status->broker == broker ? status->state : "";
}

std::string state_word(const DevCluster& cluster, client::Admin& admin, int broker) {
  switch (cluster.state(broker)) {
    case ProcessState::kGone:
      return "stopped";
    case ProcessState::kPaused:
      return "paused";
    case ProcessState::kRunning:
      return sentence(cluster, admin, broker).starts_with("ready") ? "ready" : "starting";
  }
  return "stopped";
}

Report status_report(const DevCluster& cluster, client::Admin& admin) {
  Report report{.document = Json::array()};
  Table table({"BROKER", "PID", "STATE", "ENDPOINT", "DATA"});
  for (int broker = 1; broker <= cluster.size(); ++broker) {
    const std::string state = state_word(cluster, admin, broker);
    const Json pid = state == "stopped" ? Json() : Json(cluster.process(broker).pid);
    report.document.push_back({{"broker", broker},
                               {"pid", pid},
                               {"state", state},
                               {"endpoint", cluster.endpoint(broker)},
                               {"data", cluster.data_path(broker)}});
    report.names.push_back(std::to_string(broker));
    table.add({std::to_string(broker), pid.is_null() ? "-" : pid.dump(), state,
               cluster.endpoint(broker), cluster.data_path(broker)});
  }
  report.table = table.text();
  return report;
}

/// After a verb that changes something: the new state, for those who asked for it.
Result<Exit> done(const Invocation& invocation, const DevCluster& cluster) {
  if (!invocation.format_given) return Exit::kDone;
  ASSIGN(auto client, dev_client(cluster));
  auto admin = client.admin();
  invocation.print(status_report(cluster, admin));
  return Exit::kDone;
}

/// Brings brokers to the point where they serve. All waits end at one deadline.
class Bringup {
 public:
  Bringup(const DevCluster& cluster, client::Admin& admin)
      : cluster_(cluster), admin_(admin), deadline_(Clock::now() + kReadyPatience) {}

  /// The first sentence of each, once it answers.
  Result<std::vector<std::string>> wait_answering(const std::vector<int>& brokers) {
    std::vector<std::string> sentences;
    for (int broker : brokers) {
      std::string last;
      while ((last = sentence(cluster_, admin_, broker)).empty())
        TRY(still_waiting(broker, "does not answer"));
      sentences.push_back(last);
    }
    return sentences;
  }

  Result<void> wait_ready(const std::vector<int>& brokers) {
    for (int broker : brokers) {
      std::string last = sentence(cluster_, admin_, broker);
      while (!last.starts_with("ready")) {
        TRY(still_waiting(broker, last.empty() ? "does not answer" : last));
        last = sentence(cluster_, admin_, broker);
      }
    }
    return {};
  }

  /// Until the catalog has a leader that hears all of them: then topics can be placed on them.
  Result<client::ClusterDescription> wait_registered(const std::vector<int>& brokers) {
    while (true) {
      auto cluster = lift(admin_.describe_cluster());
      if (cluster.ok() && cluster->catalog_leader != 0) {
        const bool all = std::all_of(brokers.begin(), brokers.end(), [&](int wanted) {
          return std::any_of(
              cluster->brokers.begin(), cluster->brokers.end(),
              [&](const auto& known) { return known.broker == wanted && known.alive; });
        });
        if (all) return cluster;
      }
      TRY(still_waiting(brokers.front(),
                        cluster.ok() ? "is not registered with the others" : cluster.error().text));
    }
  }

 private:
  /// Pauses a little, or says why waiting has become useless.
  Result<void> still_waiting(int broker, const std::string& why) const {
    const std::string who = "broker " + std::to_string(broker);
    if (interrupted()) return Error{Code::kInterrupted, "interrupted while waiting for " + who};
    if (cluster_.state(broker) == ProcessState::kGone) {
      return Error{Code::kInternal, who + " ended right after its start; its log " +
                                        cluster_.log_path(broker) + " ends\n" +
                                        cluster_.log_tail(broker, 10)};
    }
    if (Clock::now() >= deadline_) {
      return Error{Code::kTimeout, who + " is not ready after 30 s: " + why +
                                       "\n  see: strandlog dev logs " + std::to_string(broker) +
                                       " --dir " + cluster_.directory()};
    }
    std::this_thread::sleep_for(kPause);
    return {};
  }

  const DevCluster& cluster_;
  client::Admin& admin_;
  Clock::time_point deadline_;
};

Result<void> select_profile(const DevCluster& cluster) {
  const std::string path = profile_path();
  if (path.empty()) return Error{Code::kNotFound, "neither XDG_CONFIG_HOME nor HOME is set"};
  std::error_code failure;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failure);
  if (failure) return Error{Code::kIo, "making the place of " + path + ": " + failure.message()};
  std::string servers;
  for (const auto& endpoint : cluster.endpoints())
    servers += (servers.empty() ? "" : ",") + endpoint;
  return write_file(path, "# written by strandlog dev up for " + cluster.directory() +
                              "\nserver = " + servers + "\n");
}

/// Forgets the profile if it is the one this cluster selected.
void unselect_profile(const DevCluster& cluster) {
  const auto text = read_file(profile_path());
  if (text.ok() &&
      text->starts_with("# written by strandlog dev up for " + cluster.directory() + "\n"))
    ::unlink(profile_path().c_str());
}

std::vector<int> running(const DevCluster& cluster) {
  std::vector<int> brokers;
  for (int broker = 1; broker <= cluster.size(); ++broker)
    if (cluster.state(broker) == ProcessState::kRunning) brokers.push_back(broker);
  return brokers;
}

bool all_unfounded(const std::vector<std::string>& sentences) {
  return std::all_of(sentences.begin(), sentences.end(), [](const std::string& sentence) {
    return sentence.starts_with("blank") || sentence.starts_with("prepared");
  });
}

/// None is started when one cannot be.
Result<void> start_all(DevCluster& cluster, const std::vector<int>& brokers,
                       const std::string& program) {
  for (int broker : brokers) TRY(cluster.check_ports(broker));
  for (int broker : brokers) TRY(cluster.start(broker, program));
  return {};
}

std::optional<int> given(const OptionValues& values, const char* name) {
  if (!values.has(name)) return std::nullopt;
  return static_cast<int>(values.integer(name));
}

Result<Exit> up(Invocation& invocation) {
  const auto begun = Clock::now();
  const OnInterrupt on_interrupt({});
  const auto& values = invocation.values;
  ASSIGN(const auto program, program_beside("strandlogd"));
  ASSIGN(auto cluster, DevCluster::open_or_make(values.text("dir"), given(values, "brokers"),
                                                given(values, "port-base")));
  std::vector<int> all;
  for (int broker = 1; broker <= cluster.size(); ++broker) all.push_back(broker);
  TRY(start_all(cluster, all, program));
  const auto brokers = running(cluster);
  if (brokers.empty())
    return Error{Code::kConflict,
                 "every broker is paused\n  strandlog dev resume all --dir " + cluster.directory()};
  ASSIGN(auto client, dev_client(cluster));
  auto admin = client.admin();
  Bringup bringup(cluster, admin);
  ASSIGN(const auto sentences, bringup.wait_answering(brokers));
  if (all_unfounded(sentences) && static_cast<int>(brokers.size()) == cluster.size()) {
    TRY(lift(admin.found(cluster.endpoints())));
  }
  TRY(bringup.wait_ready(brokers));
  ASSIGN(const auto description, bringup.wait_registered(brokers));
  const auto selected = select_profile(cluster);
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  invocation.note("cluster " + description.cluster.substr(0, 8) + "  " +
                  std::to_string(brokers.size()) + " brokers ready in " + fixed(seconds, 1) +
                  " s   data " + cluster.directory() +
                  (selected.ok() ? "   profile selected" : ""));
  if (!selected.ok())
    invocation.note("no profile: " + selected.error().text + "\n  name the brokers: -s " +
                    cluster.endpoint(1) + " or STRANDLOG_SERVERS");
  invocation.note(
      "try:  printf 'a\\nb\\n' | strandlog produce hello --create && strandlog cat hello");
  if (invocation.format_given) invocation.print(status_report(cluster, admin));
  return Exit::kDone;
}

Result<Exit> start(Invocation& invocation) {
  const OnInterrupt on_interrupt({});
  ASSIGN(const auto program, program_beside("strandlogd"));
  ASSIGN(auto cluster, DevCluster::open(invocation.values.text("dir")));
  ASSIGN(const auto brokers, chosen(invocation, cluster));
  TRY(start_all(cluster, brokers, program));
  ASSIGN(auto client, dev_client(cluster));
  auto admin = client.admin();
  Bringup bringup(cluster, admin);
  const auto awake = running(cluster);
  std::vector<int> started;
  std::set_intersection(brokers.begin(), brokers.end(), awake.begin(), awake.end(),
                        std::back_inserter(started));
  TRY(bringup.wait_answering(started));
  if (awake.size() * 2 <= static_cast<size_t>(cluster.size())) {
    invocation.note("only " + std::to_string(awake.size()) + " of " +
                    std::to_string(cluster.size()) +
                    " brokers run: none can be ready before a majority does");
  } else {
    TRY(bringup.wait_ready(started));
  }
  return done(invocation, cluster);
}

using Step = Result<void> (DevCluster::*)(int);

Result<Exit> each(Invocation& invocation, Step step) {
  ASSIGN(auto cluster, DevCluster::open(invocation.values.text("dir")));
  ASSIGN(const auto brokers, chosen(invocation, cluster));
  for (int broker : brokers) TRY((cluster.*step)(broker));
  return done(invocation, cluster);
}

Result<Exit> kill(Invocation& invocation) { return each(invocation, &DevCluster::kill); }
Result<Exit> pause(Invocation& invocation) { return each(invocation, &DevCluster::pause); }
Result<Exit> resume(Invocation& invocation) { return each(invocation, &DevCluster::resume); }
Result<Exit> wipe(Invocation& invocation) { return each(invocation, &DevCluster::wipe); }

Result<Exit> stop(Invocation& invocation) {
  ASSIGN(auto cluster, DevCluster::open(invocation.values.text("dir")));
  ASSIGN(const auto brokers, chosen(invocation, cluster));
  for (int broker : brokers) cluster.terminate(broker);
  for (int broker : brokers) TRY(cluster.wait_stopped(broker, kStopPatience));
  return done(invocation, cluster);
}

Result<Exit> down(Invocation& invocation) {
  ASSIGN(auto cluster, DevCluster::open(invocation.values.text("dir")));
  for (int broker = 1; broker <= cluster.size(); ++broker) cluster.terminate(broker);
  for (int broker = 1; broker <= cluster.size(); ++broker) {
    if (cluster.wait_stopped(broker, kStopPatience).ok()) continue;
    invocation.note("broker " + std::to_string(broker) + " did not stop within 15 s: killed");
    TRY(cluster.kill(broker));
  }
  if (!invocation.values.flag("wipe")) return done(invocation, cluster);
  unselect_profile(cluster);
  TRY(cluster.remove_all());
  if (invocation.format_given) invocation.print({.document = Json::array()});
  return Exit::kDone;
}

Result<Exit> status(Invocation& invocation) {
  ASSIGN(auto cluster, DevCluster::open(invocation.values.text("dir")));
  ASSIGN(auto client, dev_client(cluster));
  auto admin = client.admin();
  invocation.print(status_report(cluster, admin));
  return Exit::kDone;
}

Result<Exit> logs(Invocation& invocation) {
  ASSIGN(auto cluster, DevCluster::open(invocation.values.text("dir")));
  ASSIGN(const auto brokers, chosen(invocation, cluster));
  const auto lines = static_cast<size_t>(invocation.values.integer("lines"));
  Report report{.document = Json::array()};
  for (int broker : brokers) {
    const std::string text = cluster.log_tail(broker, lines);
    if (brokers.size() > 1) report.table += "==> " + cluster.log_path(broker) + "\n";
    report.table += text;
    report.names.push_back(cluster.log_path(broker));
    report.document.push_back(
        {{"broker", broker}, {"path", cluster.log_path(broker)}, {"log", text}});
  }
  invocation.print(report);
  return Exit::kDone;
}

}  // namespace

std::vector<Command> dev_commands() {
  const Option dir{.name = "dir",
                   .flag = 'd',
                   .unit = "D",
                   .fallback = "./.strandlog-dev",
                   .help = "where the brokers' data, configuration and logs live"};
  const Positional brokers{
      .name = "N", .help = "brokers by number, or all", .required = true, .repeated = true};
  const std::string json =
      R"([{"broker":1,"pid":4242|null,"state":"ready|stopped|paused|starting",)"
      R"("endpoint":"127.0.0.1:17400","data":"…"},…])";
  const ExitMeanings exits = {
      {Exit::kNotFound, "no development cluster there, or no such broker"},
      {Exit::kUnreachable, "not done in time"},
      {Exit::kConflict, "not possible in the state it is in, or another command holds it for 30 s"},
      {Exit::kCorruption, "dev.json is damaged"}};
  const auto verb = [&](const char* name, const char* summary, Handler handler) {
    return Command{.path = std::string("dev ") + name,
                   .summary = summary,
                   .options = {dir},
                   .positionals = {brokers},
                   .examples = {std::string("strandlog dev ") + name + " 2"},
                   .json = json,
                   .exits = exits,
                   .handler = handler};
  };
  return {
      {.path = "dev up",
       .summary =
           "start a cluster on this machine, or what of it is stopped, and select its profile",
       .options = {{.name = "brokers",
                    .flag = 'n',
                    .type = OptionType::kInteger,
                    .min = 1,
                    .max = 10,
                    .help = "how many (default 3, or as recorded)"},
                   dir,
                   {.name = "port-base",
                    .type = OptionType::kInteger,
                    .min = 1024,
                    .max = 65000,
                    .help = "client port of broker 1 (default 17400, or as recorded); of broker "
                            "i: + 10(i-1), for peers 100 more"}},
       .examples = {"strandlog dev up -n 3"},
       .json = json,
       .exits = {{Exit::kUnreachable, "not ready within 30 s"},
                 {Exit::kConflict, "a port is taken, or the directory holds another shape"},
                 {Exit::kCorruption, "dev.json is damaged"}},
       .handler = up},
      {.path = "dev status",
       .summary = "show each broker's process and state",
       .options = {dir},
       .examples = {"strandlog dev status -o json"},
       .json = json,
       .exits = exits,
       .handler = status},
      verb("start", "start stopped brokers and wait until they are ready", start),
      verb("stop", "stop brokers cleanly", stop),
      verb("kill", "end brokers at once, with SIGKILL", kill),
      verb("pause", "freeze brokers, with SIGSTOP", pause),
      verb("resume", "let frozen brokers go on", resume),
      verb("wipe", "delete the data of stopped brokers", wipe),
      {.path = "dev logs",
       .summary = "print the last lines of the brokers' logs",
       .options = {dir,
                   {.name = "lines",
                    .flag = 'n',
                    .type = OptionType::kInteger,
                    .fallback = "50",
                    .min = 1,
                    .max = 1000000,
                    .help = "so many of each"}},
       .positionals = {{.name = "N",
                        .help = "brokers by number, or all",
                        .required = false,
                        .repeated = true}},
       .examples = {"strandlog dev logs 2"},
       .json = R"([{"broker","path","log"},…])",
       .exits = exits,
       .handler = logs},
      {.path = "dev down",
       .summary = "stop all brokers",
       .options = {dir,
                   {.name = "wipe",
                    .type = OptionType::kBool,
                    .help = "delete everything `dev up` made as well"}},
       .examples = {"strandlog dev down", "strandlog dev down --wipe"},
       .json = json,
       .exits = exits,
       .handler = down},
  };
}

}  // namespace strandlog::tools
