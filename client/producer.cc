// Producer: the caller's side of an accumulator behind a lock.
#include "strandlog/producer.h"

#include <algorithm>

#include "client/error.h"
#include "client/producer_core.h"
#include "client/runtime.h"

namespace strandlog::client {
namespace {

constexpr milliseconds kDestructorPatience{5000};

Result<void> check_config(const ProducerConfig& config) {
  auto invalid = [](const std::string& text) {
    return public_error(strandlog::Code::kInvalidArgument, text);
  };
  if (config.batch_size == 0 || config.max_message_bytes == 0 || config.max_request_size == 0) {
    return invalid("batch.size, max.message.bytes and max.request.size must be at least 1");
  }
  if (config.buffer_memory == 0) return invalid("buffer.memory must be at least 1");
  if (config.linger.count() < 0 || config.max_block.count() < 0) {
    return invalid("linger.ms and max.block.ms must not be negative");
  }
  if (config.request_timeout.count() <= 0 || config.delivery_timeout.count() <= 0) {
    return invalid("request.timeout.ms and delivery.timeout.ms must be at least 1");
  }
  return {};
}

Error in_a_callback(const std::string& what) {
  return public_error(strandlog::Code::kInvalidArgument,
                      what + " would wait for itself in a callback; call it from another thread");
}

// Random and far above anything a counter will reach; numbers from the cluster come with
// idempotence.
int64_t new_producer_id(Random& random) {
  return static_cast<int64_t>((random.next() & 0x3fffffffffffffff) | 0x4000000000000000);
}

}  // namespace

class Producer::Impl : public BatchSource {
 public:
  Impl(std::shared_ptr<Client::Impl> client, const ProducerConfig& config)
      : client_(std::move(client)), config_(config), accumulator_(config) {
    runtime().run([this](Core& core, Time) {
      core_ = std::make_unique<ProducerCore>(core.requests(), core.router(), *this, config_,
                                             new_producer_id(runtime().random()));
      core.add(*core_);
    });
    runtime().watch(gate_);
  }
  ~Impl() override {
    (void)close(kDestructorPatience).ok();
    runtime().unwatch(gate_);
  }

  Result<void> send(const Record& record, Callback done);
  Result<Ack> send_sync(const Record& record);
  Result<void> flush(milliseconds patience);
  Result<Totals> close(milliseconds patience);
  Totals totals() {
    return gate_.with([this] { return accumulator_.totals(); });
  }

  void collect(const MayTakeOpen& may_take, std::vector<GatheredBatch>& out) override {
    gate_.with([&] { accumulator_.collect(may_take, out); });
  }
  void settle(Settled settled) override {
    gate_.with([&] {
      accumulator_.settle(std::move(settled));
      ++settles_;
    });
    gate_.notify();
  }
  void forget_topic(const std::string& topic) override {
    gate_.with([&] { accumulator_.forget_topic(topic); });
  }

 private:
  Runtime& runtime() { return client_->runtime; }
  Result<void> learn_topic(const Record& record, Time deadline);
  Result<void> await_room(uint64_t seen, Time deadline);
  uint64_t let_all_leave();
  bool await_completion(uint64_t below, milliseconds patience, bool interruptible);
  void end();
  int64_t left_ms(Time deadline) { return (deadline.us - runtime().now().us + 999) / 1000; }

