// Runtime: the only file of the client with a thread, locks and the real clock.
#include "client/runtime.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "base/system_env.h"
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

// A value that one thread waits for and another sets, once.
template <class T>
class Slip {
 public:
  void set(T value) {
    {
      std::lock_guard lock(mutex_);
      value_.emplace(std::move(value));
    }
    ready_.notify_all();
  }
  T take() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return value_.has_value(); });
    return std::move(*value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::optional<T> value_;
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
  std::thread thread;
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
  auto done = std::make_shared<Slip<bool>>();
  post([&command, done](Core& core, Time at) {
    command(core, at);
    done->set(true);
  });
  done->take();
}

Time Runtime::now() { return loop_->clock.now(); }
int64_t Runtime::wall_ms() { return loop_->clock.wall_ms(); }
Random& Runtime::random() { return loop_->random; }
void Runtime::pause(int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

Reply Runtime::call(const std::string& address, wire::RequestBody body, int64_t timeout_ms) {
  auto slip = std::make_shared<Slip<Reply>>();
  post([=, body = std::move(body)](Core& core, Time at) mutable {
    Outgoing outgoing;
    outgoing.address = address;
    outgoing.body = std::move(body);
    outgoing.deadline = at.plus_ms(timeout_ms);
    core.requests().send(at, std::move(outgoing),
                         [slip](Reply reply) { slip->set(std::move(reply)); });
  });
  return slip->take();
}

AnyReply Runtime::ask_any(wire::RequestBody body, int64_t timeout_ms, int64_t attempt_ms) {
  auto slip = std::make_shared<Slip<AnyReply>>();
  post([=, body = std::move(body)](Core& core, Time at) mutable {
    core.any().ask(
        at, std::move(body), at.plus_ms(timeout_ms),
        [slip](AnyReply reply) { slip->set(std::move(reply)); }, attempt_ms);
  });
  return slip->take();
}

void Runtime::require_catalog(uint64_t index) {
  post([index](Core& core, Time) { core.any().require_catalog(index); });
}

Result<TopicRoute> Runtime::lookup(const std::string& topic, int64_t timeout_ms) {
  auto slip = std::make_shared<Slip<Result<TopicRoute>>>();
  post([=](Core& core, Time at) {
    core.router().lookup(at, topic, at.plus_ms(timeout_ms),
                         [slip](Result<TopicRoute> route) { slip->set(std::move(route)); });
  });
  return slip->take();
}

}  // namespace strandlog::client
