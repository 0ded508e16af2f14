// The loop is a table of contents; peers' messages are in shard_peers.cc.
#include "broker/shard.h"

#include <algorithm>

#include "base/log.h"
#include "base/mark.h"
#include "base/mutant.h"

namespace strandlog::broker {
namespace {
constexpr int64_t kStopPatienceMs = 3000;
constexpr const char* kRememberedNote = "stores";
constexpr int64_t kKeepRoundsMs = 1000;
constexpr int64_t kAnnounceAgainMs = 5000;
constexpr size_t kMostFaultyTold = 1000;
constexpr uint32_t kMostDeadlineMs = 300'000;
}  // namespace

Shard::Shard(const BrokerConfig& config, Self self, Clock& clock, Random& random,
             store::Store& store, store::StateStore& state, Transport& transport)
    : config_(config),
      self_(std::move(self)),
      clock_(clock),
      store_(store),
      transport_(transport),
      peers_(self_, transport),
      replicas_(config_, store, peers_, random),
      context_{config_,  self_,    store, transport, random, replicas_, catalog_,
               leaders_, metrics_, {},    0,         {},     {},        {}},
      founding_(context_),
      keeper_(context_, state),
      produce_(context_),
      fetch_(context_),
      admin_(context_, keeper_),
      retention_(context_),
      patience_(config_.disk_stall_ms) {}

Result<std::unique_ptr<Shard>> Shard::open(const BrokerConfig& config, StoreId store_id,
                                           Clock& clock, Random& random, store::Store& store,
                                           store::StateStore& state_store, Transport& transport) {
  Self self{{config.id, store_id, config.advertise, config.advertise_peer},
            store.boot_epoch(),
            store.boot_id(),
            store.durable()};
  std::unique_ptr<Shard> shard(
      new Shard(config, self, clock, random, store, state_store, transport));
  shard->context_.now = clock.now();
  shard->context_.wall_ms = clock.wall_ms();
  shard->next_tick_ = shard->context_.now;
  shard->worth_telling_ = self.boot_round;
  if (!shard->founding_.restore()) {
    return Error{Code::kCorruption, "the founding document in the journal cannot be read"};
  }
  if (Bytes note = store.note(kRememberedNote); !note.empty()) {
    auto stores = wire::decode_remembered_stores(note);
    if (!stores.ok()) return Error{Code::kCorruption, "the remembered stores cannot be read"};
    shard->peers_.remember(*stores);
  }
  for (const auto& [uid, state] : store.replicas()) {
    if (state.life == store::Life::kDead) continue;
    shard->replicas_.open(uid, state.life == store::Life::kLive);
    if (state.fault) {
      LOG(kError, "a replica is out of service", kv("topic", state.spec.topic_name),
          kv("partition", state.spec.partition), kv("uid", uid), kv("why", *state.fault));
    }
  }
  if (config.found_alone) shard->founding_.found_alone();
  for (const std::string& seed : config.seeds) shard->peers_.add_seed(seed);
  shard->join_cluster_if_founded();
  if (shard->context_.founding == wire::FoundingState::kBlank) {
    LOG(kInfo, "blank: waiting to join, or: strandlog cluster found", kv("broker", config.id),
        kv("listen", config.advertise), kv("seeds", config.seeds.size()));
  }
  return shard;
}

void Shard::run_once() {
  context_.now = clock_.now();  // read once: time stands still inside a turn
  context_.wall_ms = clock_.wall_ms();
  receive();
  finish_disk();
  tick();
  settle();
  send();    // before the write: the leader's disk is not on the path
  submit();  // one write, one flush
  expire();
}

void Shard::receive() {
  run_deferred();
  transport_.poll(net_events_);
  for (NetEvent& event : net_events_) {
    if (event.kind == NetEvent::Kind::kMessage) {
      if (event.listener == ListenerKind::kPeer && event.incoming) on_peer(event);
      if (event.listener == ListenerKind::kClient && event.incoming) on_client(event);
    } else if (event.kind == NetEvent::Kind::kDown && !event.incoming) {
      if (auto broker = peers_.broker_of(event.link)) replicas_.disconnected(*broker);
    }
  }
  net_events_.clear();
}

void Shard::on_client(const NetEvent& event) {
  auto request = wire::decode_request(event.message.control);
  if (!request.ok()) {
    ++metrics_.counters["requests_malformed_total"];
    context_.fail({event.link, 0, {}}, request.error().code, request.error().text);
    return;
  }
  ReplyTo to{event.link, request->id, {}};
  request->deadline_ms = std::min(request->deadline_ms, kMostDeadlineMs);
  if (!request->cluster.is_nil() && request->cluster != context_.cluster) {
    // Who lost its disk knows no cluster for a moment: its clients go on with others.
    if (context_.cluster.is_nil()) {
      context_.fail(to, Code::kStale, "this broker has not joined a cluster yet: ask another one");
      return;
    }
    context_.fail(to, Code::kWrongIdentity,
                  "this broker belongs to cluster " + context_.cluster.text() + ", not " +
                      request->cluster.text());
    return;
  }
  if (request->minimum_catalog_index > catalog_.applied().value) {
    context_.fail(to, Code::kStale,
                  "this broker's catalog is at " + std::to_string(catalog_.applied().value) + ", " +
                      std::to_string(request->minimum_catalog_index) + " is asked for: retry");
    return;
  }
  on_request(to, *request, event.message.blobs);
}

void Shard::on_request(const ReplyTo& to, wire::Request& request,
                       const std::vector<Bytes>& frames) {
  ++metrics_.counters["requests_total"];
  bool may_be_blank = std::holds_alternative<wire::FoundRequest>(request.body) ||
                      std::holds_alternative<wire::StatusRequest>(request.body);
  if (!may_be_blank && context_.founding != wire::FoundingState::kFounded) {
    context_.fail(to, Code::kBlank,
                  "broker " + std::to_string(self_.address.broker.value) +
                      " belongs to no cluster yet: strandlog cluster found -s " +
                      self_.address.client_address + ",…");
    return;
  }
  uint32_t deadline = request.deadline_ms;
  if (auto* produce = std::get_if<wire::ProduceRequest>(&request.body)) {
    size_t bytes = kDeferredOverhead + total_bytes(frames);
    if (stop_deadline_ || !may_defer()) {
      std::string text = std::to_string(deferred_bytes_) +
                         " bytes wait for the journal, the bound is " +
                         std::to_string(config_.max_deferred_bytes) + ": retry";
      produce_.refuse(to, *produce, frames, {Code::kBusy, std::move(text), {}, {}});
      return;
    }
    deferred_bytes_ += bytes;
    deferred_.push_back(
        {to, context_.now.plus_ms(deadline), std::move(*produce), {}, std::nullopt, frames, bytes});
    run_deferred();
  } else if (auto* fetch = std::get_if<wire::FetchRequest>(&request.body)) {
    fetch_.handle(to, *fetch, deadline);
  } else if (auto* list = std::get_if<wire::ListOffsetsRequest>(&request.body)) {
    fetch_.handle(to, *list, deadline);
  } else if (auto* metadata = std::get_if<wire::MetadataRequest>(&request.body)) {
    admin_.handle(to, *metadata, deadline);
  } else if (auto* create = std::get_if<wire::CreateTopicRequest>(&request.body)) {
    keeper_.handle(to, *create, deadline);
  } else if (auto* remove = std::get_if<wire::DeleteTopicRequest>(&request.body)) {
    keeper_.handle(to, *remove, deadline);
  } else if (auto* describe = std::get_if<wire::DescribePartitionsRequest>(&request.body)) {
    admin_.handle(to, *describe);
  } else if (auto* status = std::get_if<wire::StatusRequest>(&request.body)) {
    admin_.handle(to, *status);
  } else if (auto* found = std::get_if<wire::FoundRequest>(&request.body)) {
    founding_.handle(to, *found);
    join_cluster_if_founded();
  }
}

// A full disk is for whoever asks to answer; a full journal empties by itself. What is too late
// waits for nothing.
bool Shard::has_room_for_deferred() const {
  if (deferred_.empty()) return false;
  const Deferred& next = deferred_.front();
  if (next.produce && next.deadline <= context_.now) return true;
  if (next.append && next.frames.empty()) return true;  // only its place behind entries counts
  if (store_.full()) return false;
  auto room = store_.room_for(deferred_.front().bytes);
  return room.ok() || room.error().code != Code::kBusy;
}

// Produce requests and appends keep their order of arrival and wait while round or journal is full.
void Shard::run_deferred() {
  while (has_room_for_deferred()) {
    Deferred next = std::move(deferred_.front());
    deferred_.pop_front();
    deferred_bytes_ -= next.bytes;
    if (next.append) {
      // Its leader may have lost its leadership since, or another process speak for it.
      bool late = replicas_.is_late(next.from, next.boot, next.leaderships_lost);
      next.append->quiet = next.append->quiet && !late;
      replicas_.receive(next.from, *next.append, next.frames);
    }
    if (!next.produce) continue;
    if (next.deadline > context_.now) {
      produce_.handle(next.to, *next.produce, next.deadline, next.frames);
    } else {
      std::string text = "the journal had no room until the request's deadline: retry";
      produce_.refuse(next.to, *next.produce, next.frames, {Code::kBusy, std::move(text), {}, {}});
    }
  }
}

void Shard::finish_disk() {
  store_.poll(store_events_);
  for (const store::StoreEvent& event : store_events_) {
    if (const auto* durable = std::get_if<store::RoundDurable>(&event)) {
      metrics_.histograms["journal_write_us"].add(static_cast<uint64_t>(
          context_.now.us - patience_.owes_round_since().value_or(context_.now).us));
      if (!durable->touched.empty()) worth_telling_ = durable->round;
      replicas_.on_durable(*durable);
      founding_.on_durable();
    } else if (const auto* read = std::get_if<store::ReadDone>(&event)) {
      uint64_t owner = ticket_owner(read->ticket);
      if (owner == kSendTickets) replicas_.on_read(*read);
      if (owner == kFetchTickets) fetch_.on_read(*read);
      if (owner == kCatalogTickets) keeper_.on_read(*read);
    } else if (const auto* fault = std::get_if<store::ReplicaFault>(&event)) {
      LOG(kError, "a replica is out of service", kv("uid", fault->uid), kv("why", fault->what));
      replicas_.on_fault(fault->uid, fault->what);
    } else if (const auto* failed = std::get_if<store::StoreFailed>(&event)) {
      failure_ = failed->error;
    }
  }
  store_events_.clear();
}

void Shard::tick() {
  if (context_.now >= next_tick_) {
    // After a pause one tick stands for all that were missed: what piled up in the sockets is
    // read before anybody's silence is held against them.
    next_tick_ = context_.now.plus_ms(config_.tick_ms);
    replicas_.tick();
  }
  watch_disk();
  if (stop_deadline_) replicas_.hand_over();
  keeper_.tick(peers_);
  retention_.tick();
}

// One that can still write but not read may be elected again: act() sees to that.
void Shard::watch_disk() {
  patience_.look(context_.now, store_.disk_lanes());
  bool over = patience_.is_over(context_.now) && !is_mutant(Mutant::kStuckDiskKeepsLeading);
  bool news = over && !stalled_;
  stalled_ = over;
  if (!news) return;
  replicas_.step_down_all();
  mark<"broker: a stalled disk gives up leaderships">();
  ++metrics_.counters["disk_stalls_total"];
  LOG(kWarn, "the disk does not answer: giving up leaderships",
      kv("limit_ms", config_.disk_stall_ms));
}

void Shard::settle() {
  // Acting on an event may decide more; the commit and term rules bound how often.
  for (auto events = replicas_.settle(); !events.empty(); events = replicas_.settle()) {
    for (const ReplicaEvent& event : events) act(event);
  }
}

void Shard::act(const ReplicaEvent& event) {
  using Kind = ReplicaEvent::Kind;
  bool catalog = keeper_.uid() == event.uid;
  switch (event.kind) {
    case Kind::kCommitted:
    case Kind::kDurable:
      if (const Replica* replica = replicas_.find(event.uid)) produce_.advanced(*replica);
      if (event.kind == Kind::kCommitted) fetch_.advanced(event.uid);
      if (catalog) keeper_.advanced();
      break;
    case Kind::kLeads:
      ++metrics_.counters["elections_won_total"];
      if (stalled_) replicas_.step_down(event.uid);  // its disk still does not answer
      announce_leader(event.uid);
      break;
    case Kind::kLostLeadership:
      produce_.lost_leadership(event.uid);
      fetch_.advanced(event.uid);
      if (catalog) keeper_.lost_leadership();
      announce_leader(event.uid);
      break;
    case Kind::kLeaderChanged:
      announce_leader(event.uid);
      break;
    case Kind::kReadReady:
      fetch_.on_read_index(event.read);
      keeper_.on_read_index(event.read);
      break;
  }
}

// What this replica knows of its group's leader; told to the others only by the leader itself.
void Shard::announce_leader(Uid uid) {
  const Replica* replica = replicas_.find(uid);
  // One that was replaced may have come back with an old disk: it does not speak for its group.
  if (!replica || replicas_.find(replica->spec.group) != replica) return;
  wire::LeaderNotice notice{replica->spec.group, {}, {}, {}};
  const auto* known = leaders_.find(notice.group);
  if (replica->group) {
    notice.term = replica->group->term();
    notice.leader = replica->group->leader();
    const raft::Member* leader = replica->group->membership().find(notice.leader);
    if (leader) notice.broker = leader->broker;
    if (notice.leader != Uid{} && !leader) return;  // it says itself where it is
  } else if (known) {
    notice.term = known->term;  // out of service: an end of what was announced, at most
  }
  if (notice.leader == Uid{}) {
    if (!known || known->term > notice.term || known->broker != self_.address.broker) return;
    notice.broker = self_.address.broker;
  }
  leaders_.learn(notice);
  if (notice.broker == self_.address.broker) notices_.push_back(notice);
}

// A notice may get lost with a connection while the session stands.
void Shard::announce_again() {
  if (context_.now < announce_again_at_) return;
  announce_again_at_ = context_.now.plus_ms(kAnnounceAgainMs);
  for (const auto& [group, notice] : leaders_.all()) {
    if (notice.broker == self_.address.broker && notice.leader != Uid{}) notices_.push_back(notice);
  }
}

void Shard::send() {
  announce_again();
  if (!notices_.empty()) peers_.leaders(std::exchange(notices_, {}));
  keep_remembered_stores();
  Peers::Announcement announcement;
  announcement.cluster = context_.cluster;
  announcement.durable_round = worth_telling_;
  announcement.leaderships_lost = replicas_.leaderships_lost();
  announcement.founding = context_.founding;
  if (context_.founding == wire::FoundingState::kFounded)
    announcement.document = founding_.document();
  announcement.registration = keeper_.registration();
  for (Uid uid : replicas_.faulty()) {
    if (announcement.faulty.size() < kMostFaultyTold) announcement.faulty.push_back(uid);
  }
  peers_.flush(context_.now, config_.heartbeat_ms, announcement);
  metrics_.counters["peer_messages_dropped_total"] = peers_.dropped();
  metrics_.counters["deferred_bytes"] = deferred_bytes_;
}

// A new boot at once; durable rounds at most once a second, and not while a round is being written:
// one that waits for space may wait for hours, and notes would pile up behind it. What is kept here
// is not worth telling the others, or each note would be answered by theirs for ever.
void Shard::keep_remembered_stores() {
  Peers::Changed changed = peers_.take_remembered_changed();
  rounds_to_keep_ |= changed == Peers::Changed::kRounds;
  bool due = rounds_to_keep_ && !store_.writing() && context_.now >= keep_rounds_at_;
  if (changed != Peers::Changed::kBoot && !due) return;
  store_.put_note(kRememberedNote, wire::encode(peers_.remembered()));
  rounds_to_keep_ = false;
  keep_rounds_at_ = context_.now.plus_ms(kKeepRoundsMs);
}

ClusterId Shard::cluster() const { return founding_.is_durable() ? context_.cluster : ClusterId{}; }

void Shard::submit() {
  if (store_.dirty() && !store_.writing()) store_.submit();
  patience_.look(context_.now, store_.disk_lanes());
}

void Shard::expire() {
  produce_.expire();
  fetch_.expire();
}

void Shard::begin_stop() {
  if (stop_deadline_) return;
  stop_deadline_ = clock_.now().plus_ms(kStopPatienceMs);
  LOG(kInfo, "stopping: handing leaderships over");
}

bool Shard::stopped() const {
  if (!stop_deadline_) return false;
  if (context_.now >= *stop_deadline_) return true;
  bool leads =
      std::any_of(replicas_.all().begin(), replicas_.all().end(), [this](const auto& entry) {
        const Replica& replica = entry.second;
        if (!replica.leads()) return false;
        for (const auto& member : replica.group->membership().voters) {
          if (member.broker != self_.address.broker && replicas_.alive(member.broker)) return true;
        }
        return false;  // nobody to hand it to
      });
  return !leads && !store_.dirty() && !store_.writing() && produce_.waiting() == 0;
}

Time Shard::next_deadline() const {
  Time next = std::min({next_tick_, produce_.next_deadline(), fetch_.next_deadline()});
  if (has_room_for_deferred()) next = context_.now;
  if (store_.dirty() && !store_.writing()) next = context_.now;
  return next;
}

}  // namespace strandlog::broker
