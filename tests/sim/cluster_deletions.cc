// Topics that come and go, and who must not have them any more.
#include <algorithm>

#include "tests/sim/cluster.h"

namespace strandlog::sim {
namespace {

constexpr int64_t kGoneMs = 30'000;

}  // namespace

void SimCluster::add_topic(const std::string& name, const SimTopic& topic) {
  topics_[name] = topic;
  history_.incarnations.made(name, topic.id);
}

void SimCluster::delete_topic(const std::string& name) {
  SimTopic& topic = topics_.at(name);
  topic.is_doubtful = true;
  history_.deleted.try_emplace(history_.incarnations.now(name), schedule_.now());
  note("delete " + name);
  auto removed = admin().delete_topic(name);
  note("delete " + name + ": " + (removed.ok() ? "done" : removed.error().text));
  // An attempt that seemed to fail may have been the one that did it.
  if (!removed.ok() && removed.error().code != client::Code::kNotFound) return;
  gone_[topic.id] = name;
  topics_.erase(name);
}

const SimTopic* SimCluster::topic_of(const TopicId& id) const {
  auto is_it = [text = id.text()](const auto& topic) { return topic.second.id == text; };
  auto found = std::find_if(topics_.begin(), topics_.end(), is_it);
  return found == topics_.end() || found->second.is_doubtful ? nullptr : &found->second;
}

std::optional<std::string> SimCluster::holder_of_deleted() const {
  for (const auto& broker : brokers_) {
    if (!broker->is_up()) continue;
    for (const auto& [uid, replica] : broker->store().replicas()) {
      if (replica.life == store::Life::kDead) continue;
      auto found = gone_.find(replica.spec.topic.text());
      if (found == gone_.end()) continue;
      return broker->host() + " holds replica " + std::to_string(uid.value) + " of " +
             found->second;
    }
  }
  return std::nullopt;
}

void SimCluster::settle_deletions() {
  std::set<std::string> listed;
  bool is_told = wait_for(kGoneMs, [&] {
    auto all = admin().list_topics();
    if (!all.ok()) return false;
    for (const auto& one : *all) listed.insert(one.id);
    return true;
  });
  if (!is_told) return violated("I24: topics are not listed after everything was healed");
  for (const auto& [name, topic] : topics_) {
    if (topic.is_doubtful && !listed.contains(topic.id)) gone_[topic.id] = name;
  }
  std::erase_if(topics_, [&](const auto& topic) { return gone_.contains(topic.second.id); });
  for (auto& [name, topic] : topics_) {
    if (std::exchange(topic.is_doubtful, false)) {
      history_.deleted.erase(history_.incarnations.now(name));
    }
  }
  for (const auto& [id, name] : gone_) {
    if (listed.contains(id)) violated("topic " + name + " was deleted and is listed");
  }
  figures_.deletions_checked += gone_.size();
  std::optional<std::string> holder;
  wait_for(kGoneMs, [&] { return !(holder = holder_of_deleted()); });
  if (holder) violated("I24: " + *holder + ", which was deleted");
}

}  // namespace strandlog::sim
