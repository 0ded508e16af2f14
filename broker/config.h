// BrokerConfig: everything a broker is told from outside, fixed at start; and bounds that only
// tests move, which no setting names (see settings.cc).
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "store/store.h"

namespace strandlog::broker {

struct BrokerConfig {
  BrokerId id;
  std::string listen;              ///< client address, HOST:PORT
  std::string listen_peer;         ///< peer address, HOST:PORT
  std::string advertise;           ///< what clients are told; default: listen
  std::string advertise_peer;      ///< what peers are told; default: listen_peer
  std::vector<std::string> seeds;  ///< peer addresses a blank broker asks
  bool found_alone = false;        ///< --dev: a blank broker founds a cluster of itself

  int64_t disk_stall_ms = 1000;           ///< a round not written for longer ends leaderships
  uint32_t max_message_bytes = 1u << 20;  ///< one record batch
  int64_t create_timeout_ms = 10'000;     ///< an unfinished creation begins anew elsewhere
  int64_t replace_after_ms = 600'000;     ///< replicas of a silent broker are made elsewhere
  int64_t retention_ms = 7 * 24 * 3600 * int64_t{1000};  ///< of topics that set none; -1: for ever
  int64_t retention_bytes = -1;                          ///< of a partition; -1: no bound
  int64_t retention_check_ms = 5'000;                    ///< between looks at what may go
  store::StoreOptions store;

  // ---- no settings
  int64_t tick_ms = 50;
  uint32_t election_ticks = 12;  ///< 0.6 to 1.2 s of silence
  uint32_t heartbeat_ticks = 2;
  uint32_t session_ticks = 20;                   ///< 1 s without a word ends a session
  int64_t heartbeat_ms = 100;                    ///< a session's silence at most
  uint64_t replication_window_bytes = 8u << 20;  ///< to one follower: sent and not yet answered
  uint64_t replication_append_bytes = 1u << 20;  ///< of entries in one append, unless one is longer
  uint64_t uncommitted_bytes_group = 32u << 20;  ///< from here on: busy
  uint64_t uncommitted_bytes_broker = 128u << 20;
  size_t max_pending_fetches = 20000;  ///< one more: one that waits must retry
  uint64_t max_fetch_bytes =
      256u << 20;  ///< found for answers that wait for a disk read; from here on: busy
  size_t max_deferred_bytes = 128u << 20;  ///< received, waiting for the round to have room
  uint32_t max_partitions = 10000;         ///< of one topic and of the cluster's topics
};

}  // namespace strandlog::broker
