// Runtime: the only file of the client with a thread, locks and the real clock.
#include "client/runtime.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/system_env.h"
#include "client/error.h"
#include "wire/zmq_transport.h"

namespace strandlog::client {

// --------------------------------------------------------------------------------------- Gate

struct Gate::Parts {
  std::mutex mutex;
  std::condition_variable changed;
};

Gate::Gate() : parts_(std::make_unique<Parts>()) {}
Gate::~Gate() = default;
void Gate::lock() { parts_->mutex.lock(); }
void Gate::unlock() { parts_->mutex.unlock(); }
void Gate::notify() { parts_->changed.notify_all(); }
void Gate::wait(const std::function<bool()>& ready) {
  std::unique_lock lock(parts_->mutex);
  parts_->changed.wait(lock, ready);
}

bool Gate::wait_ms(int64_t ms, const std::function<bool()>& ready) {
  std::unique_lock lock(parts_->mutex);
  return parts_->changed.wait_for(lock, std::chrono::milliseconds(std::max<int64_t>(ms, 0)), ready);
}

// ------------------------------------------------------------------------------------ Runtime

namespace {

// SystemRandom buffers; several threads may found or make producers at once.
class LockedRandom : public Random {
 public:
  uint64_t next() override {
    std::lock_guard lock(mutex_);
    return random_.next();
  }

 private:
  std::mutex mutex_;
  SystemRandom random_;
};

// The library wakes at least this often, whatever the core says.
constexpr int64_t kLongestWaitUs = 1'000'000;

}  // namespace

struct Runtime::Loop {
  explicit Loop(const ClientConfig& config)
      : core(transport, {config.servers, config.client_id, config.connect_timeout.count()}) {}

  void work() {
    std::vector<Command> taken;
    std::vector<NetEvent> events;
    while (!stopping.load()) {
      Time next = core.next_deadline();
      int64_t wait_us = std::clamp<int64_t>(next.us - clock.now().us, 0, kLongestWaitUs);
      transport.wait(wait_us, {});
      // Before looking: whoever adds something after this wakes the next wait.
      nudged.store(false);
      {
        std::lock_guard lock(mutex);
        taken.swap(commands);
      }
      Time now = clock.now();
      for (Command& command : taken) command(core, now);
      taken.clear();
      transport.poll(events);
      for (NetEvent& event : events) core.handle(now, std::move(event));
      events.clear();
      core.turn(now);
    }
  }

  SystemClock clock;
  LockedRandom random;
  wire::ZmqTransport transport;
  Core core;
  std::mutex mutex;
  std::vector<Command> commands;
  std::atomic<bool> nudged{false};
  std::atomic<bool> stopping{false};
  Gate calls;  ///< of everybody who waits for an answer
  std::atomic<bool> interrupted{false};
  std::set<Gate*> watched;  ///< under `mutex`
  std::thread thread;
};

// A value that one thread waits for and the library's sets, once.
template <class T>
class Runtime::Slip {
 public:
  explicit Slip(Loop& loop) : loop_(loop) {}
  void set(T value) {
    loop_.calls.with([&] { value_.emplace(std::move(value)); });
    loop_.calls.notify();
  }
  /// Nothing when interrupted first.
  std::optional<T> take() {
    loop_.calls.wait([this] { return value_.has_value() || loop_.interrupted.load(); });
    return loop_.calls.with([this] { return std::move(value_); });
  }
  T take_uninterrupted() {
    loop_.calls.wait([this] { return value_.has_value(); });
    return std::move(*value_);
  }

