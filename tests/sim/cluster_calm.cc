// Calm: what a cluster whose majorities are well must not do.
#include <algorithm>

#include "tests/sim/cluster.h"

namespace strandlog::sim {
namespace {

constexpr int64_t kMostUnrestMs = 30'000;
constexpr int64_t kCalmMs = 3'000;
constexpr size_t kProbeBytes = 20;

}  // namespace

void SimCluster::await_calm() {
  Time last = schedule_.now().plus_ms(kMostUnrestMs);
  for (uint64_t seen = UINT64_MAX; seen != watch_.leaderships(); run_ms(kCalmMs)) {
    if (schedule_.now() > last) return violated("I24: leaders change though all is healed");
    seen = watch_.leaderships();
  }
}

std::map<GroupId, Term> SimCluster::followed_by(size_t number) {
  std::map<GroupId, Term> out;
  for (const auto& [group, holders] : holders_of_groups()) {
    auto own = holders.find(number);
    auto led = watch_.newest_leadership(group);
    if (holders.size() < 3 || own == holders.end() || !led || led->leader == own->second) continue;
    out[group] = led->term;
  }
  return out;
}

void SimCluster::expect_undisturbed(const std::string& topic) {
  auto has_failed = [&](const Sent& sent) {
    return sent.outcome == Sent::Outcome::kFailed && sent.where.topic == topic;
  };
  auto failed = std::count_if(history_.sent.begin(), history_.sent.end(), has_failed);
  if (failed > 0) {
    violated("I24: nothing was done to anybody, and " + std::to_string(failed) + " sends to " +
             topic + " failed");
  }
  for (const auto& [client, count] : history_.possible_duplicates) {
    // What is under way when its topic is deleted may have been written.
    if (count == 0 || !history_.deleted.empty()) continue;
    violated("I24: nothing was done to anybody, and client " + std::to_string(client) + " sent " +
             std::to_string(count) + " records again");
  }
  // While a topic is deleted, some of its replicas are gone before others.
  auto held = holders_of_groups();
  for (const auto& [group, terms] : watch_.terms_led()) {
    if (terms == 1 || !held.contains(group)) continue;
    violated("I24: nothing was done to anybody, and a group was led in " + std::to_string(terms) +
             " terms");
  }
  ++figures_.undisturbed;
}

void SimCluster::disturb(size_t number, Dice& dice) {
  bool hears = dice.percent(30), is_heard = !hears && dice.percent(50);
  for (auto& other : brokers_) {
    if (!is_heard) network_.cut(broker(number).host(), other->host());
    if (!hears) network_.cut(other->host(), broker(number).host());
  }
  note(broker(number).host() + " " +
       (hears      ? "hears but is not heard"
        : is_heard ? "is heard but hears nobody"
                   : "is cut off"));
  run_ms(dice.between(1'000, 12'000));
  network_.heal_all();
  run_ms(kCalmMs);
}

void SimCluster::cut_off_a_follower(Dice dice) {
  await_calm();
  size_t number = 1 + dice.below(brokers_.size());
  std::map<GroupId, Term> before = followed_by(number);
  if (before.empty()) return;
  ++figures_.followers_cut_off;
  if (dice.percent(60)) {
    for (const Place& where : places_to_read()) {
      operator_->produce(where, topics_.at(where.topic).partitions, kProbeBytes);
    }
  }
  disturb(number, dice);
  for (const auto& [group, term] : before) {
    Term after = watch_.newest_leadership(group)->term;
    if (after == term) continue;
    violated("I24: " + broker(number).host() +
             " was cut off and came back, and a group it follows " + "went from term " +
             std::to_string(term.value) + " to " + std::to_string(after.value));
  }
  if (!wait_for(kMostUnrestMs, [&] { return operator_->open_sends() == 0; })) {
    violated("I24: a follower was cut off, and sends are open 30 s later");
  }
}

}  // namespace strandlog::sim
