// IncomingLinks: which client of a listener each incoming LinkId means; bounded, forgets the idle.
#pragma once

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <utility>

#include "base/env.h"

namespace strandlog::wire {

/// Bytes handed to the network and not yet written to a socket; lowered on the network's thread.
/// What is counted here is counted in `all`, too.
class UnsentCount {
 public:
  explicit UnsentCount(std::shared_ptr<UnsentCount> all = {}) : all_(std::move(all)) {}
  void add(size_t bytes) {
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
    if (all_) all_->add(bytes);
  }
  void remove(size_t bytes) {
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    if (all_) all_->remove(bytes);
  }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<size_t> bytes_{0};
  std::shared_ptr<UnsentCount> all_;
};
using UnsentBytes = std::shared_ptr<UnsentCount>;

/// Used by one thread.
class IncomingLinks {
 public:
  struct Entry {
    LinkId link;
    ListenerKind listener = ListenerKind::kClient;
    uint32_t route = 0;  ///< names the connection within its listener
    UnsentBytes unsent;
  };

  explicit IncomingLinks(size_t limit) : limit_(limit) {}
  /// Over all links, forgotten ones included.
  size_t unsent_bytes() const { return all_->bytes(); }

  /// The link of this connection; if it is new, `fresh` becomes its link. Counts as use. Valid
  /// until the next call.
  Entry& meet(ListenerKind listener, uint32_t route, LinkId fresh);
  /// Null if unknown or forgotten. Counts as use.
  Entry* find(LinkId link);
  void forget(LinkId link);
  size_t size() const { return entries_.size(); }

 private:
  using Key = std::pair<ListenerKind, uint32_t>;
  size_t limit_;
  UnsentBytes all_ = std::make_shared<UnsentCount>();
  std::list<Entry> entries_;  // most recently used first
  std::map<Key, std::list<Entry>::iterator> by_route_;
  std::map<LinkId, std::list<Entry>::iterator> by_link_;
};

}  // namespace strandlog::wire
