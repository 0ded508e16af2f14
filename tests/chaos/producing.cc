// Sending in bursts, so that a client of many records a second does not wake for each.
#include "tests/chaos/producing.h"

#include <chrono>

#include "base/system_env.h"
#include "strandlog/producer.h"

namespace strandlog::chaos {
namespace {

using client::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr milliseconds kTick{5};
// Patient clients never fail unless something is wrong, which load.py asks of them; the others
// learn that outcomes may be unknown.
constexpr milliseconds kPatient{120'000}, kImpatient{8'000}, kClosing{150'000};

Error error_of(const client::Error& error) { return {static_cast<Code>(error.code), error.text}; }

client::ProducerConfig config_of(uint32_t number, bool patient) {
  static constexpr client::Compression kCodecs[] = {
      client::Compression::kNone, client::Compression::kLz4, client::Compression::kZstd};
  client::ProducerConfig config;
  config.compression = kCodecs[number % 3];
  config.linger = milliseconds{number % 4 == 0 ? 20 : 0};
  config.delivery_timeout = patient ? kPatient : kImpatient;
  config.request_timeout = milliseconds{patient ? 5000 : 2000};
  return config;
}

Time now() { return SystemClock().now(); }

}  // namespace

void Totals::acknowledged(const sim::Sent& sent) {
  ++acked;
  auto& newest = newest_us[static_cast<size_t>(sent.where.partition)];
  int64_t known = newest;
  while (known < sent.invoked.us && !newest.compare_exchange_weak(known, sent.invoked.us)) continue;
}

void Totals::failed(const client::Error& error) {
  keep(error);
  ++failures;
}

void Totals::refused(const client::Error& error) {
  keep(error);
  ++refusals;
}

void Totals::keep(const client::Error& error) {
  std::lock_guard lock(mutex_);
  if (first_error_.empty()) first_error_ = std::string(code_name(error.code)) + ": " + error.text;
}

std::string Totals::first_error() const {
  std::lock_guard lock(mutex_);
  return first_error_;
}

Producing::Producing(const Load& load, uint32_t number)
    : load_(load), number_(number), totals_(load.partitions), thread_([this] { run(); }) {}

Producing::~Producing() {
  if (thread_.joinable()) thread_.join();
}

Result<void> Producing::finish() {
  thread_.join();
  return outcome_;
}

void Producing::run() { outcome_ = produce(); }

Result<void> Producing::produce() {
  ASSIGN(history_, sim::HistoryWriter::create(load_.directory + "/client-" +
                                              std::to_string(number_) + ".history"));
  client::ClientConfig config;
  config.servers = load_.servers;
  config.client_id = "load-" + std::to_string(number_);
  auto connected = client::Client::connect(config);
  if (!connected.ok()) return error_of(connected.error());
  auto producer = connected->producer(config_of(number_, is_patient()));
  if (!producer.ok()) return error_of(producer.error());
  for (auto next = Steady::now(); !load_.stop; next = std::max(next + kTick, Steady::now())) {
    std::this_thread::sleep_until(next);
    // What could not be sent in time is not made up for.
    for (int64_t i = 0; i < load_.rate * kTick.count() / 1000; ++i) {
      if (unanswered_ < load_.window) send_one(*producer);
    }
  }
  auto closed = producer->close(kClosing);
  if (!closed.ok()) return error_of(closed.error());
  history_->possible_duplicates(number_, closed->possible_duplicates);
  return history_->close();
}

void Producing::send_one(client::Producer& producer) {
  auto sent = std::make_shared<sim::Sent>();
  sent->client = number_;
  sent->where.partition =
      static_cast<int32_t>(next_value_ % static_cast<uint64_t>(load_.partitions));
  sent->value = std::to_string(number_) + "-" + std::to_string(next_value_);
  client::Record record;
  record.topic = load_.topic;
  record.partition = sent->where.partition;
  record.key = std::string(load_.padding, static_cast<char>('a' + next_value_ % 26));
  record.value = sent->value;
  ++next_value_;
  ++unanswered_;
  sent->invoked = now();
  auto accepted = producer.send(std::move(record), [this, sent](client::Result<client::Ack> ack) {
    sent->completed = now();
    sent->outcome = ack.ok() ? sim::Sent::Outcome::kAcked : sim::Sent::Outcome::kFailed;
    if (ack.ok()) sent->offset = ack->offset;
    if (!ack.ok()) sent->written = ack.error().written;
    history_->sent(*sent);
    ack.ok() ? totals_.acknowledged(*sent) : totals_.failed(ack.error());
    --unanswered_;
  });
  if (accepted.ok()) return;
  --unanswered_;
  totals_.refused(accepted.error());
}

}  // namespace strandlog::chaos
