// Starting, turning and ending a simulated broker's process.
#include "tests/sim/broker.h"

#include "store/journal_scan.h"

namespace strandlog::sim {
namespace {

constexpr int64_t kTurnUs = 30;  // of processor time, at least

}  // namespace

SimBroker::SimBroker(Schedule& schedule, Network& network, Dice dice, Options options,
                     std::function<void(SimBroker&)> ended)
    : schedule_(schedule),
      network_(network),
      dice_(dice),
      options_(std::move(options)),
      host_(host_of(options_.config.listen)),
      directory_{{{}, options_.config.id, dice_.uuid<StoreId>()}, {}, {}},
      on_end_(std::move(ended)) {}

SimBroker::~SimBroker() { end(); }

bool SimBroker::start() {
  if (process_) return true;
  ended_.reset();
  paused_ = false;
  ++boot_;
  process_ = std::make_unique<Process>(new_clock(), dice_.fork());
  process_->errors_before = disk().errors_made_up();
  auto composed = compose(*process_);
  if (!composed.ok()) {
    ended_ = composed.error();
    disk_failed_ = ended_by_disk();
    end();
    directory_.disk.end_process(dice_.next());
    return false;
  }
  wake(schedule_.now());
  return true;
}

bool SimBroker::ended_by_disk() const {
  return ended_->code == Code::kIo && disk().errors_made_up() > process_->errors_before;
}

bool SimBroker::is_short_of_space() const {
  if (!ended_ || ended_->code != Code::kDiskFull) return false;
  store::FakeDisk image = disk();
  uint64_t file = std::max(config().store.journal_file_bytes, image.folder("journal").longest);
  if (image.free_bytes().value() >= file) return false;
  auto scan = store::scan_journal(image, store_id());
  return scan.ok() && std::none_of(scan->files.begin(), scan->files.end(), [&](const auto& one) {
           return !one.header && one.bytes >= file;
         });
}

SimClock SimBroker::new_clock() const {
  SimClock clock(schedule_, options_.drift_ppm);
  clock.wall_offset_ms = wall_offset_ms_;
  return clock;
}

Result<void> SimBroker::compose(Process& p) {
  TRY(store::check_broker_of(directory_.identity, options_.config.id, host_));
  auto wake_now = [this] { wake(schedule_.now()); };
  p.disk =
      std::make_unique<SimDisk>(directory_.disk, schedule_, dice_.fork(), options_.disk, wake_now);
  p.transport = network_.attach(host_, wake_now);
  TRY(p.transport->listen(ListenerKind::kClient, options_.config.listen));
  TRY(p.transport->listen(ListenerKind::kPeer, options_.config.listen_peer));
  ASSIGN(p.store, store::Store::open(options_.config.store, *p.disk, p.dice, store_id()));
  ASSIGN(p.shard, broker::Shard::open(options_.config, store_id(), p.clock, p.dice, *p.store,
                                      directory_.state, *p.transport));
  return {};
}

void SimBroker::wake(Time when) {
  if (!process_ || paused_ || when >= process_->next_turn) return;
  process_->next_turn = when;
  schedule_.at(when, [this, boot = boot_] { turn(boot); });
}

void SimBroker::turn(uint64_t boot) {
  // A turn that was moved forward leaves its old event behind.
  if (!process_ || boot != boot_ || paused_ || schedule_.now() < process_->next_turn) return;
  Process& p = *process_;
  p.next_turn = Time{INT64_MAX};
  p.shard->run_once();
  if (p.shard->failure()) return end_by_itself(*p.shard->failure());
  if (p.shard->stopped()) {
    (void)directory_.state.flush().ok();
    return kill();
  }
  Time next = p.clock.to_world(p.shard->next_deadline());
  wake(std::max(next, Time{schedule_.now().us + kTurnUs}));
}

void SimBroker::end() {
  if (!process_) return;
  stalled_before_ = stalled_operations();
  process_->shard.reset();
  process_->store.reset();
  process_->transport.reset();
  process_->disk.reset();
  process_.reset();
  paused_ = false;
}

void SimBroker::end_by_itself(const Error& why) {
  ended_ = why;
  disk_failed_ = ended_by_disk();
  kill();
  if (on_end_) on_end_(*this);
}

void SimBroker::kill() {
  if (!process_) return;
  end();
  directory_.disk.end_process(dice_.next());
  Dice dice = dice_.fork();
  directory_.state.crash(dice);
}

void SimBroker::lose_power(store::FakeDisk::Harm harm) {
  if (process_) network_.silence(host_);
  end();
  directory_.disk.crash(dice_.next(), harm);
  Dice dice = dice_.fork();
  directory_.state.crash(dice);
}

void SimBroker::begin_stop() {
  if (!process_) return;
  resume();
  process_->shard->begin_stop();
  wake(schedule_.now());
}

void SimBroker::pause() {
  if (!process_) return;
  paused_ = true;
  process_->next_turn = Time{INT64_MAX};
}

void SimBroker::resume() {
  if (!paused_) return;
  paused_ = false;
  wake(schedule_.now());
}

void SimBroker::set_wall_offset(int64_t ms) {
  wall_offset_ms_ = ms;
  if (process_) process_->clock.wall_offset_ms = ms;
}

void SimBroker::stall_disk(int64_t ms) {
  if (process_) process_->disk->stall_until(schedule_.now().plus_ms(ms));
}

void SimBroker::end_stall() {
  if (process_) process_->disk->end_stall();
}

uint64_t SimBroker::stalled_operations() const {
  return stalled_before_ + (process_ && process_->disk ? process_->disk->stalled_operations() : 0);
}

SimBroker::Directory SimBroker::backup() const {
  Directory copy = directory_;
  copy.disk.end_process(0);
  return copy;
}

void SimBroker::restore(Directory directory) {
  kill();
  directory_ = std::move(directory);
}

void SimBroker::wipe() {
  kill();
  lost_ = directory_;
  directory_.disk.format();
  directory_.identity.store = dice_.uuid<StoreId>();
  directory_.state = {};
}

void SimBroker::move_to(const std::string& host) {
  kill();
  broker::BrokerConfig& config = options_.config;
  for (std::string* address :
       {&config.listen, &config.advertise, &config.listen_peer, &config.advertise_peer}) {
    *address = host + address->substr(host_.size());
  }
  host_ = host;
}

}  // namespace strandlog::sim
