// Consumer: the owner thread's side: fetched runs in, records out.
#include "strandlog/consumer.h"

#include <algorithm>
#include <deque>
#include <set>

#include "client/consumer_core.h"
#include "client/error.h"
#include "client/offset_lookup.h"
#include "client/runtime.h"
#include "client/time_lookup.h"

namespace strandlog::client {

class Consumer::Impl : public FetchSink {
 public:
  Impl(std::shared_ptr<Client::Impl> client, const ConsumerConfig& config)
      : client_(std::move(client)), config_(config) {
    runtime().run([this](Core& core, Time) {
      core_ = std::make_unique<ConsumerCore>(core.requests(), core.router(), *this, config_,
                                             client_->config.request_timeout.count());
      core.add(*core_);
    });
    runtime().watch(gate_);
  }
  ~Impl() override {
    runtime().unwatch(gate_);
    runtime().run([this](Core& core, Time) {
      core.remove(*core_);
      core_.reset();
    });
  }

  Result<void> assign(const std::map<TopicPartition, Position>& positions);
  Result<void> seek(const TopicPartition& where, Position position);
  Result<Polled> poll(size_t max_records, milliseconds wait);
  Result<int64_t> position(const TopicPartition& where) const;
  Result<std::map<TopicPartition, int64_t>> resolve(
      const std::map<TopicPartition, Position>& positions);
  Result<std::map<TopicPartition, Ends>> ends(const std::vector<TopicPartition>& partitions) {
    return look_up_ends(runtime(), partitions, client_->config.request_timeout.count());
  }
  void wake() {
    gate_.with([this] { woken_ = true; });
    gate_.notify();
  }

  void deliver(FetchedRun run) override {
    gate_.with([&] { runs_.push_back(std::move(run)); });
    gate_.notify();
  }
  void trouble(FetchTrouble trouble) override {
    gate_.with([&] { troubles_.push_back(std::move(trouble)); });
    gate_.notify();
  }

 private:
  struct Assigned {
    int64_t position = 0;
    uint64_t generation = 0;
  };

  Runtime& runtime() { return client_->runtime; }
  void want_topics(const std::map<TopicPartition, Position>& positions);
  Result<void> check_exists(const TopicPartition& where);
  bool next_run();
  void take_troubles(Polled& out);
  void release();
  bool is_current(const TopicPartition& where, uint64_t generation) const;

