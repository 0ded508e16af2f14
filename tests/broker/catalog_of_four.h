// CatalogOfFour: a catalog of four brokers and one topic whose replicas may be on the move.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <vector>

#include "broker/catalog.h"

namespace strandlog::broker {

inline StoreId store_number(uint8_t n) {
  StoreId id;
  id.bytes[0] = n;
  return id;
}

inline TopicId orders() {
  TopicId id;
  id.bytes[0] = 1;
  return id;
}

inline const wire::TopicPartition kWhere{orders(), 0};
constexpr uint64_t kCreation = 1;

/// Brokers 1 to 4 with stores of their numbers; partition 0 has replicas 5, 6, 7 on 1, 2, 3.
class CatalogOfFour : public testing::Test {
 protected:
  CatalogOfFour() {
    wire::FoundingDocument document;
    for (uint8_t n = 1; n <= 4; ++n) {
      document.founders.push_back({{BrokerId{n}, store_number(n), "", ""}, Uid{n}});
    }
    apply(wire::catalog::Found{document});
    wire::catalog::CreateTopic create{orders(), "orders", {}, {{{}, kCreation, {}}}, 0};
    for (uint8_t n = 1; n <= 3; ++n) create.partitions[0].replicas.push_back(replica(4u + n, n));
    apply(create);
    for (uint8_t n = 1; n <= 3; ++n) made(4u + n, n);
  }
  static wire::CatalogReplica replica(uint64_t uid, uint8_t broker, uint8_t on = 0) {
    return {Uid{uid}, BrokerId{broker}, store_number(on != 0 ? on : broker)};
  }
  void apply(const wire::catalog::Command& command) {
    catalog_.apply(catalog_.applied().plus(1), command);
  }
  void made(uint64_t uid, uint8_t on) {
    apply(wire::catalog::ReplicaCreated{Uid{uid}, store_number(on), kCreation});
  }
  /// Broker n comes with another store.
  void wiped(uint8_t n, uint8_t now) {
    apply(wire::catalog::RegisterBroker{{BrokerId{n}, store_number(now), "", ""}, BootEpoch{1}});
  }
  void move(uint64_t from, const wire::CatalogReplica& to) {
    apply(wire::catalog::MoveReplica{kWhere, kCreation, Uid{from}, to});
  }
  void members(uint64_t configuration, const std::vector<wire::CatalogReplica>& voters) {
    apply(wire::GroupMembers{kWhere, kCreation, Index{configuration}, voters});
  }
  const CatalogPartition& partition() { return *catalog_.partition(kWhere); }
  std::optional<Uid> coming() {
    return partition().move ? std::optional(partition().move->to.uid) : std::nullopt;
  }

  Catalog catalog_;
};

}  // namespace strandlog::broker
