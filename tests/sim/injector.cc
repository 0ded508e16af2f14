// Each kind of fault: how it begins, how long it stays.
#include "tests/sim/injector.h"

#include <algorithm>

namespace strandlog::sim {
namespace {

constexpr int64_t kLongestFallUs = 8'000'000;

}  // namespace

void Injector::begin(const std::vector<Strike>& strikes) {
  *active_ = true;
  for (const Strike& one : strikes) {
    later(one.at_ms * 1000, [this, one] { strike(one); });
  }
}

void Injector::later(int64_t us, std::function<void()> what) {
  cluster_.schedule().after_us(us, [active = active_, what = std::move(what)] {
    if (*active) what();
  });
}

SimBroker& Injector::any_broker(Dice& dice) {
  return cluster_.broker(1 + dice.below(cluster_.broker_count()));
}

SimBroker& Injector::broker_on(const std::string& host) {
  auto is_it = [&](const auto& broker) { return broker->host() == host; };
  return **std::find_if(cluster_.brokers().begin(), cluster_.brokers().end(), is_it);
}

SimBroker& Injector::busy_leader() {
  const auto& seen = cluster_.watch().busy_leader();
  return seen ? broker_on(*seen) : cluster_.broker(1);
}

void Injector::down_for_a_while(SimBroker& broker, Dice& dice) {
  int64_t us = dice.between(100'000, 8'000'000);
  cluster_.start_later(broker, us, dice.fork(), [active = active_] { return *active; });
}

void Injector::strike(const Strike& strike) {
  Dice dice(strike.seed);
  ++counts_[strike.fault];
  SimBroker& one = any_broker(dice);
  cluster_.note(std::string(name_of(strike.fault)) + " " + one.host());
  switch (strike.fault) {
    case Fault::kKill:
      one.kill();
      return down_for_a_while(one, dice);
    case Fault::kVoterDies:
      return kill_next_voter(dice);
    case Fault::kPowerLoss:
    case Fault::kTornWrites:
    case Fault::kLostNames: {
      bool tears = strike.fault == Fault::kTornWrites;
      return lose_power(one, {tears, strike.fault == Fault::kLostNames}, dice);
    }
    case Fault::kPause:
      one.pause();
      return later(dice.between(100'000, 10'000'000), [&one] { one.resume(); });
    case Fault::kSleepwalk:
      return sleepwalk(one, dice);
    case Fault::kLeadersFall:
      return fell_leaders(dice);
    case Fault::kAdrift:
      return set_adrift(dice);
    case Fault::kCleanStop:
      one.begin_stop();
      return later(3'500'000, [this, &one, dice]() mutable { down_for_a_while(one, dice); });
    case Fault::kClock:
      if (one.is_up()) one.clock().wall_offset_ms = dice.between(-3'600'000, 3'600'000);
      return;
    case Fault::kCut:
    case Fault::kOneWay:
      return cut(one, strike.fault == Fault::kOneWay, dice);
    case Fault::kReset:
      return reset(one, dice);
    case Fault::kReplay:
      for (int i = 0; i < 5; ++i) cluster_.network().replay(one.host(), any_broker(dice).host());
      return;
    case Fault::kLose:
    case Fault::kDouble:
    case Fault::kNarrow:
    case Fault::kLatency:
      return change_weather(strike.fault, dice);
    case Fault::kDiskStall:
      return one.stall_disk(dice.between(100, 5'000));
    case Fault::kDiskFull:
      one.disk().leave_free(dice.pick<uint64_t>({0, 4u << 10, 300u << 10}));
      return later(dice.between(500'000, 10'000'000),
                   [&one] { one.disk().set_capacity(store::FakeDisk::kAmple); });
    case Fault::kDiskError:
      return fail_disk(one, dice);
  }
}

// It believes that no time has passed, and nobody but clients can tell it otherwise.
void Injector::sleepwalk(SimBroker& one, Dice& dice) {
  int64_t sleeps = dice.between(1'500'000, 8'000'000), walks = dice.between(500'000, 3'000'000);
  one.pause();
  isolate(one);
  later(sleeps, [&one] { one.resume(); });
  later(sleeps + walks, [this, &one] { rejoin(one); });
}

void Injector::isolate(SimBroker& one) {
  for (auto& other : cluster_.brokers()) {
    if (other.get() == &one) continue;
    cluster_.network().cut(one.host(), other->host());
    cluster_.network().cut(other->host(), one.host());
  }
}

void Injector::rejoin(SimBroker& one) {
  for (auto& other : cluster_.brokers()) {
    cluster_.network().heal(one.host(), other->host());
    cluster_.network().heal(other->host(), one.host());
  }
}

// As if to lead were too much for a link: it carries some of the first appends or none, and is well
// again when another one leads.
void Injector::fell_leaders(Dice& dice) {
  SimBroker& first = busy_leader();
  isolate(first);
  later(kLongestFallUs, [this, &first] { rejoin(first); });
  await_fall({&first, std::nullopt, 1 + dice.below(4), kLongestFallUs, dice});
}

void Injector::await_fall(const Fall& fall) {
  if (fall.left == 0) return;
  cluster_.watch().await_leader([this, active = active_, fall](const LeaderSeen& seen) {
    if (!*active) return;
    if (fall.group && fall.group != seen.group) return await_fall(fall);
    begin_fall(fall, seen);
  });
}

void Injector::begin_fall(Fall fall, const LeaderSeen& seen) {
  SimBroker& next = broker_on(seen.host);
  fall.group = seen.group;
  auto most = fall.dice.pick<uint64_t>({1, 1, 3'000, 20'000});
  later(static_cast<int64_t>(fall.dice.below(most)), [this, &next, fall]() mutable {
    cluster_.note(next.host() + " leads and falls");
    if (fall.last && fall.last != &next) rejoin(*fall.last);
    isolate(next);
    later(fall.longest_us, [this, &next] { rejoin(next); });
    fall.last = &next;
    --fall.left;
    await_fall(fall);
  });
}

// What it writes and what it says go the same way, as with disks on the network; the one may be
// gone before the other and come back later. Who leads in its place may fall as well, for a moment.
void Injector::set_adrift(Dice& dice) {
  SimBroker& one = busy_leader();
  cluster_.note(one.host() + " goes adrift");
  int64_t speaks = dice.between(0, 600'000), writes = dice.between(0, 600'000);
  int64_t drifts = dice.between(1'000'000, 8'000'000);
  int64_t stalls_ms = (drifts + speaks - writes) / 1000 + dice.between(0, 1'500);
  later(writes, [&one, stalls_ms] { one.stall_disk(stalls_ms); });
  later(speaks, [this, &one] { isolate(one); });
  later(speaks + drifts, [this, &one] { rejoin(one); });
  await_fall({nullptr, std::nullopt, dice.below(3), dice.between(700'000, 2'000'000), dice});
}

// Its answer has time to arrive; what it wrote beside it, perhaps not.
void Injector::kill_next_voter(Dice& dice) {
  int64_t dies = dice.between(300, 5'000), back = dice.between(1'000, 400'000);
  cluster_.watch().await_vote([this, dies, back, dice](const VoteSeen& vote) {
    later(dies, [this, &one = broker_on(vote.host), back, dice] {
      cluster_.note(one.host() + " voted and dies");
      one.kill();
      cluster_.start_later(one, back, dice, [active = active_] { return *active; });
    });
  });
}

// Of one broker, sometimes of others at the same time.
void Injector::lose_power(SimBroker& one, store::FakeDisk::Harm harm, Dice& dice) {
  for (auto& broker : cluster_.brokers()) {
    if (broker.get() != &one && !dice.percent(20)) continue;
    broker->lose_power(harm);
    down_for_a_while(*broker, dice);
  }
}

void Injector::reset(SimBroker& one, Dice& dice) {
  for (int i = 0; i < 3; ++i) {
    cluster_.network().reset(one.host(), any_broker(dice).host(), dice.percent(50));
  }
  const SimClient& client = *cluster_.clients()[dice.below(cluster_.clients().size())];
  cluster_.network().reset(client.host(), one.host(), dice.percent(50));
}

void Injector::cut(SimBroker& one, bool one_way, Dice& dice) {
  bool from_all = dice.percent(60), with_clients = dice.percent(50);
  bool outwards = dice.percent(50);
  std::vector<std::pair<std::string, std::string>> cuts;
  auto add = [&](const std::string& other) {
    if (!one_way || outwards) cuts.emplace_back(one.host(), other);
    if (!one_way || !outwards) cuts.emplace_back(other, one.host());
  };
  for (auto& other : cluster_.brokers()) {
    if (other.get() != &one && (from_all || dice.percent(50))) add(other->host());
  }
  for (auto& client : cluster_.clients()) {
    if (with_clients && dice.percent(50)) add(client->host());
  }
  for (const auto& [from, to] : cuts) {
    cluster_.note("cut " + from + " -> " + to);
    cluster_.network().cut(from, to);
  }
  later(dice.between(200'000, 20'000'000), [this, cuts] {
    for (const auto& [from, to] : cuts) cluster_.network().heal(from, to);
  });
}

void Injector::change_weather(Fault fault, Dice& dice) {
  Network::Weather& weather = cluster_.network().weather();
  int64_t lasts = dice.between(500'000, 8'000'000);
  if (fault == Fault::kLose) {
    weather.lost_percent = dice.pick<uint64_t>({1, 5, 30});
    later(lasts, [&weather] { weather.lost_percent = 0; });
  } else if (fault == Fault::kDouble) {
    weather.doubled_percent = dice.pick<uint64_t>({1, 20});
    later(lasts, [&weather] { weather.doubled_percent = 0; });
  } else if (fault == Fault::kNarrow) {
    weather.bytes_per_ms = dice.pick<uint64_t>({20, 125, 1'000});
    weather.narrow_until = cluster_.schedule().now().plus_ms(lasts / 1000);
    later(lasts, [&weather] { weather.bytes_per_ms = 0; });
  } else {
    weather.extra_latency_us = dice.between(1'000, 300'000);
    later(lasts, [&weather] { weather.extra_latency_us = 0; });
  }
}

void Injector::fail_disk(SimBroker& one, Dice& dice) {
  if (dice.percent(50)) {
    one.disk().fail_write(1 + dice.below(20));
  } else {
    one.disk().fail_flush(1 + dice.below(20), dice.percent(50));
  }
  later(2'000'000, [this, &one, dice]() mutable { down_for_a_while(one, dice); });
}

}  // namespace strandlog::sim