  std::shared_ptr<Client::Impl> client_;
  ConsumerConfig config_;
  Gate gate_;
  std::deque<FetchedRun> runs_;        // under gate_
  std::deque<FetchTrouble> troubles_;  // under gate_
  bool woken_ = false;                 // under gate_
  // The rest belongs to the owner thread.
  std::map<TopicPartition, Assigned> assigned_;
  uint64_t generation_ = 0;
  std::optional<RunReader> reader_;
  std::unique_ptr<ConsumerCore> core_;  // of the library's thread
};

// What is not known, all at once: one lookup after the other would have a request each.
void Consumer::Impl::want_topics(const std::map<TopicPartition, Position>& positions) {
  std::set<std::string> names;
  for (const auto& [where, position] : positions) names.insert(where.topic);
  runtime().post([names = std::move(names)](Core& core, Time) {
    for (const std::string& name : names) {
      if (core.router().topic(name) == nullptr) core.router().want(name);
    }
  });
}

Result<void> Consumer::Impl::check_exists(const TopicPartition& where) {
  auto route = runtime().lookup(where, client_->config.request_timeout.count());
  if (!route.ok()) return route.error();
  return {};
}

Result<std::map<TopicPartition, int64_t>> Consumer::Impl::resolve(
    const std::map<TopicPartition, Position>& positions) {
  std::map<TopicPartition, int64_t> offsets;
  std::map<TopicPartition, int64_t> times;
  std::vector<TopicPartition> unknown;
  want_topics(positions);
  for (const auto& [where, position] : positions) {
    if (auto exists = check_exists(where); !exists.ok()) return exists.error();
    if (position.kind == Position::Kind::kTime) {
      times[where] = position.offset;
    } else if (position.kind != Position::Kind::kOffset) {
      unknown.push_back(where);
    } else if (position.offset < 0) {
      return public_error(strandlog::Code::kInvalidArgument,
                          "offset " + std::to_string(position.offset) + " is negative");
    } else {
      offsets[where] = position.offset;
    }
  }
  if (!times.empty()) {
    auto at = look_up_times(runtime(), times, client_->config.request_timeout.count());
    if (!at.ok()) return at.error();
    offsets.merge(*at);
  }
  if (unknown.empty()) return offsets;
  auto found = ends(unknown);
  if (!found.ok()) return found.error();
  for (const auto& [where, one] : *found) {
    bool start = positions.at(where).kind == Position::Kind::kStart;
    offsets[where] = start ? one.start : one.end;
  }
  return offsets;
}

Result<void> Consumer::Impl::assign(const std::map<TopicPartition, Position>& positions) {
  auto offsets = resolve(positions);
  if (!offsets.ok()) return offsets.error();
  ++generation_;
  assigned_.clear();
  std::map<TopicPartition, StartAt> starts;
  for (const auto& [where, offset] : *offsets) {
    assigned_[where] = {offset, generation_};
    starts[where] = {offset, generation_};
  }
  reader_.reset();
  gate_.with([this] {
    runs_.clear();
    troubles_.clear();
  });
  runtime().post([this, starts](Core&, Time) {
    if (core_) core_->assign(starts);
  });
  return {};
}

Result<void> Consumer::Impl::seek(const TopicPartition& where, Position position) {
  if (!assigned_.contains(where)) {
    return public_error(strandlog::Code::kInvalidArgument,
                        where.topic + "/" + std::to_string(where.partition) + " is not assigned");
  }
  auto offsets = resolve({{where, position}});
  if (!offsets.ok()) return offsets.error();
  StartAt start{offsets->at(where), ++generation_};
  assigned_[where] = {start.offset, start.generation};
  if (reader_ && reader_->run().where == where) release();
  runtime().post([this, where, start](Core&, Time) {
    if (core_) core_->seek(where, start);
  });
  return {};
}

Result<int64_t> Consumer::Impl::position(const TopicPartition& where) const {
  auto found = assigned_.find(where);
  if (found != assigned_.end()) return found->second.position;
  return public_error(strandlog::Code::kInvalidArgument,
                      where.topic + "/" + std::to_string(where.partition) + " is not assigned");
}

bool Consumer::Impl::is_current(const TopicPartition& where, uint64_t generation) const {
  auto found = assigned_.find(where);
  return found != assigned_.end() && found->second.generation == generation;
}

// Gives the bytes of the finished run back, so that more may be fetched.
void Consumer::Impl::release() {
  runtime().post([this, where = reader_->run().where, generation = reader_->run().generation,
                  bytes = reader_->run().bytes](Core&, Time) {
    if (core_) core_->release(where, generation, bytes);
  });
  reader_.reset();
}

bool Consumer::Impl::next_run() {
  if (reader_ && !reader_->finished()) return true;
  if (reader_) release();
  while (true) {
    std::optional<FetchedRun> run = gate_.with([this]() -> std::optional<FetchedRun> {
      if (runs_.empty()) return std::nullopt;
      FetchedRun first = std::move(runs_.front());
      runs_.pop_front();
      return first;
    });
    if (!run) return false;
    // What was fetched for an earlier position holds no memory any more once it is dropped here.
    if (!is_current(run->where, run->generation)) continue;
    reader_.emplace(std::move(*run), config_.max_unpacked_batch_bytes);
    return true;
  }
}

void Consumer::Impl::take_troubles(Polled& out) {
  auto troubles = gate_.with([this] { return std::exchange(troubles_, {}); });
  for (FetchTrouble& trouble : troubles) {
    if (!is_current(trouble.where, trouble.generation)) continue;
    out.events.push_back({ConsumerEvent::Kind::kError, trouble.where, trouble.offset,
                          trouble.offset, std::move(trouble.error)});
  }
}

Result<Polled> Consumer::Impl::poll(size_t max_records, milliseconds wait) {
  Polled out;
  Time deadline = runtime().now().plus_ms(wait.count());
  max_records = std::max<size_t>(max_records, 1);
  while (true) {
    while (out.records.size() < max_records && next_run()) {
      reader_->read(max_records - out.records.size(), assigned_[reader_->run().where].position,
                    out);
    }
    // Behind the records that were fetched before it.
    if (out.records.size() < max_records) take_troubles(out);
    if (!out.records.empty() || !out.events.empty()) return out;
    int64_t left_ms = (deadline.us - runtime().now().us + 999) / 1000;
    bool woken = false;
    bool anything = gate_.wait_ms(left_ms, [&] {
      woken = std::exchange(woken_, false);
      return woken || !runs_.empty() || !troubles_.empty() || runtime().interrupted();
    });
    if (!anything || woken || runtime().interrupted()) return out;
  }
}

// --------------------------------------------------------------------------------------------

Consumer::Consumer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Consumer::Consumer(Consumer&&) noexcept = default;
Consumer& Consumer::operator=(Consumer&&) noexcept = default;
Consumer::~Consumer() = default;

Result<Consumer> Client::consumer(ConsumerConfig config) {
  if (config.fetch_max_bytes == 0 || config.max_partition_fetch_bytes == 0 ||
      config.fetch_max_wait.count() < 0) {
    return public_error(strandlog::Code::kInvalidArgument,
                        "fetch.max.bytes and max.partition.fetch.bytes must be at least 1, "
                        "fetch.max.wait.ms not negative");
  }
  return Consumer(std::make_shared<Consumer::Impl>(impl_, config));
}

Result<void> Consumer::assign(const std::map<TopicPartition, Position>& positions) {
  return impl_->assign(positions);
}
Result<Polled> Consumer::poll(size_t max_records, milliseconds wait) {
  return impl_->poll(max_records, wait);
}
Result<void> Consumer::seek(const TopicPartition& where, Position position) {
  return impl_->seek(where, position);
}
Result<int64_t> Consumer::position(const TopicPartition& where) const {
  return impl_->position(where);
}
Result<std::map<TopicPartition, int64_t>> Consumer::offsets(
    const std::map<TopicPartition, Position>& positions) {
  return impl_->resolve(positions);
}
Result<std::map<TopicPartition, Ends>> Consumer::ends(
    const std::vector<TopicPartition>& partitions) {
  return impl_->ends(partitions);
}
void Consumer::wake() noexcept { impl_->wake(); }

}  // namespace strandlog::client