  std::shared_ptr<Client::Impl> client_;
  ProducerConfig config_;
  Gate gate_;
  Accumulator accumulator_;             // under gate_
  uint64_t settles_ = 0;                // under gate_
  bool closed_ = false;                 // under gate_
  std::unique_ptr<ProducerCore> core_;  // of the library's thread
};

Result<void> Producer::Impl::send(const Record& record, Callback done) {
  Time now = runtime().now();
  Time deadline = now.plus_ms(config_.max_block.count());
  int64_t wall_ms = record.timestamp_ms ? 0 : runtime().wall_ms();
  while (true) {
    Error refusal;
    uint64_t seen = 0;
    bool closed = false;
    auto verdict = gate_.with([&] {
      closed = closed_;
      seen = settles_;
      if (closed) return Accumulator::Verdict::kRefused;
      return accumulator_.append(now, wall_ms, record, done, refusal);
    });
    if (closed) return public_error(strandlog::Code::kClosed, "the producer is closed");
    switch (verdict) {
      case Accumulator::Verdict::kGathered:
        return {};
      case Accumulator::Verdict::kOpenedOrClosed:
        runtime().nudge();
        return {};
      case Accumulator::Verdict::kUnknownPartition:
        if (runtime().on_own_thread()) return refusal;  // must not wait
        [[fallthrough]];
      case Accumulator::Verdict::kUnknownTopic: {
        auto learned = learn_topic(record, deadline);
        if (!learned.ok()) return learned.error();
        break;
      }
      case Accumulator::Verdict::kFull: {
        auto room = await_room(seen, deadline);
        if (!room.ok()) return room.error();
        break;
      }
      case Accumulator::Verdict::kRefused:
        return refusal;
    }
    now = runtime().now();
  }
}

Result<void> Producer::Impl::learn_topic(const Record& record, Time deadline) {
  const std::string& topic = record.topic;
  if (runtime().on_own_thread()) {
    return public_error(strandlog::Code::kBusy,
                        "topic \"" + topic + "\" is not known yet, and a callback must not wait");
  }
  auto route = runtime().lookup(TopicPartition{topic, record.partition.value_or(0)},
                                std::max<int64_t>(left_ms(deadline), 1));
  if (!route.ok()) return route.error();
  auto count = static_cast<uint32_t>(route->partitions.size());
  gate_.with([&] { accumulator_.set_partitions(topic, count); });
  return {};
}

Result<void> Producer::Impl::await_room(uint64_t seen, Time deadline) {
  runtime().nudge();
  bool room = false;
  auto changed = [&] {
    room = settles_ != seen || closed_;
    return room || runtime().interrupted();
  };
  bool may_wait = !runtime().on_own_thread();
  if (may_wait && gate_.wait_ms(left_ms(deadline), changed)) {
    if (room) return {};
    return interrupted_error(Written::kNo);
  }
  return public_error(strandlog::Code::kBusy,
                      "no room within max.block.ms = " + std::to_string(config_.max_block.count()) +
                          ": buffer.memory = " + std::to_string(config_.buffer_memory) +
                          ", batches in flight at most " +
                          std::to_string(config_.max_in_flight_batches));
}

// What was accepted so far; true when all of it is completed.
bool Producer::Impl::await_completion(uint64_t below, milliseconds patience, bool interruptible) {
  bool done = false;
  (void)gate_.wait_ms(patience.count(), [&] {
    done = accumulator_.completed_below(below);
    return done || (interruptible && runtime().interrupted());
  });
  return done;
}

uint64_t Producer::Impl::let_all_leave() {
  uint64_t below = gate_.with([this] {
    accumulator_.close_open();
    return accumulator_.next_batch_id();
  });
  runtime().nudge();
  return below;
}

Result<void> Producer::Impl::flush(milliseconds patience) {
  if (runtime().on_own_thread()) return in_a_callback("flush()");
  if (await_completion(let_all_leave(), patience, true)) return {};
  if (runtime().interrupted()) return interrupted_error(Written::kMaybe);
  return public_error(
      strandlog::Code::kTimeout,
      "not everything was acknowledged within " + std::to_string(patience.count()) + " ms",
      Written::kMaybe);
}

Result<Producer::Totals> Producer::Impl::close(milliseconds patience) {
  if (runtime().on_own_thread()) return in_a_callback("close()");
  bool first = gate_.with([this] { return !std::exchange(closed_, true); });
  gate_.notify();
  if (!first) return totals();
  (void)await_completion(let_all_leave(), patience, false);
  end();
  return totals();
}

void Producer::Impl::end() {
  runtime().run([this](Core& core, Time) {
    core_->abort();
    core.remove(*core_);
    core_.reset();
  });
}

// --------------------------------------------------------------------------------------------

Producer::Producer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Producer::Producer(Producer&&) noexcept = default;
Producer& Producer::operator=(Producer&&) noexcept = default;
Producer::~Producer() = default;

Result<Producer> Client::producer(ProducerConfig config) {
  if (auto checked = check_config(config); !checked.ok()) return checked.error();
  return Producer(std::make_shared<Producer::Impl>(impl_, config));
}

Result<void> Producer::send(Record record, Callback done) {
  return impl_->send(record, std::move(done));
}

Result<Ack> Producer::send_sync(Record record) { return impl_->send_sync(record); }

Result<Ack> Producer::Impl::send_sync(const Record& record) {
  if (runtime().on_own_thread()) return in_a_callback("send_sync()");
  struct Outcome {
    Gate gate;
    std::optional<Result<Ack>> result;
  };
  auto outcome = std::make_shared<Outcome>();
  auto sent = send(record, [outcome](Result<Ack> result) {
    outcome->gate.with([&] { outcome->result.emplace(std::move(result)); });
    outcome->gate.notify();
  });
  if (!sent.ok()) return sent.error();
  runtime().watch(outcome->gate);
  outcome->gate.wait([&] { return outcome->result.has_value() || runtime().interrupted(); });
  runtime().unwatch(outcome->gate);
  return outcome->gate.with([&] {
    return outcome->result ? *outcome->result : Result<Ack>(interrupted_error(Written::kMaybe));
  });
}

Result<void> Producer::flush(milliseconds patience) { return impl_->flush(patience); }
Result<Producer::Totals> Producer::close(milliseconds patience) { return impl_->close(patience); }
Producer::Totals Producer::totals() const { return impl_->totals(); }

}  // namespace strandlog::client
