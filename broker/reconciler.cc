// One look at all partitions; nothing is remembered between two.
#include "broker/reconciler.h"

#include <algorithm>
#include <map>

namespace strandlog::broker {
namespace {

struct Wish {
  size_t spare = 0;  ///< copies beyond a majority that are left
  wire::catalog::MoveReplica move;
};

size_t catalog_voters_wanted(size_t brokers) { return brokers >= 5 ? 5 : brokers >= 3 ? 3 : 1; }

class Planner {
 public:
  Planner(const Catalog& catalog, const View& view) : catalog_(catalog), view_(view) {}

  /// One that moves already.
  void count(const CatalogPartition& partition) {
    const wire::CatalogReplica& to = partition.move->to;
    bool can_end =
        !catalog_.is_lost(to) && alive(to.broker) && healthy(partition) >= majority(partition);
    if (can_end) ++under_way_[to.broker];
  }

  void look_at(const wire::TopicPartition& where, const CatalogPartition& partition) {
    if (!partition.created) return;
    if (partition.move && !catalog_.is_lost(partition.move->to)) return;
    if (healthy(partition) < majority(partition)) return;
    size_t spare = healthy(partition) - majority(partition);
    if (const auto* lost = first_lost(partition)) {
      if (is_gone(*lost)) {
        wish_elsewhere(spare, where, partition, lost->uid);
      } else {
        wish(spare, where, partition, lost->uid, lost->broker);
      }
    } else if (const auto* faulty = first_faulty(partition)) {
      wish(spare, where, partition, faulty->uid, faulty->broker);
    } else if (const auto* gone = first_gone(partition)) {
      wish_elsewhere(spare, where, partition, gone->uid);
    } else if (where == kCatalogPartition) {
      grow(spare, partition);
    }
  }

  std::vector<wire::catalog::MoveReplica> take(size_t most) {
    std::stable_sort(wishes_.begin(), wishes_.end(),
                     [](const Wish& a, const Wish& b) { return a.spare < b.spare; });
    std::vector<wire::catalog::MoveReplica> moves;
    Uid uid = catalog_.next_uid();
    for (Wish& wish : wishes_) {
      size_t& coming = under_way_[wish.move.to.broker];
      if (coming >= most) continue;
      ++coming;
      wish.move.to.uid = uid;
      uid = uid.plus(1);
      moves.push_back(std::move(wish.move));
    }
    return moves;
  }

 private:
  bool alive(BrokerId broker) const { return view_.presence(broker) == Presence::kAlive; }
  bool is_gone(const wire::CatalogReplica& replica) const {
    return view_.presence(replica.broker) == Presence::kGone;
  }

  /// Of several that lost their stores, one whose broker can take another.
  const wire::CatalogReplica* first_lost(const CatalogPartition& partition) const {
    const wire::CatalogReplica* lost = nullptr;
    for (const auto& replica : partition.replicas) {
      if (catalog_.is_lost(replica) && (!lost || !alive(lost->broker))) lost = &replica;
    }
    return lost;
  }

  const wire::CatalogReplica* first_faulty(const CatalogPartition& partition) const {
    const auto& all = partition.replicas;
    auto faulty = std::find_if(all.begin(), all.end(), [this](const auto& replica) {
      return alive(replica.broker) && view_.is_faulty(replica);
    });
    return faulty == all.end() ? nullptr : &*faulty;
  }

  const wire::CatalogReplica* first_gone(const CatalogPartition& partition) const {
    const auto& all = partition.replicas;
    auto gone = std::find_if(all.begin(), all.end(),
                             [this](const auto& replica) { return is_gone(replica); });
    return gone == all.end() ? nullptr : &*gone;
  }

  size_t healthy(const CatalogPartition& partition) const {
    const auto& all = partition.replicas;
    return static_cast<size_t>(std::count_if(all.begin(), all.end(), [this](const auto& replica) {
      return !catalog_.is_lost(replica) && alive(replica.broker) && !view_.is_faulty(replica);
    }));
  }

  static size_t majority(const CatalogPartition& partition) {
    return partition.replicas.size() / 2 + 1;
  }

  void wish(size_t spare, const wire::TopicPartition& where, const CatalogPartition& partition,
            Uid from, BrokerId to) {
    auto broker = catalog_.brokers().find(to);
    if (broker == catalog_.brokers().end() || !alive(to)) return;
    wishes_.push_back(
        {spare, {where, partition.creation, from, {Uid{}, to, broker->second.address.store}}});
  }

  /// Live brokers without a replica of it.
  std::vector<BrokerId> free_for(const CatalogPartition& partition) const {
    std::vector<BrokerId> free;
    for (const auto& [id, broker] : catalog_.brokers()) {
      const auto& all = partition.replicas;
      bool has_one = std::any_of(all.begin(), all.end(),
                                 [id = id](const auto& replica) { return replica.broker == id; });
      if (!has_one && alive(id)) free.push_back(id);
    }
    return free;
  }

  void wish_elsewhere(size_t spare, const wire::TopicPartition& where,
                      const CatalogPartition& partition, Uid from) {
    std::vector<BrokerId> free = free_for(partition);
    if (free.empty()) return;
    if (load_.empty()) count_replicas();
    BrokerId to = *std::min_element(free.begin(), free.end(),
                                    [this](BrokerId a, BrokerId b) { return load_[a] < load_[b]; });
    if (where != kCatalogPartition) ++load_[to];
    wish(spare, where, partition, from, to);
  }

  void count_replicas() {
    for (const auto& [id, topic] : catalog_.topics()) {
      for (const CatalogPartition& partition : topic.partitions) {
        for (const auto& replica : partition.replicas) ++load_[replica.broker];
        if (partition.move) ++load_[partition.move->to.broker];
      }
    }
  }

  void grow(size_t spare, const CatalogPartition& own) {
    if (own.replicas.size() >= catalog_voters_wanted(catalog_.brokers().size())) return;
    std::vector<BrokerId> free = free_for(own);
    // An even number of voters endures no more losses than one less: not for long.
    size_t needed = own.replicas.size() % 2 == 1 ? 2 : 1;
    if (free.size() >= needed) wish(spare, kCatalogPartition, own, Uid{}, free.front());
  }

  const Catalog& catalog_;
  const View& view_;
  std::map<BrokerId, size_t> load_;       ///< topics' replicas of each; counted when needed
  std::map<BrokerId, size_t> under_way_;  ///< to each, that can end
  std::vector<Wish> wishes_;
};

}  // namespace

std::vector<wire::catalog::MoveReplica> plan_moves(const Catalog& catalog, const View& view,
                                                   size_t most) {
  Planner planner(catalog, view);
  for (const auto& where : catalog.moving()) planner.count(*catalog.partition(where));
  if (const auto* own = catalog.partition(kCatalogPartition)) {
    planner.look_at(kCatalogPartition, *own);
  }
  for (const auto& [id, topic] : catalog.topics()) {
    for (uint32_t number = 0; number < topic.partitions.size(); ++number) {
      planner.look_at({id, number}, topic.partitions[number]);
    }
  }
  return planner.take(most);
}

}  // namespace strandlog::broker
