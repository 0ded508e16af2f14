// Clients: what those that lived through faults must still do once all is well.
#include <algorithm>

#include "client/offset_lookup.h"
#include "tests/sim/cluster.h"

namespace strandlog::sim {
namespace {

constexpr int64_t kGoOnMs = 30'000;
constexpr size_t kProbeBytes = 20;

std::string name_of(const Place& where) {
  return where.topic + "/" + std::to_string(where.partition);
}

}  // namespace

void SimCluster::expect_clients_go_on(const std::string& topic) {
  await_calm();
  std::vector<Place> places = places_to_read();
  std::erase_if(places, [&](const Place& where) { return where.topic != topic; });
  await_readers(places);
  if (violations_.empty()) await_probes(places);
}

// A reader that stands still for ever contradicts nothing that it was given before.
void SimCluster::await_readers(const std::vector<Place>& places) {
  auto ends = client::look_up_ends(port_, places, kGoOnMs);
  if (!ends.ok()) return violated("I24: no ends after everything was healed: " + ends.error().text);
  auto read_by = [](const auto& client, const Place& where) { return client->position(where); };
  auto has_read = [&](const auto& client) {
    return std::all_of(places.begin(), places.end(), [&](const Place& where) {
      return read_by(client, where) >= ends->at(where).end;
    });
  };
  if (wait_for(kGoOnMs, [&] { return std::all_of(clients_.begin(), clients_.end(), has_read); })) {
    return;
  }
  for (const auto& client : clients_) {
    for (const Place& where : places) {
      int64_t read = read_by(client, where), end = ends->at(where).end;
      if (read >= end) continue;
      violated("I24: " + client->host() + " read " + name_of(where) + " up to " +
               std::to_string(read) + " of " + std::to_string(end) +
               " and no further within 30 s after everything was healed");
    }
  }
}

// Every client's reader has heard who leads, so that a record without an acknowledgement goes
// there; it is written when the reader is given it.
void SimCluster::await_probes(const std::vector<Place>& places) {
  struct Probe {
    SimClient* client;
    Place where;
    const Sent* sent;
    size_t seen_before;
  };
  std::vector<Probe> probes;
  for (const auto& client : clients_) {
    for (const Place& where : places) {
      size_t before = client->run_of(where).seen.size();
      if (!client->produce(where, topics_.at(where.topic).partitions, kProbeBytes)) {
        violated("I24: " + client->host() + " takes no record to " + name_of(where) +
                 " after everything was healed");
        continue;
      }
      probes.push_back({client.get(), where, &history_.sent.back(), before});
    }
  }
  auto is_read = [](const Probe& probe) {
    // It may be gone again before its reader came to it.
    if (probe.client->position(probe.where) > probe.sent->offset && probe.sent->offset >= 0) {
      return true;
    }
    const Log& seen = probe.client->run_of(probe.where).seen;
    auto from = std::min(probe.seen_before, seen.size());
    return std::any_of(seen.begin() + static_cast<ptrdiff_t>(from), seen.end(),
                       [&](const Seen& one) { return one.value == probe.sent->value; });
  };
  auto is_done = [&](const Probe& probe) {
    return probe.sent->outcome == Sent::Outcome::kAcked && is_read(probe);
  };
  if (wait_for(kGoOnMs, [&] { return std::all_of(probes.begin(), probes.end(), is_done); })) return;
  for (const Probe& probe : probes) {
    if (is_done(probe)) continue;
    bool acked = probe.sent->outcome == Sent::Outcome::kAcked;
    violated("I24: \"" + probe.sent->value + "\" to " + name_of(probe.where) + " was not " +
             (acked ? "read by who sent it" : "acknowledged") +
             " within 30 s after everything was healed");
  }
}

}  // namespace strandlog::sim
