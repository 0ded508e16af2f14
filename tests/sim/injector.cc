// Each kind of fault: how it begins, how long it stays.
#include "tests/sim/injector.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "tests/sim/effects.h"

namespace strandlog::sim {
namespace {

constexpr int64_t kLongestEffectUs = 10'000'000;
constexpr int64_t kLongestFallUs = 8'000'000;
constexpr int64_t kCleanStopUs = 3'500'000;  // it takes less
constexpr int64_t kFailureLookUs = 100'000;
constexpr int kFailureLooks = 100;

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

Time Injector::lasts(Fault fault, const std::string& host, int64_t us, std::function<void()> end) {
  Time& until = until_[{fault, host}];
  until = std::max(until, Time{cluster_.schedule().now().us + us});
  later(us, [this, &until, end = std::move(end)] {
    if (cluster_.schedule().now() >= until) end();
  });
  return until;
}

void Injector::strike(const Strike& strike) {
  Dice dice(strike.seed);
  SimBroker& one = any_broker(dice);
  cluster_.note(std::string(name_of(strike.fault)) + " " + one.host());
  std::optional<uint64_t> before = effect_of_each(strike.fault, cluster_);
  if (!befalls(strike.fault, one, dice)) return;
  if (!before) {
    ++counts_[strike.fault];
    return;
  }
  uint64_t number = strikes_++;
  unseen_[number] = {strike.fault, *before};
  later(kLongestEffectUs, [this, number] { count_if_seen(number); });
}

void Injector::count_if_seen(uint64_t number) {
  Unseen strike = unseen_.extract(number).mapped();
  if (*effect_of_each(strike.fault, cluster_) > strike.before) ++counts_[strike.fault];
}

void Injector::end() {
  *active_ = false;
  while (!unseen_.empty()) count_if_seen(unseen_.begin()->first);
}

bool Injector::is_drawn(Fault fault) const {
  return std::find(drawn_.begin(), drawn_.end(), fault) != drawn_.end();
}

bool Injector::befalls(Fault fault, SimBroker& one, Dice& dice) {
  switch (fault) {
    case Fault::kKill:
      return kill(one, dice);
    case Fault::kVoterDies:
      return kill_next_voter(dice);
    case Fault::kPowerLoss:
    case Fault::kTornWrites:
    case Fault::kLostNames:
      return lose_power(one, draw_harm(fault, dice), dice);
    case Fault::kPause:
      return pause(one, dice.between(100'000, 10'000'000));
    case Fault::kSleepwalk:
      return sleepwalk(one, dice);
    case Fault::kLeadersFall:
      return fell_leaders(dice);
    case Fault::kAdrift:
      return set_adrift(dice);
    case Fault::kCleanStop:
      return stop(one, dice);
    case Fault::kClock:
      return set_clock(one, dice.between(-3'600'000, 3'600'000));
    case Fault::kCut:
    case Fault::kOneWay:
      return cut(one, fault == Fault::kOneWay, dice);
    case Fault::kReset:
      return reset(one, dice);
    case Fault::kReplay:
      return replay(one, dice);
    case Fault::kLose:
    case Fault::kDouble:
    case Fault::kNarrow:
    case Fault::kLatency:
      return change_weather(fault, dice);
    case Fault::kDiskStall:
      return stall_disk(one, dice);
    case Fault::kDiskFull:
      return fill_disk(one, dice);
    case Fault::kDiskError:
      return fail_disk(one, dice);
    case Fault::kWipe:
      return wipe(one, dice);
  }
  return false;
}

bool Injector::kill(SimBroker& one, Dice& dice) {
  bool was_up = one.is_up();
  one.kill();
  down_for_a_while(one, dice);
  return was_up && !one.is_up();
}

bool Injector::wipe(SimBroker& one, Dice& dice) {
  if (!cluster_.can_spare(one)) return false;
  one.wipe();
  down_for_a_while(one, dice);
  return true;
}

bool Injector::pause(SimBroker& one, int64_t us) {
  one.pause();
  lasts(Fault::kPause, one.host(), us, [&one] { one.resume(); });
  return one.is_paused();
}

bool Injector::stop(SimBroker& one, Dice& dice) {
  bool was_up = one.is_up();
  one.begin_stop();
  later(kCleanStopUs, [this, &one, was_up, dice]() mutable {
    if (was_up && !one.is_up()) ++counts_[Fault::kCleanStop];
    down_for_a_while(one, dice);
  });
  return false;
}

bool Injector::stall_disk(SimBroker& one, Dice& dice) {
  one.stall_disk(dice.between(100, 5'000));
  return one.is_up();
}

bool Injector::fill_disk(SimBroker& one, Dice& dice) {
  one.disk().leave_free(dice.pick<uint64_t>({0, 4u << 10, 300u << 10}));
  lasts(Fault::kDiskFull, one.host(), dice.between(500'000, 10'000'000),
        [&one] { one.disk().set_capacity(store::FakeDisk::kAmple); });
  return one.is_up();
}

bool Injector::replay(SimBroker& one, Dice& dice) {
  bool any = false;
  for (int i = 0; i < 5; ++i) {
    any |= cluster_.network().replay(one.host(), any_broker(dice).host());
  }
  return any;
}

// It believes that no time has passed, and nobody but clients can tell it otherwise.
bool Injector::sleepwalk(SimBroker& one, Dice& dice) {
  int64_t sleeps = dice.between(1'500'000, 8'000'000), walks = dice.between(500'000, 3'000'000);
  later(sleeps + walks, isolate(one));
  return pause(one, sleeps);
}

Injector::End Injector::cut(const Ways& ways) {
  for (const auto& [from, to] : ways) cluster_.network().cut(from, to);
  return [this, ways, ended = std::make_shared<bool>(false)] {
    if (std::exchange(*ended, true)) return;
    for (const auto& [from, to] : ways) cluster_.network().heal(from, to);
  };
}

Injector::End Injector::isolate(SimBroker& one) {
  Ways ways;
  for (auto& other : cluster_.brokers()) {
    if (other.get() == &one) continue;
    ways.emplace_back(one.host(), other->host());
    ways.emplace_back(other->host(), one.host());
  }
  return cut(ways);
}

// As if to lead were too much for a link: it carries some of the first appends or none, and is well
// again when another one leads.
bool Injector::fell_leaders(Dice& dice) {
  SimBroker& first = busy_leader();
  End rejoins = isolate(first);
  later(kLongestFallUs, rejoins);
  await_fall({&first, rejoins, std::nullopt, 1 + dice.below(4), kLongestFallUs, dice});
  return first.is_up() && cluster_.broker_count() > 1;
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
    if (fall.last && fall.last != &next) fall.rejoins();
    fall.rejoins = isolate(next);
    later(fall.longest_us, fall.rejoins);
    fall.last = &next;
    --fall.left;
    await_fall(fall);
  });
}

Injector::End Injector::deafen(SimBroker& one) {
  Ways ways;
  for (auto& other : cluster_.brokers()) {
    if (other.get() != &one) ways.emplace_back(other->host(), one.host());
  }
  return cut(ways);
}

// What it writes and what it says go the same way, as with disks on the network; the one may be
// gone before the other and come back later. It may hear less than it says: then others have more
// of its entries than it learns. Who leads in its place may fall as well, for a moment.
bool Injector::set_adrift(Dice& dice) {
  SimBroker& one = busy_leader();
  cluster_.note(one.host() + " goes adrift");
  int64_t speaks = dice.between(0, 600'000), writes = dice.between(0, 600'000);
  int64_t drifts = dice.between(1'000'000, 8'000'000);
  int64_t stalls_ms = (drifts + speaks - writes) / 1000 + dice.between(0, 1'500);
  int64_t hears = speaks - (dice.percent(50) ? dice.between(0, speaks / 2) : 0);
  later(writes, [&one, stalls_ms] { one.stall_disk(stalls_ms); });
  later(hears, [this, &one, lasts = drifts + speaks - hears] { later(lasts, deafen(one)); });
  later(speaks, [this, &one, drifts] { later(drifts, isolate(one)); });
  await_fall({nullptr, {}, std::nullopt, dice.below(3), dice.between(700'000, 2'000'000), dice});
  return one.is_up();
}

// Its answer has time to arrive; what it wrote beside it, perhaps not.
bool Injector::kill_next_voter(Dice& dice) {
  int64_t dies = dice.between(300, 5'000), back = dice.between(1'000, 400'000);
  cluster_.watch().await_vote([this, dies, back, dice](const VoteSeen& vote) {
    later(dies, [this, &one = broker_on(vote.host), back, dice] {
      cluster_.note(one.host() + " voted and dies");
      bool was_up = one.is_up();
      one.kill();
      if (was_up && !one.is_up()) ++counts_[Fault::kVoterDies];
      cluster_.start_later(one, back, dice, [active = active_] { return *active; });
    });
  });
  return false;
}

// Where sectors tear and names are lost, sometimes both at once.
store::FakeDisk::Harm Injector::draw_harm(Fault fault, Dice& dice) const {
  bool tears = fault == Fault::kTornWrites, loses = fault == Fault::kLostNames;
  bool both = is_drawn(Fault::kTornWrites) && is_drawn(Fault::kLostNames) && dice.percent(50);
  return {tears || (loses && both), loses || (tears && both)};
}

bool Injector::set_clock(SimBroker& one, int64_t offset_ms) {
  if (!one.is_up()) return one.set_wall_offset(offset_ms), false;
  int64_t before = one.clock().wall_ms();
  one.set_wall_offset(offset_ms);
  return one.clock().wall_ms() != before;
}

// Of one broker, sometimes of others at the same time.
bool Injector::lose_power(SimBroker& one, store::FakeDisk::Harm harm, Dice& dice) {
  bool any = false;
  for (auto& broker : cluster_.brokers()) {
    if (broker.get() != &one && !dice.percent(20)) continue;
    bool was_up = broker->is_up();
    broker->lose_power(harm);
    any |= was_up && !broker->is_up();
    down_for_a_while(*broker, dice);
  }
  return any;
}

bool Injector::reset(SimBroker& one, Dice& dice) {
  bool any = false;
  for (int i = 0; i < 3; ++i) {
    any |= cluster_.network().reset(one.host(), any_broker(dice).host(), dice.percent(50));
  }
  const SimClient& client = *cluster_.clients()[dice.below(cluster_.clients().size())];
  any |= cluster_.network().reset(client.host(), one.host(), dice.percent(50));
  return any;
}

bool Injector::cut(SimBroker& one, bool one_way, Dice& dice) {
  bool from_all = dice.percent(60), with_clients = dice.percent(50);
  bool outwards = dice.percent(50);
  Ways ways;
  auto add = [&](const std::string& other) {
    if (!one_way || outwards) ways.emplace_back(one.host(), other);
    if (!one_way || !outwards) ways.emplace_back(other, one.host());
  };
  for (auto& other : cluster_.brokers()) {
    if (other.get() != &one && (from_all || dice.percent(50))) add(other->host());
  }
  for (auto& client : cluster_.clients()) {
    if (with_clients && dice.percent(50)) add(client->host());
  }
  for (const auto& [from, to] : ways) cluster_.note("cut " + from + " -> " + to);
  later(dice.between(200'000, 20'000'000), cut(ways));
  return !ways.empty();
}

bool Injector::change_weather(Fault fault, Dice& dice) {
  Network::Weather& weather = cluster_.network().weather();
  int64_t us = dice.between(500'000, 8'000'000);
  if (fault == Fault::kLose) {
    weather.lost_percent = dice.pick<uint64_t>({1, 5, 30});
    lasts(fault, "", us, [&weather] { weather.lost_percent = 0; });
  } else if (fault == Fault::kDouble) {
    weather.doubled_percent = dice.pick<uint64_t>({1, 20});
    lasts(fault, "", us, [&weather] { weather.doubled_percent = 0; });
  } else if (fault == Fault::kNarrow) {
    weather.bytes_per_ms = dice.pick<uint64_t>({20, 125, 1'000});
    weather.narrow_until = lasts(fault, "", us, [&weather] { weather.bytes_per_ms = 0; });
  } else {
    weather.extra_latency_us = dice.between(1'000, 300'000);
    lasts(fault, "", us, [&weather] { weather.extra_latency_us = 0; });
  }
  return true;
}

// One kind of step in one folder, whichever is taken more often: journals would have nearly all.
bool Injector::fail_disk(SimBroker& one, Dice& dice) {
  using Step = store::FakeDisk::Step;
  static const std::vector<std::pair<Step, const char*>> kSteps = {
      {Step::kWrite, "journal"},
      {Step::kWrite, "partitions"},
      {Step::kFlush, "journal"},
      {Step::kFlush, "partitions"},
      {Step::kAllocate, "journal"},
      {Step::kFlushDirectory, "journal"},
      {Step::kFlushDirectory, "partitions"},
  };
  const auto& [step, folder] = dice.pick(kSteps);
  uint64_t nth = 1 + dice.below(step == Step::kWrite || step == Step::kFlush ? 20 : 3);
  store::FakeDisk& disk = one.disk();
  if (disk.is_failing()) return false;
  if (step == Step::kFlush) {
    disk.fail_flush(nth, dice.percent(50), folder);
  } else {
    disk.fail(step, nth, folder);
  }
  await_failure(one, disk.errors_made_up(), kFailureLooks, dice);
  return false;
}

void Injector::await_failure(SimBroker& one, uint64_t failures, int looks, Dice dice) {
  later(kFailureLookUs, [this, &one, failures, looks, dice]() mutable {
    if (one.disk().errors_made_up() > failures) {
      cluster_.note("a step of the disk of " + one.host() + " failed");
      ++counts_[Fault::kDiskError];
      return down_for_a_while(one, dice);
    }
    if (!one.disk().is_failing()) return;  // a loss of power came first
    if (looks > 0) return await_failure(one, failures, looks - 1, dice);
    one.disk().fail_nothing();
  });
}

}  // namespace strandlog::sim
