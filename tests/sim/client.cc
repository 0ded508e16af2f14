// Turning the client core, and telling the history what it says.
#include "tests/sim/client.h"

#include "client/run_reader.h"

namespace strandlog::sim {
namespace {

constexpr int64_t kTurnUs = 20;
constexpr int64_t kAskTimeoutMs = 5000;

// A value is a name and so many dots: histories keep its name and length, anything else as it is.
std::string brief(const std::string& value) {
  size_t name = std::min(value.find('.'), value.size());
  bool is_ours = value.find_first_not_of('.', name) == std::string::npos;
  return is_ours ? value.substr(0, name) + "+" + std::to_string(value.size() - name) : value;
}

}  // namespace

SimClient::SimClient(Schedule& schedule, Network& network, Dice dice, const Options& options,
                     History& history)
    : schedule_(schedule),
      dice_(dice),
      clock_(schedule),
      host_("client" + std::to_string(options.number)),
      number_(options.number),
      history_(history),
      transport_(network.attach(host_, [this] { wake(); })),
      core_(*transport_, {options.servers, host_, 5000}),
      accumulator_(options.producer),
      producer_config_(options.producer) {
  auto id = static_cast<int64_t>((dice_.next() & 0x3fffffffffffffff) | 0x4000000000000000);
  producer_ = std::make_unique<client::ProducerCore>(core_.requests(), core_.router(), accumulator_,
                                                     producer_config_, id);
  core_.add(*producer_);
}

SimClient::~SimClient() {
  *alive_ = false;
  core_.remove(*producer_);
  if (consumer_) core_.remove(*consumer_);
}

void SimClient::wake_at(Time when) {
  if (when >= next_turn_) return;
  next_turn_ = when;
  schedule_.at(when, [this, alive = alive_] {
    if (*alive && schedule_.now() >= next_turn_) turn();
  });
}

void SimClient::turn() {
  next_turn_ = Time{INT64_MAX};
  Time now = clock_.now();
  std::vector<NetEvent> events;
  transport_->poll(events);
  for (NetEvent& event : events) core_.handle(now, std::move(event));
  core_.turn(now);
  // What the application is done with at once; it asks for more from here, not from deliver().
  std::vector<client::FetchedRun> fetched = std::move(fetched_);
  fetched_.clear();
  for (const client::FetchedRun& run : fetched) {
    consumer_->release(run.where, run.generation, run.bytes);
  }
  history_.possible_duplicates[number_] = accumulator_.totals().possible_duplicates;
  Time next = clock_.to_world(core_.next_deadline());
  if (!fetched.empty()) next = schedule_.now();
  wake_at(std::max(next, Time{schedule_.now().us + kTurnUs}));
}

// Asks anew for what was missing once, as producers and consumers do for whoever uses them.
void SimClient::find(const std::string& topic) {
  if (!core_.router().why_gone({topic, 0})) return;
  core_.router().lookup(clock_.now(), topic, 1, clock_.now().plus_ms(kAskTimeoutMs), [](auto) {});
}

bool SimClient::produce(const Place& where, uint32_t partitions, size_t bytes) {
  client::Record record;
  record.topic = where.topic;
  record.partition = where.partition;
  std::string value = host_ + "-" + std::to_string(next_value_);
  record.value = value + std::string(bytes, '.');
  Sent& sent = history_.sent.emplace_back();
  // Without a route nobody knows yet which topic of that name it will go to.
  bool is_guessed = core_.router().topic(where.topic) == nullptr;
  client::Callback done = [this, &sent, is_guessed,
                           topic = where.topic](client::Result<client::Ack> ack) {
    --open_sends_;
    sent.completed = schedule_.now();
    sent.outcome = ack.ok() ? Sent::Outcome::kAcked : Sent::Outcome::kFailed;
    if (ack.ok()) sent.offset = ack->offset;
    if (ack.ok() && is_guessed) sent.where.topic = known_as(topic);
    if (!ack.ok()) sent.written = ack.error().written;
  };
  find(where.topic);
  accumulator_.set_partitions(where.topic, partitions);
  client::Error refusal;
  auto verdict = accumulator_.append(clock_.now(), clock_.wall_ms(), record, done, refusal);
  using Verdict = client::Accumulator::Verdict;
  if (verdict != Verdict::kGathered && verdict != Verdict::kOpenedOrClosed) {
    history_.sent.pop_back();
    return false;
  }
  sent.client = number_;
  sent.where = {known_as(where.topic), where.partition};
  sent.value = brief(*record.value);
  sent.acks = producer_config_.acks;
  sent.invoked = schedule_.now();
  ++next_value_;
  ++open_sends_;
  wake();
  return true;
}

// A client that has not heard that a topic was made anew writes to the old one, and a broker that
// has not heard it either takes that.
std::string SimClient::known_as(const std::string& topic) {
  const client::TopicRoute* route = core_.router().topic(topic);
  std::string known = route ? history_.incarnations.of(route->id.text()) : "";
  return known.empty() ? history_.incarnations.now(topic) : known;
}

void SimClient::consume(const std::vector<Place>& places) {
  ++generation_;
  if (!consumer_) {
    client::ConsumerConfig config;
    consumer_ = std::make_unique<client::ConsumerCore>(core_.requests(), core_.router(), *this,
                                                       config, 5000);
    core_.add(*consumer_);
  }
  std::map<Place, client::StartAt> starts;
  for (const Place& where : places) {
    find(where.topic);
    starts[where] = {0, generation_};
    begin_run(where, history_.incarnations.now(where.topic), true);
  }
  consumer_->assign(starts);
  wake();
}

Run* SimClient::begin_run(const Place& where, const std::string& incarnation, bool from_start) {
  Place there{incarnation, where.partition};
  auto& runs = history_.runs[there];
  reading_[where] = {there, runs.size(), from_start ? 0 : reading_[where].position};
  runs.push_back({{}, from_start});
  return &runs.back();
}

const Run& SimClient::run_of(const Place& where) const {
  const Reading& now = reading_.at(where);
  return history_.runs.at(now.where)[now.run];
}

// It was fetched from a route that the router may have given up since.
Run* SimClient::run_for(const Place& where, const GroupId& group) {
  const client::TopicRoute* route = core_.router().topic(where.topic);
  auto partition = static_cast<size_t>(where.partition);
  if (route && partition < route->partitions.size()) {
    topics_[route->partitions[partition].group] = history_.incarnations.of(route->id.text());
  }
  const std::string& topic = topics_[group];
  if (topic.empty()) return nullptr;
  if (reading_[where].where.topic != topic) begin_run(where, topic, false);
  const Reading& now = reading_[where];
  return &history_.runs[now.where][now.run];
}

void SimClient::deliver(client::FetchedRun run) {
  fetched_.push_back({run.where, run.generation, run.group, {}, run.bytes});
  if (run.generation != generation_) return;
  Place where = run.where;
  Run* into = run_for(where, run.group);
  int64_t& position = reading_[where].position;
  client::RunReader reader(std::move(run), 64u << 20);
  while (!reader.finished()) {
    client::Polled polled;
    int64_t before = position;
    reader.read(1000, position, polled);
    for (client::ConsumedRecord& record : polled.records) {
      if (!into) continue;
      into->seen.push_back({record.offset, brief(record.value.value_or("")), true});
      ++records_read_;
    }
    for (const client::ConsumerEvent& event : polled.events) {
      if (event.error.code == client::Code::kExpired) {
        if (into) into = begin_run(where, reading_[where].where.topic, false);
        continue;
      }
      if (into) into->seen.push_back({event.offset, "an event: " + event.error.text, false});
    }
    if (polled.records.empty() && polled.events.empty() && before == position) break;
  }
}

void SimClient::trouble(client::FetchTrouble trouble) {
  if (trouble.generation != generation_) return;
  const Reading& now = reading_[trouble.where];
  Log& into = history_.runs[now.where][now.run].seen;
  into.push_back({trouble.offset, "trouble: " + trouble.error.text, false});
}

void SimClient::ask_end(const Place& where, const std::string& address) {
  const client::TopicRoute* route = core_.router().topic(where.topic);
  if (!route) return;
  wire::ListOffsetsRequest request;
  request.items.push_back({route->id, static_cast<uint32_t>(where.partition)});
  Time invoked = schedule_.now();
  Place there{history_.incarnations.of(route->id.text()), where.partition};
  if (there.topic.empty()) return;
  ask(address, std::move(request), [this, there, invoked](const wire::Answer& answer) {
    for (const auto& item : std::get<wire::ListOffsetsAnswer>(answer.body).items) {
      if (item.error) continue;
      history_.ends.push_back({there, invoked, static_cast<int64_t>(item.end.value)});
    }
  });
}

void SimClient::ask(const std::string& address, wire::RequestBody body,
                    std::function<void(const wire::Answer&)> then) {
  client::Outgoing outgoing;
  outgoing.address = address;
  outgoing.body = std::move(body);
  outgoing.deadline = clock_.now().plus_ms(kAskTimeoutMs);
  core_.requests().send(clock_.now(), std::move(outgoing),
                        [then = std::move(then)](const client::Reply& reply) {
                          if (!reply.failure && !reply.answer.error) then(reply.answer);
                        });
  wake();
}

template <class T>
T SimPort::await(std::optional<T>& slot) {
  client_.wake();
  while (!slot) schedule_.run_until(schedule_.now().plus_ms(1));
  return std::move(*slot);
}

client::Reply SimPort::call(const std::string& address, wire::RequestBody body,
                            int64_t timeout_ms) {
  std::optional<client::Reply> slot;
  Time at = now();
  client::Outgoing outgoing;
  outgoing.address = address;
  outgoing.body = std::move(body);
  outgoing.deadline = at.plus_ms(timeout_ms);
  client_.core().requests().send(at, std::move(outgoing),
                                 [&slot](client::Reply reply) { slot = std::move(reply); });
  return await(slot);
}

client::AnyReply SimPort::ask_any(wire::RequestBody body, int64_t timeout_ms, int64_t attempt_ms) {
  std::optional<client::AnyReply> slot;
  Time at = now();
  client_.core().any().ask(
      at, std::move(body), at.plus_ms(timeout_ms),
      [&slot](client::AnyReply reply) { slot = std::move(reply); }, attempt_ms);
  return await(slot);
}

}  // namespace strandlog::sim
