// Leaders: who leads which group, as far as heard; the higher term wins.
#pragma once

#include <map>

#include "base/ids.h"
#include "wire/messages.h"

namespace strandlog::broker {

class Leaders {
 public:
  /// So many more groups than the last keep_only() left.
  static constexpr size_t kMostNew = 10'000;

  /// True when it changed something.
  bool learn(const wire::LeaderNotice& notice) {
    wire::LeaderNotice& known = known_[notice.group];
    bool news = notice.term > known.term ||
                (notice.term == known.term && known.leader == Uid{} && notice.leader != Uid{});
    // The leader itself saying that it stepped down ends its own term's claim.
    bool ended = notice.term == known.term && notice.leader == Uid{} &&
                 notice.broker == known.broker && known.leader != Uid{};
    if (!news && !ended) return false;
    known = notice;
    return true;
  }
  void forget(const GroupId& group) { known_.erase(group); }
  const wire::LeaderNotice* find(const GroupId& group) const {
    auto found = known_.find(group);
    return found == known_.end() || found->second.leader == Uid{} ? nullptr : &found->second;
  }
  const std::map<GroupId, wire::LeaderNotice>& all() const { return known_; }

  /// Time for keep_only(): kMostNew groups have come.
  bool crowded() const { return known_.size() >= kept_ + kMostNew; }
  template <class IsGroup>
  void keep_only(IsGroup is_group) {
    std::erase_if(known_, [&](const auto& entry) { return !is_group(entry.first); });
    kept_ = known_.size();
  }

 private:
  std::map<GroupId, wire::LeaderNotice> known_;
  size_t kept_ = 0;
};

}  // namespace strandlog::broker
