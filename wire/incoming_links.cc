// A list in order of use with two indexes over it.
#include "wire/incoming_links.h"

namespace strandlog::wire {

IncomingLinks::Entry& IncomingLinks::meet(ListenerKind listener, uint32_t route, LinkId fresh) {
  if (auto known = by_route_.find({listener, route}); known != by_route_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
    return entries_.front();
  }
  if (entries_.size() >= limit_) forget(entries_.back().link);
  entries_.push_front({fresh, listener, route, std::make_shared<UnsentCount>(all_)});
  by_route_[{listener, route}] = entries_.begin();
  by_link_[fresh] = entries_.begin();
  return entries_.front();
}

IncomingLinks::Entry* IncomingLinks::find(LinkId link) {
  auto known = by_link_.find(link);
  if (known == by_link_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, known->second);
  return &entries_.front();
}

void IncomingLinks::forget(LinkId link) {
  auto known = by_link_.find(link);
  if (known == by_link_.end()) return;
  auto entry = known->second;
  by_route_.erase({entry->listener, entry->route});
  by_link_.erase(known);
  entries_.erase(entry);
}

}  // namespace strandlog::wire
