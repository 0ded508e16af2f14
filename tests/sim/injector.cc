// Each kind of fault: how it begins, how long it stays.
#include "tests/sim/injector.h"

#include <algorithm>

namespace strandlog::sim {

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
  for (auto& other : cluster_.brokers()) {
    if (other.get() == &one) continue;
    cluster_.network().cut(one.host(), other->host());
    cluster_.network().cut(other->host(), one.host());
  }
  later(sleeps, [&one] { one.resume(); });
  later(sleeps + walks, [this, &one] {
    for (auto& other : cluster_.brokers()) {
      cluster_.network().heal(one.host(), other->host());
      cluster_.network().heal(other->host(), one.host());
    }
  });
}

// Its answer has time to arrive; what it wrote beside it, perhaps not.
void Injector::kill_next_voter(Dice& dice) {
  int64_t dies = dice.between(300, 5'000), back = dice.between(1'000, 400'000);
  cluster_.watch().await_vote([this, dies, back, dice](const VoteSeen& vote) {
    for (auto& broker : cluster_.brokers()) {
      if (broker->host() != vote.host) continue;
      later(dies, [this, &one = *broker, back, dice] {
        cluster_.note(one.host() + " voted and dies");
        one.kill();
        cluster_.start_later(one, back, dice, [active = active_] { return *active; });
      });
    }
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
