// The driver a Group needs, in memory, with the safety properties checked at every step.
#include "tests/raft/cluster.h"

#include <algorithm>

#include "tests/raft/describe.h"
#include "tests/raft/group_tester.h"

namespace strandlog::raft {

Term FakeLog::term_at(Index index) const {
  if (index == start) return start_term;
  auto entry = entries.find(index);
  return entry == entries.end() ? Term{} : entry->second.term;
}

std::vector<Membership> FakeLog::memberships() const {
  std::vector<Membership> all = {base};
  for (const auto& [index, entry] : entries) {
    if (entry.configuration) all.push_back(*entry.configuration);
  }
  return all;
}

Membership FakeLog::membership_at(Index index) const {
  Membership newest;
  for (const Membership& one : memberships()) {
    if (one.index <= index) newest = one;
  }
  return newest;
}

bool Cluster::Node::alive(BrokerId broker) const {
  return cluster.is_up(broker.value) && cluster.connected(uid, broker.value);
}

Cluster::Cluster(const ClusterOptions& options) : options_(options), random_(options.seed) {
  std::vector<uint64_t> voters;
  std::vector<uint64_t> learners;
  for (uint64_t uid = 1; uid <= options.voters + options.learners; ++uid) {
    (uid <= options.voters ? voters : learners).push_back(uid);
  }
  for (uint64_t uid = 1; uid <= options.voters + options.learners + options.spares; ++uid) {
    nodes_[uid] = std::make_unique<Node>(*this, uid);
    nodes_[uid]->disk.base = members_of(voters, learners);
  }
  for (uint64_t uid : uids()) restart(uid);
}

Cluster::~Cluster() = default;

Group& Cluster::group(uint64_t uid) { return *nodes_.at(uid)->group; }

std::vector<uint64_t> Cluster::uids() const {
  std::vector<uint64_t> all;
  for (const auto& [uid, node] : nodes_) all.push_back(uid);
  return all;
}

uint64_t Cluster::leader() const {
  uint64_t best = 0;
  Term newest;
  for (const auto& [uid, node] : nodes_) {
    if (node->group && node->group->role() == Role::kLeader && node->group->term() > newest) {
      best = uid;
      newest = node->group->term();
    }
  }
  return best;
}

uint64_t Cluster::random(uint64_t below) { return random_() % below; }
void Cluster::note(const std::string& line) {
  if (tracing) trace.push_back(line);
}
void Cluster::violated(std::string what) { violations_.push_back(std::move(what)); }

void Cluster::check_invariants(const Node& node) {
  for (const std::string& broken : node.group->broken_invariants()) {
    violated("replica " + std::to_string(node.uid) + ": " + broken);
  }
}

void Cluster::tick(uint64_t uid) {
  Node& node = *nodes_.at(uid);
  if (!node.group) return;
  node.group->tick(node);
  carry_out(node);
}

void Cluster::tick_all() {
  for (uint64_t uid : uids()) tick(uid);
}

bool Cluster::propose(uint64_t uid) {
  Node& node = *nodes_.at(uid);
  if (!node.group || !node.group->propose().ok()) return false;
  carry_out(node);
  return true;
}

void Cluster::read(uint64_t uid, uint64_t token) {
  Node& node = *nodes_.at(uid);
  if (!node.group) return;
  read_floors_[token] = committed();
  node.group->read_index(token);
  carry_out(node);
}

void Cluster::transfer(uint64_t from, uint64_t to) {
  Node& node = *nodes_.at(from);
  if (!node.group) return;
  (void)node.group->transfer_to(Uid{to}).ok();
  carry_out(node);
}

Result<Index> Cluster::change(uint64_t uid, const std::vector<uint64_t>& voters,
                              const std::vector<uint64_t>& learners) {
  Node& node = *nodes_.at(uid);
  if (!node.group) return Error{Code::kUnreachable, "down"};
  const Membership next = members_of(voters, learners);
  auto done = node.group->change_membership(
      {.seen = node.group->membership().index, .voters = next.voters, .learners = next.learners});
  carry_out(node);
  return done;
}

void Cluster::step_down(uint64_t uid) {
  Node& node = *nodes_.at(uid);
  if (!node.group) return;
  node.group->step_down();
  carry_out(node);
}

void Cluster::raise_term(uint64_t uid, Term term) {
  Node& node = *nodes_.at(uid);
  node.group->step({test_group(), Uid{uid % nodes_.size() + 1}, Uid{uid}, term, StepDown{}});
  carry_out(node);
}

void Cluster::carry_out(Node& node) {
  // A leader asks for one Send per follower at a time.
  for (int i = 0; i < 1000; ++i) {
    check_invariants(node);
    const Output output = node.group->take();
    check_invariants(node);
    for (const std::string& line : describe(output)) {
      note("  " + std::to_string(node.uid) + ": " + line);
    }
    carry_out(node, output);
    if (output.sends.empty()) return;
  }
  violated("take() never came to an end");
}

void Cluster::carry_out(Node& node, const Output& output) {
  for (const Message& message : output.at_once) transmit({message, {}});
  log_changes(node, output);  // the no-op is there before it is sent
  for (const Send& send : output.sends) answer(node, send);
  for (const SnapshotSend& send : output.snapshots) answer(node, send);
  if (output.hard_state || output.install || output.truncate_from || output.append_first) {
    node.writes.push_back({node.memory, output.after_write});
  } else if (!output.after_write.empty()) {
    violated("a message waits for a write that nobody asked for");
  }
  for (const ReadReady& read : output.reads) {
    reads_[read.token] = read.index ? read.index->value : 0;
    if (read.index && *read.index < read_floors_[read.token]) violated("a read went back in time");
  }
  if (output.became_leader) check_new_leader(node, *output.became_leader);
  check_commit(node);
  trim(node);
}

void Cluster::log_changes(Node& node, const Output& output) {
  FakeLog& log = node.memory;
  if (output.hard_state) log.hard = *output.hard_state;
  if (output.install) {
    log.entries.clear();
    log.start = output.install->index;
    log.start_term = output.install->index_term;
    log.base = output.install->membership;
  }
  if (output.truncate_from) {
    log.entries.erase(log.entries.lower_bound(*output.truncate_from), log.entries.end());
  }
  if (!output.append_first) return;
  for (Index index = *output.append_first; index <= *output.append_last; index = index.plus(1)) {
    if (node.group->role() == Role::kLeader) {
      log.entries[index] = {node.group->term(), next_value_++};
      if (output.configuration && output.configuration->index == index) {
        log.entries[index].configuration = output.configuration;
      }
    } else if (auto entry = node.received.find(index); entry != node.received.end()) {
      log.entries[index] = entry->second;
    } else {
      violated("a follower was told to append what it was not sent");
    }
  }
}

void Cluster::answer(Node& node, const Send& send) {
  if (send.prev < node.memory.start) return node.group->sent(send.to, send.prev, 0, true);
  // The driver may stop earlier: entries are 100 bytes, the first always goes.
  const uint64_t fit = std::max<uint64_t>(1, send.max_bytes / 100);
  const Index last = std::min(send.last, send.prev.plus(fit));
  if (last > send.prev && random(20) == 0 && faults.drop_percent > 0) {
    return node.group->sent(send.to, send.prev, 0);  // not readable now
  }
  Append append{.prev = send.prev,
                .prev_term = send.prev_term,
                .last = last,
                .runs = {},
                .commit = send.commit,
                .read_round = send.read_round};
  Packet packet;
  for (Index index = send.prev.plus(1); index <= last; index = index.plus(1)) {
    const FakeEntry& entry = node.memory.entries.at(index);
    if (append.runs.empty() || append.runs.back().term != entry.term) {
      append.runs.push_back({index, entry.term});
    }
    packet.entries[index] = entry;
    if (entry.configuration) append.configurations.push_back(*entry.configuration);
  }
  packet.message = {test_group(), Uid{node.uid}, send.to, send.term, append};
  transmit(packet);
  node.group->sent(send.to, last, 100 * (last.value - send.prev.value));
}

void Cluster::answer(Node& node, const SnapshotSend& send) {
  const Index index = std::min(node.group->commit(), node.group->durable());
  if (index < send.at_least) return node.group->snapshot_done(send.to, false);
  const SnapshotOffer offer{index, *node.group->term_at(index), node.memory.membership_at(index)};
  transmit({{test_group(), Uid{node.uid}, send.to, node.group->term(), offer}, {}});
}

bool Cluster::connected(uint64_t a, uint64_t b) const {
  return !cuts_.contains({std::min(a, b), std::max(a, b)});
}

void Cluster::transmit(Packet packet) {
  if (!nodes_.contains(packet.message.to.value)) return;
  network_.push_back(std::move(packet));
}

bool Cluster::deliver_one() {
  if (network_.empty()) return false;
  const size_t at = faults.reorder ? random(std::min<size_t>(network_.size(), 8)) : 0;
  const Packet packet = network_[at];
  const bool keep = random(100) < static_cast<uint64_t>(faults.duplicate_percent);
  if (!keep) network_.erase(network_.begin() + static_cast<ptrdiff_t>(at));
  Node& node = *nodes_.at(packet.message.to.value);
  const bool lost = random(100) < static_cast<uint64_t>(faults.drop_percent);
  if (lost && std::holds_alternative<SnapshotOffer>(packet.message.body)) {
    Node& sender = *nodes_.at(packet.message.from.value);
    if (!sender.group) return true;
    sender.group->snapshot_done(packet.message.to, false);
    carry_out(sender);
    return true;
  }
  if (lost || !node.group || !connected(packet.message.from.value, node.uid)) return true;
  note(describe(packet.message));
  node.received = packet.entries;
  node.group->step(packet.message);
  carry_out(node);
  return true;
}

bool Cluster::write_one(uint64_t uid) {
  Node& node = *nodes_.at(uid);
  if (node.writes.empty()) return false;
  const Write write = node.writes.front();
  node.writes.erase(node.writes.begin());
  node.disk = write.after;
  note("disk " + std::to_string(uid) + " has " + std::to_string(node.disk.last().value));
  const Index last = node.disk.last();
  node.group->persisted(last, node.disk.term_at(last), node.disk.hard);
  for (const Message& message : write.messages) transmit({message, {}});
  carry_out(node);
  return true;
}

void Cluster::settle() {
  for (int i = 0; i < 20000; ++i) {
    bool moved = deliver_one();
    if (!disks_stalled) {
      for (uint64_t uid : uids()) moved = write_one(uid) || moved;
    }
    if (!moved) return;
  }
  violated("the cluster never came to rest");
}

void Cluster::crash(uint64_t uid) {
  Node& node = *nodes_.at(uid);
  if (!node.group) return;
  note("crash " + std::to_string(uid));
  const size_t finished = random(node.writes.size() + 1);
  if (finished > 0) node.disk = node.writes[finished - 1].after;
  node.writes.clear();
  node.group.reset();
  std::erase_if(network_, [&](const Packet& packet) { return packet.message.to.value == uid; });
  for (uint64_t other : uids()) {
    Node& peer = *nodes_.at(other);
    if (!peer.group || !connected(uid, other)) continue;
    peer.group->peer_down(BrokerId{uid});
    carry_out(peer);
  }
}

void Cluster::restart(uint64_t uid) {
  Node& node = *nodes_.at(uid);
  if (node.group) return;
  note("start " + std::to_string(uid));
  node.memory = node.disk;
  std::vector<TermRun> runs;
  for (const auto& [index, entry] : node.disk.entries) {
    if (runs.empty() || runs.back().term != entry.term) runs.push_back({index, entry.term});
  }
  GroupConfig config = options_.config;
  config.group = test_group();
  config.self = Uid{uid};
  // The commit index may have been lost: only the start is certain.
  node.group = std::make_unique<Group>(config,
                                       Restored{.hard = node.disk.hard,
                                                .start = node.disk.start,
                                                .start_term = node.disk.start_term,
                                                .terms = runs,
                                                .last = node.disk.last(),
                                                .memberships = node.disk.memberships(),
                                                .commit = node.disk.start},
                                       random_());
  node.checked_commit = node.disk.start;
  for (uint64_t other : uids()) {
    Node& peer = *nodes_.at(other);
    if (other == uid || !peer.group || !connected(uid, other)) continue;
    peer.group->peer_up(BrokerId{uid}, true);
    carry_out(peer);
    node.group->peer_up(BrokerId{other}, false);
  }
  carry_out(node);
}

void Cluster::cut(uint64_t a, uint64_t b) {
  if (a == b || !cuts_.insert({std::min(a, b), std::max(a, b)}).second) return;
  note("cut " + std::to_string(a) + "-" + std::to_string(b));
  for (auto [self, other] : {std::pair{a, b}, std::pair{b, a}}) {
    Node& node = *nodes_.at(self);
    if (!node.group || !is_up(other)) continue;
    node.group->peer_down(BrokerId{other});
    carry_out(node);
  }
}

void Cluster::heal(uint64_t a, uint64_t b) {
  if (cuts_.erase({std::min(a, b), std::max(a, b)}) == 0) return;
  note("heal " + std::to_string(a) + "-" + std::to_string(b));
  for (auto [self, other] : {std::pair{a, b}, std::pair{b, a}}) {
    Node& node = *nodes_.at(self);
    if (!node.group || !is_up(other)) continue;
    node.group->peer_up(BrokerId{other}, false);
    carry_out(node);
  }
}

void Cluster::isolate(uint64_t uid) {
  for (uint64_t other : uids()) cut(uid, other);
}

void Cluster::heal_all() {
  for (uint64_t a : uids()) {
    for (uint64_t b : uids()) heal(a, b);
  }
}

Index Cluster::committed() const {
  return committed_.empty() ? Index{} : committed_.rbegin()->first;
}

void Cluster::check_commit(Node& node) {
  const Index commit = node.group->commit();
  if (commit < node.checked_commit) return violated("commit moved back");
  for (Index index = node.checked_commit.plus(1); index <= commit; index = index.plus(1)) {
    auto entry = node.memory.entries.find(index);
    if (entry == node.memory.entries.end()) continue;  // came by a snapshot
    auto [known, is_new] = committed_.try_emplace(index, entry->second);
    if (!is_new && known->second != entry->second) {
      violated("two entries were committed at index " + std::to_string(index.value));
    }
    if (is_new) check_durable_majority(node, index);
  }
  node.checked_commit = commit;
}

// By the configuration in force where it was committed first, which is at its leader.
void Cluster::check_durable_majority(const Node& node, Index index) {
  const Membership& members = node.group->membership();
  for (const std::vector<Member>* half : {&members.voters, &members.outgoing}) {
    size_t copies = 0;
    for (const Member& voter : *half) {
      const FakeLog& disk = nodes_.at(voter.uid.value)->disk;
      auto entry = disk.entries.find(index);
      const bool has = entry != disk.entries.end() && entry->second == committed_.at(index);
      if (has || disk.start >= index) ++copies;
    }
    if (!half->empty() && copies <= half->size() / 2) {
      violated("index " + std::to_string(index.value) + " was committed with " +
               std::to_string(copies) + " durable copies of " + std::to_string(half->size()));
    }
  }
}

void Cluster::check_new_leader(const Node& node, Term term) {
  auto [known, is_new] = leaders_.try_emplace(term, node.uid);
  if (!is_new) violated("two leaders in term " + std::to_string(term.value));
  for (const auto& [index, entry] : committed_) {
    if (index <= node.memory.start) continue;
    auto own = node.memory.entries.find(index);
    if (own == node.memory.entries.end() || own->second != entry) {
      violated("the leader of term " + std::to_string(term.value) + " lacks committed index " +
               std::to_string(index.value));
    }
  }
}

void Cluster::check_log_matching() {
  for (const auto& [a_uid, a] : nodes_) {
    for (const auto& [b_uid, b] : nodes_) {
      if (a_uid >= b_uid) continue;
      bool same = false;
      // From the end: below an entry of equal term everything is equal.
      for (auto entry = a->memory.entries.rbegin(); entry != a->memory.entries.rend(); ++entry) {
        auto other = b->memory.entries.find(entry->first);
        if (other == b->memory.entries.end()) continue;
        if (other->second.term == entry->second.term) same = true;
        if (same && other->second != entry->second) {
          violated("logs of equal term differ at index " + std::to_string(entry->first.value));
        }
      }
    }
  }
}

void Cluster::trim(Node& node) {
  if (options_.keep_entries == 0) return;
  const Index applied = std::min(node.group->commit(), node.group->durable());
  if (applied.value < node.memory.start.value + 2 * options_.keep_entries) return;
  const Index start{applied.value - options_.keep_entries};
  node.memory.start_term = node.memory.term_at(start);
  node.memory.base = node.memory.membership_at(start);
  node.memory.start = start;
  node.memory.entries.erase(node.memory.entries.begin(), node.memory.entries.upper_bound(start));
  node.group->trimmed(start);
}

}  // namespace strandlog::raft
