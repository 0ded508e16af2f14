// One look at all partitions; nothing is remembered between two.
#include "broker/reconciler.h"

#include <algorithm>

namespace strandlog::broker {
namespace {

using Alive = std::function<bool(BrokerId)>;

struct Wish {
  size_t healthy = 0;  ///< copies beyond a majority that are left
  wire::catalog::MoveReplica move;
};

size_t catalog_voters_wanted(size_t brokers) { return brokers >= 5 ? 5 : brokers >= 3 ? 3 : 1; }

class Planner {
 public:
  Planner(const Catalog& catalog, const Alive& alive) : catalog_(catalog), alive_(alive) {}

  void look_at(const wire::TopicPartition& where, const CatalogPartition& partition) {
    if (!partition.created) return;
    if (partition.move && !catalog_.is_lost(partition.move->to)) return;
    size_t healthy = 0;
    const wire::CatalogReplica* lost = nullptr;
    for (const auto& replica : partition.replicas) {
      if (catalog_.is_lost(replica)) {
        if (!lost || !alive_(lost->broker)) lost = &replica;
      } else if (alive_(replica.broker)) {
        ++healthy;
      }
    }
    size_t majority = partition.replicas.size() / 2 + 1;
    if (healthy < majority) return;
    if (lost) {
      wish(healthy - majority, where, partition, lost->uid, lost->broker);
    } else if (where == kCatalogPartition) {
      grow(healthy - majority, partition);
    }
  }

  std::vector<wire::catalog::MoveReplica> take(size_t most) {
    std::stable_sort(wishes_.begin(), wishes_.end(),
                     [](const Wish& a, const Wish& b) { return a.healthy < b.healthy; });
    std::vector<wire::catalog::MoveReplica> moves;
    Uid uid = catalog_.next_uid();
    for (Wish& wish : wishes_) {
      if (moves.size() >= most) break;
      wish.move.to.uid = uid;
      uid = uid.plus(1);
      moves.push_back(std::move(wish.move));
    }
    return moves;
  }

 private:
  void wish(size_t healthy, const wire::TopicPartition& where, const CatalogPartition& partition,
            Uid from, BrokerId to) {
    auto broker = catalog_.brokers().find(to);
    if (broker == catalog_.brokers().end() || !alive_(to)) return;
    wishes_.push_back(
        {healthy, {where, partition.creation, from, {Uid{}, to, broker->second.address.store}}});
  }

  void grow(size_t healthy, const CatalogPartition& own) {
    if (own.replicas.size() >= catalog_voters_wanted(catalog_.brokers().size())) return;
    std::vector<BrokerId> free;
    for (const auto& [id, broker] : catalog_.brokers()) {
      bool has_one = std::any_of(own.replicas.begin(), own.replicas.end(),
                                 [id = id](const auto& replica) { return replica.broker == id; });
      if (!has_one && alive_(id)) free.push_back(id);
    }
    // An even number of voters endures no more losses than one less: not for long.
    size_t needed = own.replicas.size() % 2 == 1 ? 2 : 1;
    if (free.size() >= needed) wish(healthy, kCatalogPartition, own, Uid{}, free.front());
  }

  const Catalog& catalog_;
  const Alive& alive_;
  std::vector<Wish> wishes_;
};

}  // namespace

std::vector<wire::catalog::MoveReplica> plan_moves(const Catalog& catalog, const Alive& alive,
                                                   size_t most) {
  const auto& moving = catalog.moving();
  auto may_end = [&](const wire::TopicPartition& where) {
    const wire::CatalogReplica& to = catalog.partition(where)->move->to;
    return !catalog.is_lost(to) && alive(to.broker);
  };
  auto under_way = static_cast<size_t>(std::count_if(moving.begin(), moving.end(), may_end));
  if (under_way >= most) return {};
  Planner planner(catalog, alive);
  if (const auto* own = catalog.partition(kCatalogPartition)) {
    planner.look_at(kCatalogPartition, *own);
  }
  for (const auto& [id, topic] : catalog.topics()) {
    for (uint32_t number = 0; number < topic.partitions.size(); ++number) {
      planner.look_at({id, number}, topic.partitions[number]);
    }
  }
  return planner.take(most - under_way);
}

}  // namespace strandlog::broker