 private:
  Loop& loop_;
  std::optional<T> value_;  ///< under `calls`
};

Runtime::Runtime(const ClientConfig& config) : loop_(std::make_unique<Loop>(config)) {
  loop_->thread = std::thread([loop = loop_.get()] { loop->work(); });
}

Runtime::~Runtime() {
  loop_->stopping.store(true);
  loop_->transport.wake();
  loop_->thread.join();
}

bool Runtime::on_own_thread() const { return std::this_thread::get_id() == loop_->thread.get_id(); }

void Runtime::nudge() {
  if (!loop_->nudged.exchange(true)) loop_->transport.wake();
}

void Runtime::post(Command command) {
  {
    std::lock_guard lock(loop_->mutex);
    loop_->commands.push_back(std::move(command));
  }
  nudge();
}

void Runtime::run(Command command) {
  if (on_own_thread()) return command(loop_->core, now());
  // Shared: the setter still touches it when the waiter is gone.
  auto done = std::make_shared<Slip<bool>>(*loop_);
  post([&command, done](Core& core, Time at) {
    command(core, at);
    done->set(true);
  });
  done->take_uninterrupted();
}

Error interrupted_error(Written written) {
  return public_error(strandlog::Code::kInterrupted, "interrupted by Client::interrupt()", written);
}

void Runtime::interrupt() {
  loop_->calls.with([this] { loop_->interrupted.store(true); });
  loop_->calls.notify();
  std::lock_guard lock(loop_->mutex);
  for (Gate* gate : loop_->watched) {
    // Whoever is about to wait has asked already; only then may it be told.
    gate->with([] {});
    gate->notify();
  }
}

bool Runtime::interrupted() const { return loop_->interrupted.load(); }
void Runtime::watch(Gate& gate) {
  std::lock_guard lock(loop_->mutex);
  loop_->watched.insert(&gate);
}
void Runtime::unwatch(Gate& gate) {
  std::lock_guard lock(loop_->mutex);
  loop_->watched.erase(&gate);
}

std::optional<Error> Runtime::why_not_wait() const {
  if (on_own_thread()) {
    return public_error(strandlog::Code::kInvalidArgument,
                        "a callback must not wait for an answer: it runs on the thread that would "
                        "bring it");
  }
  if (interrupted()) return interrupted_error(Written::kNo);
  return std::nullopt;
}

Time Runtime::now() { return loop_->clock.now(); }
int64_t Runtime::wall_ms() { return loop_->clock.wall_ms(); }
Random& Runtime::random() { return loop_->random; }
void Runtime::pause(int64_t ms) {
  (void)loop_->calls.wait_ms(ms, [this] { return loop_->interrupted.load(); });
}

Reply Runtime::call(const std::string& address, wire::RequestBody body, int64_t timeout_ms) {
  if (auto refusal = why_not_wait()) return Reply{std::move(refusal), {}, {}};
  auto slip = std::make_shared<Slip<Reply>>(*loop_);
  post([=, body = std::move(body)](Core& core, Time at) mutable {
    Outgoing outgoing;
    outgoing.address = address;
    outgoing.body = std::move(body);
    outgoing.deadline = at.plus_ms(timeout_ms);
    core.requests().send(at, std::move(outgoing),
                         [slip](Reply reply) { slip->set(std::move(reply)); });
  });
  auto reply = slip->take();
  return reply ? std::move(*reply) : Reply{interrupted_error(Written::kMaybe), {}, {}};
}

AnyReply Runtime::ask_any(wire::RequestBody body, int64_t timeout_ms, int64_t attempt_ms) {
  if (auto refusal = why_not_wait()) return AnyReply{std::move(refusal), {}, false};
  auto slip = std::make_shared<Slip<AnyReply>>(*loop_);
  post([=, body = std::move(body)](Core& core, Time at) mutable {
    core.any().ask(
        at, std::move(body), at.plus_ms(timeout_ms),
        [slip](AnyReply reply) { slip->set(std::move(reply)); }, attempt_ms);
  });
  auto reply = slip->take();
  return reply ? std::move(*reply) : AnyReply{interrupted_error(Written::kMaybe), {}, true};
}

void Runtime::require_catalog(uint64_t index) {
  post([index](Core& core, Time) { core.any().require_catalog(index); });
}

Result<TopicRoute> Runtime::lookup(const std::string& topic, size_t partitions,
                                   int64_t timeout_ms) {
  if (auto refusal = why_not_wait()) return *refusal;
  auto slip = std::make_shared<Slip<Result<TopicRoute>>>(*loop_);
  post([=](Core& core, Time at) {
    core.router().lookup(at, topic, partitions, at.plus_ms(timeout_ms),
                         [slip](Result<TopicRoute> route) { slip->set(std::move(route)); });
  });
  auto route = slip->take();
  return route ? std::move(*route) : Result<TopicRoute>(interrupted_error(Written::kNo));
}

Result<TopicRoute> Runtime::lookup(const TopicPartition& where, int64_t timeout_ms) {
  size_t needed = where.partition < 0 ? 1 : static_cast<size_t>(where.partition) + 1;
  auto route = lookup(where.topic, needed, timeout_ms);
  if (!route.ok()) return route;
  size_t partitions = route->partitions.size();
  if (where.partition >= 0 && needed <= partitions) return route;
  return no_partition(where.topic, partitions, where.partition);
}

}  // namespace strandlog::client
