// Scenario files: commands to a small cluster and the whole trace they must produce.
// STRANDLOG_REWRITE=1 writes the trace of this build into the files; review it as a diff.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "tests/raft/cluster.h"

namespace strandlog::raft {
namespace {

/// `cluster voters=N [learners=N] [keep=N] [spares=N]`, `change U voters=A,B [learners=C]` and
/// `campaign U`, `tick U [N]`, `tick-all [N]`, `propose U [N]`, `read U TOKEN`, `transfer A B`,
/// `step-down U`, `deliver [N]`, `write U`, `settle`, `crash U`, `restart U`, `cut A B`, `heal A
/// B`, `status`.
class Script {
 public:
  /// What `line` leads to, one line each.
  std::vector<std::string> run(const std::string& line) {
    std::istringstream words(line);
    words >> verb_;
    arguments_.clear();
    for (std::string word; words >> word;) {
      arguments_.push_back(
          word.substr(word.find('=') == std::string::npos ? 0 : word.find('=') + 1));
    }
    if (verb_ == "cluster") {
      found();
    } else {
      act();
    }
    std::vector<std::string> lines = std::move(cluster_->trace);
    cluster_->trace.clear();
    for (const std::string& violation : cluster_->violations()) lines.push_back("!! " + violation);
    return lines;
  }

 private:
  uint64_t number(size_t position, uint64_t otherwise = 0) const {
    return position < arguments_.size() ? std::stoull(arguments_[position]) : otherwise;
  }

  void found() {
    cluster_ = std::make_unique<Cluster>(ClusterOptions{
        .voters = number(0, 3),
        .learners = number(1),
        .spares = number(3),
        .seed = 1,
        .config = {.group = {}, .self = {}, .election_ticks = 10, .heartbeat_ticks = 2},
        .keep_entries = number(2)});
    cluster_->tracing = true;
  }

  void act() {
    Cluster& cluster = *cluster_;
    const uint64_t a = number(0, 1);
    const uint64_t b = number(1, 1);
    const std::map<std::string, std::function<void()>> verbs = {
        {"campaign", [&] { campaign(a); }},
        {"tick", [&] { repeat(b, [&] { cluster.tick(a); }); }},
        {"tick-all", [&] { repeat(a, [&] { cluster.tick_all(); }); }},
        {"propose", [&] { repeat(b, [&] { cluster.propose(a); }); }},
        {"read", [&] { cluster.read(a, b); }},
        {"transfer", [&] { cluster.transfer(a, b); }},
        {"change", [&] { change(a); }},
        {"step-down", [&] { cluster.step_down(a); }},
        {"deliver", [&] { repeat(a, [&] { cluster.deliver_one(); }); }},
        {"write", [&] { cluster.write_one(a); }},
        {"settle", [&] { cluster.settle(); }},
        {"crash", [&] { cluster.crash(a); }},
        {"restart", [&] { cluster.restart(a); }},
        {"cut", [&] { cluster.cut(a, b); }},
        {"heal", [&] { cluster.heal(a, b); }},
        {"status", [&] { status(); }},
    };
    auto verb = verbs.find(verb_);
    if (verb == verbs.end()) {
      cluster.trace.push_back("!! unknown command " + verb_);
    } else {
      verb->second();
    }
  }

  static void repeat(uint64_t count, const std::function<void()>& call) {
    for (uint64_t i = 0; i < count; ++i) call();
  }

  std::vector<uint64_t> uids(size_t position) const {
    std::vector<uint64_t> out;
    if (position >= arguments_.size()) return out;
    std::istringstream list(arguments_[position]);
    for (std::string uid; std::getline(list, uid, ',');) out.push_back(std::stoull(uid));
    return out;
  }

  void change(uint64_t uid) {
    auto done = cluster_->change(uid, uids(1), uids(2));
    if (!done.ok()) cluster_->trace.push_back("  refused: " + done.error().text);
  }

  void campaign(uint64_t uid) {
    for (int i = 0; i < 50 && cluster_->group(uid).role() == Role::kFollower; ++i) {
      cluster_->tick(uid);
    }
  }

  void status() {
    static constexpr const char* kNames[] = {"follower", "pre-candidate", "candidate", "leader"};
    for (uint64_t uid : cluster_->uids()) {
      if (!cluster_->is_up(uid)) {
        cluster_->trace.push_back("  " + std::to_string(uid) + " down");
        continue;
      }
      const Status now = cluster_->group(uid).status();
      cluster_->trace.push_back(
          "  " + std::to_string(uid) + " " + kNames[static_cast<size_t>(now.role)] + " term=" +
          std::to_string(now.term.value) + " leader=" + std::to_string(now.leader.value) +
          " log=(" + std::to_string(now.start.value) + "," + std::to_string(now.last.value) +
          "] durable=" + std::to_string(now.durable.value) +
          " commit=" + std::to_string(now.commit.value) + (now.quiet ? " quiet" : ""));
    }
  }

  std::string verb_;
  std::vector<std::string> arguments_;
  std::unique_ptr<Cluster> cluster_;
};

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The file as this build would write it.
std::string replay(const std::string& text) {
  Script script;
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("#") || line.empty()) {
      out += line + "\n";
    } else if (line.starts_with("> ")) {
      out += line + "\n";
      for (const std::string& traced : script.run(line.substr(2))) out += traced + "\n";
    }
  }
  return out;
}

class GroupScenario : public testing::TestWithParam<std::string> {};

TEST_P(GroupScenario, ProducesTheRecordedTrace) {
  const std::filesystem::path path = std::filesystem::path(STRANDLOG_SCENARIOS) / GetParam();
  const std::string recorded = read_text(path);

  const std::string replayed = replay(recorded);

  EXPECT_EQ(replayed.find("!!"), std::string::npos) << replayed;
  if (std::getenv("STRANDLOG_REWRITE") != nullptr) {
    std::ofstream(path) << replayed;
  } else {
    EXPECT_EQ(replayed, recorded) << "review with STRANDLOG_REWRITE=1";
  }
}

std::vector<std::string> scenario_files() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(STRANDLOG_SCENARIOS)) {
    names.push_back(file.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Files, GroupScenario, testing::ValuesIn(scenario_files()),
                         [](const auto& file) {
                           std::string name = file.param.substr(0, file.param.find('.'));
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace strandlog::raft
